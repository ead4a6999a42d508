/**
 * SSH public keys as people hand them in: OpenSSH lines (`id_ed25519.pub`, an authorized_keys file), RFC 4716 ("SSH2 PUBLIC KEY") and PuTTY's .ppk.
 * A .ppk holds the private key too: only its public part is read, nothing of the rest is returned, kept or shown in an error.
 */
import { decodeBase64, encodeBase64 } from './base64.ts';
import { fault } from './errors.ts';
import { shorten } from './ids.ts';
import { algorithmOfBlob, checkKeyBlob, isKnownAlgorithm } from './ssh-key-blob.ts';

export interface PublicKey {
  readonly algorithm: string;
  /** The key in base64, as the second word of an OpenSSH line. */
  readonly blob: string;
  /** One line without control characters, at most 200 characters: fit for an authorized_keys file. */
  readonly comment: string;
}

export interface ParsedKeys {
  /** At least one; a key given twice is in it once. */
  readonly keys: readonly PublicKey[];
  /** The text held a private key beside (a .ppk), which was passed over: tell the person that nothing of it was kept. */
  readonly heldPrivateKey: boolean;
}

/** An authorized_keys file with more than this is not a person's own. */
const longestText = 100_000;

/** Throws `bad-key`. */
export function parsePublicKeys(text: string): ParsedKeys {
  if (text.length > longestText) throw bad(`the key file has ${text.length} characters, more than any public key: give the .pub file`);
  refuseOtherFormats(text);
  const { keys, heldPrivateKey } = parseAll(text.replaceAll('\uFEFF', '').split(/\r\n|\r|\n/u));
  if (keys.length === 0)
    throw bad('there is no public key in it: give a line such as "ssh-ed25519 AAAA... name", which is what id_ed25519.pub holds');
  return { keys: [...new Map(keys.map((key) => [key.blob, key])).values()], heldPrivateKey };
}

/** One key after the other, each in whatever form: several files given at once are one text. */
function parseAll(lines: readonly string[]): ParsedKeys {
  const keys: PublicKey[] = [];
  let heldPrivateKey = false;
  for (let at = 0; at < lines.length;) {
    const line = (lines[at] ?? '').trim();
    let end = at + 1;
    if (rfc4716Begin.test(line)) {
      end = endOfRfc4716(lines, at);
      keys.push(parseRfc4716Body(lines.slice(at + 1, end - 1)));
    } else if (ppkBegin.test(line)) {
      end = endOfPpk(lines, at);
      keys.push(parsePpk(lines.slice(at, end)));
      heldPrivateKey = true;
    } else if (line !== '' && !line.startsWith('#')) {
      keys.push(parseLine(line, lines.length === 1 ? 'the key' : `line ${at + 1}`));
    }
    at = end;
  }
  return { keys, heldPrivateKey };
}

/** The line for an authorized_keys file. */
export function publicKeyLine({ algorithm, blob, comment }: PublicKey): string {
  return comment === '' ? `${algorithm} ${blob}` : `${algorithm} ${blob} ${comment}`;
}

/** `SHA256:...` as `ssh-keygen -l` prints it. `blob` is that of a `PublicKey`; hashing is handed in because it differs by platform. */
export function fingerprintOf(blob: string, sha256: (bytes: Uint8Array) => Uint8Array): string {
  const bytes = decodeBase64(blob);
  if (bytes === undefined) throw bad('that key is damaged: its base64 part is not whole');
  return `SHA256:${encodeBase64(sha256(bytes)).replace(/=+$/u, '')}`;
}

function bad(sentence: string): Error {
  return fault('bad-key', sentence);
}

function refuseOtherFormats(text: string): void {
  if (/-----?\s*BEGIN [A-Z\d ]*PRIVATE KEY/u.test(text)) {
    throw bad(
      'that is a private key, which nobody else should ever see; nothing of it was kept: give the public one, the file that ends in .pub',
    );
  }
  if (/-----BEGIN [A-Z\d ]*(?:PUBLIC KEY|CERTIFICATE)/u.test(text)) {
    throw bad('that is a key in PEM form; change it with "ssh-keygen -i -m PKCS8 -f FILE" and give the line that this prints');
  }
}

function makeKey(algorithm: string, blob: string, comment: string, where: string): PublicKey {
  checkKeyBlob(algorithm, blob, where);
  const shown = comment
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ')
    .trim()
    .slice(0, 200);
  return { algorithm, blob, comment: shown };
}

function parseLine(line: string, where: string): PublicKey {
  const match = /^(\S+)[ \t]+(\S+)(?:[ \t]+(.*))?$/su.exec(line);
  const [, algorithm = '', blob = '', comment = ''] = match ?? [];
  if (isKnownAlgorithm(algorithm) || /^(?:ssh|ecdsa|sk)-[\w.@-]+$/u.test(algorithm)) return makeKey(algorithm, blob, comment, where);
  if (/(?:^|[ \t])(?:ssh|ecdsa-sha2|sk-ssh|sk-ecdsa-sha2)-[\w.@-]+[ \t]+AAAA/u.test(line)) {
    throw bad(
      `${where} begins with options ("${shorten(algorithm)}"), which are not taken: give the key from its algorithm on, such as "ssh-ed25519 AAAA..."`,
    );
  }
  throw bad(`${where} is not a public key: it should look like "ssh-ed25519 AAAA... name", all on one line`);
}

const rfc4716Begin = /^\s*---- BEGIN SSH2 PUBLIC KEY ----\s*$/u;
const rfc4716End = /^\s*---- END SSH2 PUBLIC KEY ----\s*$/u;

function endOfRfc4716(lines: readonly string[], begin: number): number {
  const last = lines.findIndex((line, at) => at > begin && rfc4716End.test(line));
  if (last < 0) throw bad('the key ends too early: the line "---- END SSH2 PUBLIC KEY ----" is missing');
  return last + 1;
}

/** RFC 4716, section 3.3: headers are `Tag: value`, a backslash at a line's end goes on in the next; then base64 in lines, which alone names the algorithm. */
function parseRfc4716Body(lines: readonly string[]): PublicKey {
  const body = lines.join('\n').replaceAll('\\\n', '').split('\n');
  let comment = '';
  let blob = '';
  for (const line of body) {
    const header = /^([^\s:]{1,64}):\s?(.*)$/su.exec(line);
    if (header === null) blob += line.trim();
    else if (header[1]?.toLowerCase() === 'comment') comment = (header[2] ?? '').trim().replace(/^"(.*)"$/su, '$1');
  }
  return makeKey(algorithmOfBlob(blob) ?? '', blob, comment, 'the key');
}

const ppkBegin = /^PuTTY-User-Key-File-\d/u;

/** Where what belongs to a .ppk ends: its fields, of which two say how many lines follow them. The private part may have been cut off. */
function endOfPpk(lines: readonly string[], begin: number): number {
  let end = begin + 1;
  for (;;) {
    const field = /^(?:Encryption|Comment|Public-Lines|Key-Derivation|Argon2-\w+|Private-Lines|Private-MAC|Private-Hash):\s*(.*)$/u.exec(
      lines[end] ?? '',
    );
    if (field === null) return end;
    end += 1 + (/^(?:Public|Private)-Lines:/u.test(field[0]) ? Number(/^\d{1,5}$/u.exec((field[1] ?? '').trim())?.[0] ?? 0) : 0);
  }
}

/** PuTTY's documentation, appendix C ("PPK file format"), versions 2 and 3; their public part is the same. */
function parsePpk(lines: readonly string[]): PublicKey {
  const [, version, algorithm = ''] =
    /^PuTTY-User-Key-File-(\d+):\s*(\S+)/u.exec(lines.find((line) => line.trim() !== '')?.trim() ?? '') ?? [];
  if (version !== '2' && version !== '3') {
    throw bad(
      `this .ppk file is of version ${version ?? 'unknown'}, and only 2 and 3 are read: save the key again with a current PuTTYgen`,
    );
  }
  const comment = lines.map((line) => /^Comment:\s?(.*)$/su.exec(line)?.[1]).find((found) => found !== undefined) ?? '';
  const at = lines.findIndex((line) => /^Public-Lines:\s*\d+\s*$/u.test(line));
  const count = Number(/\d+/u.exec(lines[at] ?? '')?.[0] ?? 0);
  const blob = lines
    .slice(at + 1, at + 1 + count)
    .map((line) => line.trim())
    .join('');
  if (at < 0 || blob === '') throw bad('this .ppk file has no public part: save the key again with PuTTYgen');
  return makeKey(algorithm, blob, comment, 'the public part of this .ppk file');
}
