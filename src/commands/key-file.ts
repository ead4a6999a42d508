/** Public keys from files that people name: a private half must not leave their machine. */
import { fault } from '../core/errors.ts';
import { shorten } from '../core/ids.ts';
import type { Invocation } from './invocation.ts';

/** The text of a key file; `-` is what is piped or pasted in. */
export async function keyFile({ context }: Invocation, file: string): Promise<string> {
  if (file === '-') return context.terminal.readAll();
  if (context.machine !== undefined) return context.machine.readFile(file);
  throw fault(
    'cannot-here',
    `the file "${shorten(file)}" is on your own machine and cannot be read from here: pipe it in (< FILE) or paste it, and write "-" for its name`,
  );
}

/** The part of a key file that may be sent. `where` names the file in the sentence. Throws `bad-key` for a private key. */
export function publicPart(text: string, where: string): string {
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/u.test(text))
    throw fault(
      'bad-key',
      `"${shorten(where)}" holds a private key, which nobody else may have: name the public one, mostly the same file with .pub`,
    );
  // PuTTY keeps both halves in one file, the public one first.
  const at = text.search(/^Private-Lines:/mu);
  const part = (at === -1 ? text : text.slice(0, at)).trim();
  if (part === '') throw fault('bad-key', `"${shorten(where)}" is empty: name a public key file such as ~/.ssh/id_ed25519.pub`);
  return part;
}
