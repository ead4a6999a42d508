/** Pages of the gateway's for servers that fail, as HAProxy shows them (its "Custom log format": `%` begins a variable there). */
import { failurePage, pageText } from '../gateway/http/pages.ts';

/** Numbers that no server and no port has, put in for the two that HAProxy knows. */
const [idMark, portMark] = [987_654_001, 987_654_002];

export function failurePages(failure: 'slow' | 'broken', format: 'html' | 'json'): string {
  const page = failurePage(failure, { id: idMark, port: portMark });
  return pageText(page, format)
    .replaceAll('%', '%%')
    .replaceAll(String(idMark), '%[var(txn.key),field(2,/)]')
    .replaceAll(String(portMark), '%[var(txn.value),field(2,|)]');
}
