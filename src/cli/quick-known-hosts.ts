/**
 * `known-hosts` in the words that `ssh-config` writes, which ssh runs twice at every connection: the command's answer without loading the grammar of all
 * commands and the schemas of all calls, which would take more than half of the time. Whatever is unusual is the command's to do, and to tell of.
 */
import { readFileSync } from 'node:fs';
import { knownHostsText, type PublishedKeys } from '../commands/client-config/known-hosts-text.ts';
import { parseAddress, requireSafe } from './address.ts';
import { makeNodeFetch } from '../transport/node-fetch.ts';

/** Undefined: ask the command. */
export async function quickKnownHosts(argv: readonly string[]): Promise<string | undefined> {
  const words = parse(argv);
  if (words === undefined) return undefined;
  try {
    const url = parseAddress(words.url);
    requireSafe(url, words.insecureHttp);
    const fetch = makeNodeFetch(words.ca === undefined ? {} : { ca: readFileSync(words.ca, 'utf8') });
    const { status, text } = await fetch(`${url}/api/v1/host-keys?host=${encodeURIComponent(words.host)}`, { method: 'GET', headers: {} });
    return status === 200 ? knownHostsText(JSON.parse(await text()) as PublishedKeys, words.host) : undefined;
  } catch {
    return undefined;
  }
}

interface Words {
  readonly url: string;
  readonly ca: string | undefined;
  readonly insecureHttp: boolean;
  readonly host: string;
}

/** `known-hosts --url URL [--ca FILE] [--insecure-http] HOST` */
function parse(argv: readonly string[]): Words | undefined {
  const rest = [...argv];
  const take = (word: string) => rest[0] === word && rest.shift() !== undefined;
  if (!take('known-hosts') || !take('--url')) return undefined;
  const url = rest.shift();
  const ca = take('--ca') ? rest.shift() : undefined;
  const insecureHttp = take('--insecure-http');
  const [host, ...more] = rest;
  return url === undefined || host === undefined || host.startsWith('-') || more.length > 0 ? undefined : { url, ca, insecureHttp, host };
}
