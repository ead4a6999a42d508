/** What a person's client asks of a session channel before the session itself begins: a terminal, variables, X11, the agent (RFC 4254, section 6). */
import type { PseudoTtyInfo, Session, X11Info } from 'ssh2';
import { type Guest, permits } from './authentication.ts';
import type { Pty, TerminalSize } from '../lobby/seat.ts';

export type Wanted =
  | { readonly kind: 'shell' }
  | { readonly kind: 'exec'; readonly command: string }
  | { readonly kind: 'subsystem'; readonly name: string };

export interface TerminalRequest extends Pty {
  readonly info: PseudoTtyInfo;
  full(): WindowSize;
}

export interface WindowSize extends TerminalSize {
  readonly widthPixels: number;
  readonly heightPixels: number;
}

export interface SessionRequest {
  readonly terminal: TerminalRequest | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly x11: X11Info | undefined;
  readonly wantsAgent: boolean;
  /** Calls back with a signal's name without `SIG` until the returned function is called. */
  onSignal(callback: (name: string) => void): () => void;
}

/** Variables that say how a person reads and writes, and nothing that changes what a program does (`LD_PRELOAD`, `PATH`). */
const safeVariable = /^(?:LANG|LANGUAGE|LC_[A-Z]{1,20}|TZ|TERM|COLORTERM|NO_COLOR|GIT_PROTOCOL|TERM_PROGRAM|TERM_PROGRAM_VERSION)$/u;
const longestValue = 1024;
const mostVariables = 64;

export function gatherRequest(session: Session, guest: Guest): SessionRequest {
  const env: Record<string, string> = {};
  const state: { terminal?: TerminalRequest; x11?: X11Info; wantsAgent: boolean } = { wantsAgent: false };
  const signals = new Listeners<string>();

  session.on('env', (accept, reject, { key, val }) => {
    const isTaken = safeVariable.test(key) && val.length <= longestValue && !val.includes('\0') && Object.keys(env).length < mostVariables;
    if (isTaken) env[key] = val;
    answer(isTaken ? accept : reject);
  });
  session.on('pty', (accept, reject, info) => {
    if (!permits(guest, 'permit-pty') || state.terminal !== undefined || info.term.length > longestValue) return answer(reject);
    state.terminal = terminalOf(session, info, env);
    answer(accept);
  });
  session.on('x11', (accept, reject, info) => {
    if (!permits(guest, 'permit-X11-forwarding')) return answer(reject);
    state.x11 = info;
    answer(accept);
  });
  session.on('auth-agent', (accept, reject) => {
    state.wantsAgent = permits(guest, 'permit-agent-forwarding');
    answer(state.wantsAgent ? accept : reject);
  });
  session.on('signal', (accept, _reject, { name }) => {
    signals.tell(name);
    answer(accept);
  });
  return {
    get terminal() {
      return state.terminal;
    },
    env,
    get x11() {
      return state.x11;
    },
    get wantsAgent() {
      return state.wantsAgent;
    },
    onSignal: (callback) => signals.add(callback),
  };
}

function terminalOf(session: Session, info: PseudoTtyInfo, env: Readonly<Record<string, string>>): TerminalRequest {
  const resizes = new Listeners<WindowSize>();
  let size: WindowSize = { columns: info.cols, rows: info.rows, widthPixels: info.width, heightPixels: info.height };
  session.on('window-change', (accept, _reject, { cols, rows, width, height }) => {
    size = { columns: cols, rows, widthPixels: width, heightPixels: height };
    resizes.tell(size);
    answer(accept);
  });
  return {
    info,
    term: info.term === '' ? 'dumb' : info.term,
    // no-color.org: set to anything.
    get noColour() {
      return (env['NO_COLOR'] ?? '') !== '';
    },
    size: () => size,
    full: () => size,
    onResize: (callback) => resizes.add(callback),
  };
}

class Listeners<T> {
  readonly #all = new Set<(value: T) => void>();

  add(callback: (value: T) => void): () => void {
    this.#all.add(callback);
    return () => void this.#all.delete(callback);
  }

  tell(value: T): void {
    for (const callback of this.#all) callback(value);
  }
}

/** There is nothing to call where the client wants no answer. */
function answer(acceptOrReject: unknown): void {
  if (typeof acceptOrReject === 'function') (acceptOrReject as () => void)();
}
