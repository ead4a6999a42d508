/**
 * What a command needs from where it is typed. The program `myserver` gives a person's own machine with it; the gateway's lobby gives a terminal, a
 * client and the way into the servers, and the commands that need more (`login`, `logout`, files of one's own) are not there.
 */
import type { Clock } from '../base/clock.ts';
import type { Secret } from '../base/secret.ts';
import type { Client } from '../client/client.ts';
import type { EnterRequest } from '../core/login.ts';

export interface Terminal {
  write(text: string): void;
  writeError(text: string): void;
  /** Whether a person sits there who can be asked. */
  readonly isTerminal: boolean;
  /** Width of the output where it is a terminal; undefined for a file or a pipe, for which nothing is shortened. */
  readonly columns: number | undefined;
  readonly colour: boolean;
  /** Where lines on the error side can be written over (a terminal that is not dumb): its width. */
  readonly live: { readonly columns: number } | undefined;
  /** Throws `cancelled` when the person presses ^C or ^D. */
  ask(question: string): Promise<string>;
  /** The same without echo. */
  askSecret(question: string): Promise<Secret>;
  /** The next line of what is piped in, without its end; undefined at the end. */
  readLine(): Promise<string | undefined>;
  /** All the rest of what is piped in. */
  readAll(): Promise<string>;
}

/** What a person may say on the command line about the way to control. */
export interface ConnectOptions {
  readonly url?: string;
  readonly user?: string;
  readonly ca?: string;
  readonly insecureHttp?: boolean;
  readonly passwordStdin?: boolean;
  /** For what everybody may ask: without a token or a password. */
  readonly withoutSignIn?: boolean;
  /** Completion: rather fail than ask. */
  readonly neverAsk?: boolean;
  /** Told the password that was given to sign in with, if one was needed, so that nobody is asked for it twice. */
  readonly passwordGiven?: (password: Secret) => void;
}

/** A sign-in that is kept until it expires. */
export interface StoredSession {
  /** `https://host:port`, as `resolve` gives it. */
  readonly url: string;
  readonly person: string;
  readonly tokenId: string;
  readonly token: Secret;
  /** ISO 8601, UTC. */
  readonly expiresAt: string;
  readonly caFile?: string;
  readonly insecureHttp?: boolean;
}

export interface SessionStore {
  /** The newest sign-in first: it is the one that commands use. */
  list(): Promise<readonly StoredSession[]>;
  save(session: StoredSession): Promise<void>;
  remove(url: string): Promise<void>;
}

export interface ReachableControl {
  readonly url: string;
  readonly client: Client;
  /** Absolute path of `--ca`. */
  readonly caFile: string | undefined;
}

/** A person's own machine. */
export interface Machine {
  readonly hostName: string;
  /** The name the person has there, offered as the name to sign in with. */
  readonly userName: string;
  /** Control on this machine, where no address is given. */
  readonly defaultAddress: string;
  readonly sessions: SessionStore;
  readonly home: string;
  /** Absolute words that run this program. */
  readonly program: readonly string[];
  /** What leads to the same control from anywhere, without a sign-in: no address is root's own socket. */
  addressOf(options: ConnectOptions): Promise<Pick<ConnectOptions, 'url' | 'ca' | 'insecureHttp'>>;
  /** Text of a file. Throws `bad-request` with a sentence. */
  readFile(path: string): Promise<string>;
  absolutePath(path: string): string;
  /** A text file of the person's, undefined where there is none. Throws `bad-request` for what is not UTF-8. */
  readText(path: string): Promise<string | undefined>;
  /** Replaces it whole or not at all, or removes it. A new file is for its owner alone. */
  writeText(path: string, text: string | undefined): Promise<void>;
  /** Runs a program on this terminal. Its exit code; 128 + signal when a signal ended it. */
  execute(argv: readonly string[]): Promise<number>;
  /** A private file that vanishes with the value. */
  temporaryFile(name: string, text: string): Promise<AsyncDisposable & { readonly path: string }>;
  /** A client without credential (or with `token`) for `url`, refused where a password would cross a network in the clear. */
  reach(options: ConnectOptions & { readonly url: string }, token?: Secret): Promise<ReachableControl>;
}

export interface Context {
  readonly terminal: Terminal;
  readonly machine?: Machine;
  /** Where servers are entered without a program of one's own: at the gateway. Takes the terminal over; the exit code of the session. */
  readonly enter?: (request: EnterRequest) => Promise<number>;
  /** The client for one command. It may ask for a password at its first call. */
  connect(options: ConnectOptions): Client;
  readonly clock: Clock;
  /** A fresh UUID, for idempotency keys. */
  randomId(): string;
  sleep(ms: number): Promise<void>;
  /** Aborted by ^C, or when the person hangs up. */
  readonly signal: AbortSignal;
  readonly version: string;
}
