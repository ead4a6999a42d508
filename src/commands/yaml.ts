import { Document, visit } from 'yaml';
import { escapeHarmful, hasHarmful } from './plain-text.ts';

export function yamlText(value: unknown): string {
  // Readers of YAML 1.1 as well as of 1.2 shall see the same: `no` and `1:30` come out quoted.
  const document = new Document(value, { version: '1.1' });
  visit(document, {
    Scalar(_key, node) {
      if (typeof node.value === 'string' && hasHarmful(node.value)) node.type = 'QUOTE_DOUBLE';
    },
  });
  return escapeHarmful(document.toString({ lineWidth: 0 })).replace(/^%YAML 1\.1\n---\n/u, '');
}
