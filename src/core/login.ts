/**
 * What an SSH user name at the bastion means: `person` is the lobby; `[person+][inside@]target` a session on a server, where target is an ID or a server's
 * name and `inside` a user in it. Nothing at all, or `-`, is the lobby of whoever the key belongs to. Parsed here once; everything after works with the result.
 */
import { fault } from './errors.ts';
import { isIdText, parseServerId, type ServerId, shorten } from './ids.ts';
import { parsePersonName, parseServerName, type PersonName, type ServerName } from './names.ts';

/** Which server is meant. Whether it exists, and whether this person may know, is for `core/access` to say. */
export type ServerReference = { readonly kind: 'id'; readonly id: ServerId } | { readonly kind: 'name'; readonly name: ServerName };

export interface Login {
  /** Undefined: the key says who it is. */
  readonly person: PersonName | undefined;
  readonly place:
    | { readonly kind: 'lobby' }
    | { readonly kind: 'server'; readonly server: ServerReference; readonly inside: string | undefined };
}

/** A session wanted on a server, from the lobby or from a command such as `ssh root@myserver -p2123`. */
export interface EnterRequest {
  readonly server: ServerReference;
  /** A user in the server; undefined: its first one. */
  readonly inside: string | undefined;
  /** Undefined: a login shell. One text, as SSH carries it: the shell inside takes it apart. */
  readonly command: string | undefined;
}

/** Linux's own limit (useradd(8)); a domain account inside may have dots and capitals. A leading "-" would be an option of some program. */
const insideRule = /^[a-z_A-Z][\w.$-]{0,31}$/u;

/** The words that lead to the lobby without saying who: what people type when a program asks for a user name and they have none. */
const nobodyInParticular = new Set(['', '-', 'myserver', 'lobby']);

/**
 * A name alone is read as a person's; whether it is a server's, the key tells (`isBareName`). Throws `bad-name`, `bad-id` with a sentence that shows the grammar.
 */
export function parseLogin(text: string): Login {
  const [before, after] = splitOnce(text, '+');
  const person = after === undefined ? undefined : namedPerson(before, text);
  const rest = after ?? before;
  const at = rest.lastIndexOf('@');
  if (at >= 0) {
    const inside = rest.slice(0, at);
    return { person, place: { kind: 'server', server: parseServerReference(rest.slice(at + 1)), inside: insideUser(inside, text) } };
  }
  if (person !== undefined || isIdText(rest) || isOwnName(rest)) {
    return { person, place: { kind: 'server', server: parseServerReference(rest), inside: undefined } };
  }
  if (nobodyInParticular.has(rest)) return { person: undefined, place: { kind: 'lobby' } };
  return { person: namedPerson(rest, text), place: { kind: 'lobby' } };
}

/** One name and nothing else: it may be a server's as well as a person's, and only the key tells. */
export function isBareName({ person, place }: Login): boolean {
  return place.kind === 'lobby' && person !== undefined;
}

/** What a bare name means to somebody else than the person of that name: their session on the server of that name. Throws `bad-name`. */
export function asServerName({ person }: Login, guest: PersonName): Login {
  return { person: guest, place: { kind: 'server', server: parseServerReference(person ?? ''), inside: undefined } };
}

/** `123`, `server-123`, or a server's name. Throws `bad-id`, `bad-name`. */
export function parseServerReference(text: string): ServerReference {
  const own = /^server-(\d+)$/u.exec(text)?.[1];
  if (own !== undefined || isIdText(text)) return { kind: 'id', id: parseServerId(own ?? text) };
  return { kind: 'name', name: parseServerName(text) };
}

/** A user name inside a server, as `ssh` and `login` take it. Throws `bad-name`. */
export function parseInsideUser(text: string): string {
  return insideUser(text, text);
}

/** How a reference is written. */
export function referenceText(server: ServerReference): string {
  return server.kind === 'id' ? String(server.id) : server.name;
}

function isOwnName(text: string): boolean {
  return /^server-\d+$/u.test(text);
}

function namedPerson(name: string, whole: string): PersonName {
  try {
    return parsePersonName(name);
  } catch {
    throw fault('bad-name', `"${shorten(whole)}" is not understood as a user name here. ${grammar}`);
  }
}

function insideUser(text: string, whole: string): string {
  if (!insideRule.test(text))
    throw fault('bad-name', `"${shorten(whole)}" is not understood: "${shorten(text)}" can be no user inside a server. ${grammar}`);
  return text;
}

const grammar =
  "Use your name for the lobby, an ID such as 123 or a server's name for that server, root@123 for another user in it, and you+123 to say who you are";

function splitOnce(text: string, separator: string): readonly [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}
