/**
 * `ssh` as people type it for a server: ssh(1)'s own options, before and after the destination, and the classic destinations, where every server is a port of
 * one host. Nothing is run: out comes which server is meant, as whom, and the command for it.
 */
import { fault } from './errors.ts';
import { isIdText, shorten } from './ids.ts';
import { type EnterRequest, parseInsideUser, parseLogin, parseServerReference } from './login.ts';
import type { ShellLine, ShellWord } from './shell-words.ts';
import { serverAtPort } from './ssh-port.ts';
import type { LobbyWorld } from './lobby-world.ts';

export interface Entrance {
  readonly request: EnterRequest;
  /** `-t`: without a terminal around us it cannot be had. */
  readonly wantsTerminal: boolean;
  /** Sentences for the error side: what was asked and does not count here. */
  readonly remarks: readonly string[];
}

/** getopt's string of OpenSSH 9.2's ssh. */
const flags = '1246afgknqstvxACGKMNTVXYy';
const withValue = 'bceilmopBDEFIJLOPQRSWw';

const remarksOf: Readonly<Record<string, string>> = {
  i: 'the key of -i is not used: you are signed in already, and the gateway takes you in',
  F: 'the file of -F is on your own machine and is not read here',
  E: 'nothing is written to the file of -E: it would be on your own machine',
  A: '-A counts on the outer ssh, the one on your own machine',
  X: '-X counts on the outer ssh, the one on your own machine',
  Y: '-Y counts on the outer ssh, the one on your own machine',
  f: '-f has no meaning here: the session stays in front',
};

/** With these a person wants the connection for something else than a session. */
const forwardings = new Set(['L', 'R', 'D', 'W', 'J', 'N', 'w']);
const forwardingOptions = /^(?:local|remote|dynamic)forward$|^proxy(?:jump|command)$|^tunnel$/u;
const foreign = new Set(['G', 'Q', 'O', 'S', 'M', 's']);

interface Given {
  port: string | undefined;
  user: string | undefined;
  wantsTerminal: boolean;
  readonly remarks: string[];
}

/** `first` is the number of the word after `ssh`. Throws `bad-request`, `bad-id`, `bad-name` with sentences. */
export function sshLine(line: string, { words, signs }: ShellLine, first: number, world: LobbyWorld): Entrance {
  const given: Given = { port: undefined, user: undefined, wantsTerminal: false, remarks: [] };
  const afterOptions = takeOptions(words, first, given);
  const destination = words[afterOptions]?.text;
  if (destination === undefined || destination === '')
    throw bad('no server was named: write its ID, as in "ssh 123"; "list" shows your servers');
  // Options may stand behind the destination too, as in "ssh myserver -p2123"; not after "--".
  const hadEnd = afterOptions > first && words[afterOptions - 1]?.text === '--';
  const at = hadEnd ? afterOptions + 1 : takeOptions(words, afterOptions + 1, given);
  const command = commandOf(line, words[at], signs, words.slice(at));
  return { request: { ...placeOf(destination, given, world), command }, wantsTerminal: given.wantsTerminal, remarks: given.remarks };
}

/** The number of the first word that is no option. */
function takeOptions(words: readonly ShellWord[], first: number, given: Given): number {
  let at = first;
  for (; at < words.length; at += 1) {
    const word = words[at]?.text ?? '';
    if (word === '--') return at + 1;
    if (!word.startsWith('-') || word === '-') return at;
    for (let letter = 1; letter < word.length; letter += 1) {
      const name = word[letter] ?? '';
      if (withValue.includes(name)) {
        const attached = word.slice(letter + 1);
        if (attached === '') at += 1;
        const value = attached === '' ? words[at]?.text : attached;
        if (value === undefined) throw bad(`-${name} of ssh needs a value`);
        takeValue(name, value, given);
        break;
      }
      takeFlag(name, given);
    }
  }
  return at;
}

function takeFlag(name: string, given: Given): void {
  if (!flags.includes(name)) throw bad(`ssh has no option -${shorten(name)}; "ssh --help" shows how it is used here`);
  refuse(name);
  if (name === 't') given.wantsTerminal = true;
  if (name === 'T') given.wantsTerminal = false;
  remark(name, given);
}

/** As in ssh, the first of two values counts. */
function takeValue(name: string, value: string, given: Given): void {
  refuse(name);
  remark(name, given);
  if (name === 'p') given.port ??= value;
  if (name === 'l') given.user ??= value;
  if (name !== 'o') return;
  const [, key = '', setting = ''] = /^\s*([a-z\d]+)\s*[=\s]\s*(.*?)\s*$/isu.exec(value) ?? [];
  const option = key.toLowerCase();
  if (forwardingOptions.test(option) && setting.toLowerCase() !== 'none') throw onTheOuter(`-o ${key}`);
  if (option === 'port') given.port ??= setting;
  if (option === 'user') given.user ??= setting;
  if (option === 'requesttty') given.wantsTerminal = /^(?:yes|force)$/iu.test(setting);
}

function remark(name: string, given: Given): void {
  const sentence = remarksOf[name];
  if (sentence !== undefined && !given.remarks.includes(sentence)) given.remarks.push(sentence);
}

function refuse(name: string): void {
  if (forwardings.has(name)) throw onTheOuter(`-${name}`);
  if (foreign.has(name)) throw bad(`-${name} of ssh does not work here: use it with ssh on your own machine`);
}

function onTheOuter(option: string): Error {
  return bad(`${shorten(option)} does not work here: put it on the outer ssh, the one on your own machine`);
}

/** What goes to the server: as ssh does it, the words joined; what holds signs for a shell goes as it was written, for the shell inside to take apart. */
function commandOf(line: string, begin: ShellWord | undefined, signs: ShellLine['signs'], words: readonly ShellWord[]): string | undefined {
  const early = signs.find(({ start }) => begin === undefined || start < begin.start);
  if (early !== undefined) throw notAShell(early.sign);
  if (begin === undefined) return undefined;
  return signs.length > 0 ? line.slice(begin.start).trim() : words.map(({ text }) => text).join(' ');
}

export function notAShell(sign: string): Error {
  const shown = /[\n\r]/u.test(sign) ? 'a second line' : `"${sign}"`;
  return bad(
    `${shown} is not understood: this is no shell. Give it to a server, as in ssh 123 'ls | wc -l', or put quotes around it where it belongs to a value`,
  );
}

/** Which server `[user@]host` and `-p` mean together. */
function placeOf(destination: string, given: Given, world: LobbyWorld): Pick<EnterRequest, 'server' | 'inside'> {
  const uri = /^ssh:\/\/(?:(.*)@)?([^@/]*?)(?::(\d+))?\/?$/u.exec(destination);
  const split = uri === null ? destination.lastIndexOf('@') : -1;
  const host = uri?.[2] ?? destination.slice(split + 1);
  const user = given.user ?? uri?.[1] ?? (split < 0 ? undefined : destination.slice(0, split));
  const port = portNumber(given.port ?? uri?.[3]);
  if (isOwnHost(host, world)) return atThisHost(user, port, world);
  const inside = user === undefined ? undefined : parseInsideUser(user);
  if (/[.:[\]]/u.test(host)) throw elsewhere(host, port, world);
  const server = parseServerReference(host);
  const byPort = port === undefined || port === 22 || isOwnPort(port, world) ? undefined : serverAtPort(port, world);
  if (byPort !== undefined && (server.kind === 'name' || server.id !== byPort))
    throw bad(
      `port ${port ?? ''} is that of server ${byPort}, and "${shorten(host)}" ${server.kind === 'id' ? 'is another one' : 'may be another one'}: leave -p out`,
    );
  return { server, inside };
}

/** `ssh root@myserver -p2123`; without a port, the user name says where to, as on the outer ssh: `ssh 123@myserver`. */
function atThisHost(user: string | undefined, port: number | undefined, world: LobbyWorld): Pick<EnterRequest, 'server' | 'inside'> {
  if (port !== undefined && !isOwnPort(port, world))
    return { server: { kind: 'id', id: serverAtPort(port, world) }, inside: user === undefined ? undefined : parseInsideUser(user) };
  const login = user === undefined ? undefined : parseLogin(user);
  if (login?.place.kind === 'server' && (login.person === undefined || login.person === world.person))
    return { server: login.place.server, inside: login.place.inside };
  if (login?.person !== undefined && login.person !== world.person)
    throw bad(`you are signed in as ${world.person}: to come as ${login.person}, leave first and type it on your own machine`);
  throw bad('you are here already: for a server write its ID, as in "ssh 123"');
}

function isOwnHost(host: string, world: LobbyWorld): boolean {
  const name = host.toLowerCase().replace(/\.$/u, '');
  return ['myserver', 'localhost', '127.0.0.1', '::1', ...[world.host, ...world.otherHosts].map((one) => one.toLowerCase())].includes(name);
}

function isOwnPort(port: number, { port: own }: LobbyWorld): boolean {
  return port === own || port === 22;
}

function elsewhere(host: string, port: number | undefined, world: LobbyWorld): Error {
  const hint = port === undefined || isOwnPort(port, world) ? '"ssh 123"' : `"ssh ${serverAtPort(port, world)}"`;
  return bad(`"${shorten(host)}" is no name of this host, and ssh leads only to servers from here: write the ID, as in ${hint}`);
}

function portNumber(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!isIdText(text) || text.length > 5 || Number(text) < 1 || Number(text) > 65_535)
    throw bad(`"${shorten(text)}" is no port: ports go from 1 to 65535`);
  return Number(text);
}

function bad(sentence: string): Error {
  return fault('bad-request', sentence);
}
