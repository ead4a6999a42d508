/**
 * What a line means that is typed in the lobby, or given to it as an SSH command: the manager's own commands with or without `myserver` before them, the
 * classic `ssh` lines, and what people type out of habit. Decided here, done by the gateway.
 */
import { fault } from './errors.ts';
import { isIdText, shorten } from './ids.ts';
import { clearWords, helpWords, leaveWords, sayingFor } from './lobby-words.ts';
import type { LobbyWorld } from './lobby-world.ts';
import { type ShellLine, type ShellWord, shellLine } from './shell-words.ts';
import { type Entrance, notAShell, sshLine } from './ssh-line.ts';

export type LobbyLine =
  | { readonly kind: 'empty' }
  | { readonly kind: 'help' }
  | { readonly kind: 'clear' }
  | { readonly kind: 'leave'; readonly exitCode: number }
  /** A command of the manager, without its name before it. */
  | { readonly kind: 'manager'; readonly argv: readonly string[] }
  | ({ readonly kind: 'enter' } & Entrance)
  /** `ssh-keygen -R`, after which people expect that no host key is in the way. */
  | { readonly kind: 'nothing-to-remove'; readonly host: string }
  /** With the exit code 0 it is an answer, else it belongs on the error side. */
  | { readonly kind: 'say'; readonly text: string; readonly exitCode: number };

/** Longer than any line with a meaning; a public key of 16384 bits has 2800 characters. */
export const longestLine = 16_384;

/** Throws faults only (`bad-request`, `bad-id`, `bad-name`), with sentences for whoever typed the line. */
export function parseLobbyLine(text: string, world: LobbyWorld): LobbyLine {
  if (text.length > longestLine) throw fault('bad-request', `the line has ${text.length} characters: ${longestLine} are the most`);
  // The prompt of another shell, copied along with the line.
  const line = text.trim().replace(/^\$\s+/u, '');
  const shell = shellLine(line);
  const isNamed = shell.words[0]?.text === 'myserver';
  const first = isNamed ? 1 : 0;
  const word = shell.words[first]?.text;
  if (word === undefined) return wordless(shell, isNamed);
  if ((word === 'ssh' || word === 'shell') && !isManagersSsh(shell.words, first + 1)) {
    const early = shell.signs.find(({ start }) => start < (shell.words[first + 1]?.start ?? 0));
    if (early !== undefined) throw notAShell(early.sign);
    return { kind: 'enter', ...sshLine(line, shell, first + 1, world) };
  }
  refuseSigns(shell);
  const argv = shell.words.slice(first).map((one) => one.text);
  return (isNamed ? undefined : ofHabit(argv, world)) ?? { kind: 'manager', argv };
}

function wordless(shell: ShellLine, isNamed: boolean): LobbyLine {
  refuseSigns(shell);
  return isNamed ? { kind: 'help' } : { kind: 'empty' };
}

function refuseSigns({ signs }: ShellLine): void {
  if (signs[0] !== undefined) throw notAShell(signs[0].sign);
}

/** `ssh --inside guest 123`, `ssh --help`: options that ssh(1) does not have, before the destination. */
function isManagersSsh(words: readonly ShellWord[], first: number): boolean {
  const options = words.slice(first).map(({ text }) => text);
  if (options.length === 0) return false;
  const end = options.findIndex((text) => !text.startsWith('-') || text === '--');
  return options.slice(0, end < 0 ? options.length : end).some((text) => text.startsWith('--') || text === '-h');
}

/** What the words mean where they are no command of the manager. */
function ofHabit(argv: readonly string[], world: LobbyWorld): LobbyLine | undefined {
  const [word = '', ...rest] = argv;
  if (leaveWords.has(word)) return { kind: 'leave', exitCode: exitCodeOf(word, rest) };
  if (clearWords.has(word)) return { kind: 'clear' };
  if (helpWords.has(word)) return rest.length === 0 ? { kind: 'help' } : { kind: 'manager', argv: ['help', ...rest] };
  if (word === 'ssh-keygen') {
    const host = removedHost(rest);
    if (host !== undefined) return { kind: 'nothing-to-remove', host };
  }
  switch (word) {
    case 'passwd':
      return { kind: 'manager', argv: ['password', ...rest] };
    case 'who':
    case 'whoami':
    case 'id':
      return { kind: 'say', text: world.person, exitCode: 0 };
    case 'hostname':
      return { kind: 'say', text: world.host, exitCode: 0 };
    case 'ls':
    case 'll':
    case 'dir':
      // The options of the other ls (`-la`), which the manager's own does not have.
      return { kind: 'manager', argv: ['list', ...rest.filter((one) => !/^-[lahtrAF1]+$/u.test(one))] };
    default:
  }
  if (isIdText(word) || /^[^@\s]+@[^@\s]+$/u.test(word))
    return { kind: 'say', text: `"${shorten(word)}" is no command; to log in type "ssh ${shorten(word)}"`, exitCode: 2 };
  const text = sayingFor(word, world);
  return text === undefined ? undefined : { kind: 'say', text, exitCode: 2 };
}

/** As a shell does, the lowest 8 bits count. */
function exitCodeOf(word: string, [code]: readonly string[]): number {
  if (code === undefined) return 0;
  if (!/^\d{1,9}$/u.test(code)) throw fault('bad-request', `"${shorten(code)}" is no exit code: write "${word}" alone, or with a number`);
  return Number(code) % 256;
}

/** The host of `ssh-keygen -R [myserver]:2999 -f FILE`. */
function removedHost(rest: readonly string[]): string | undefined {
  for (const [at, word] of rest.entries()) {
    const attached = /^-[a-z]*R(.*)$/su.exec(word)?.[1];
    if (attached !== undefined) return attached === '' ? (rest[at + 1] ?? '') : attached;
  }
  return undefined;
}
