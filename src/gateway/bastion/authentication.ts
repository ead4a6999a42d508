/**
 * The sign-in of one connection (RFC 4252). Two types keep two things apart: a `Guest` is somebody whose credential was good; only a `Visit` (visit.ts) may
 * do anything, and it is made after what else the login needs (the password of another user inside a server) has been given, too.
 *
 * An unknown person, a wrong key and a wrong password are all answered alike: control's own answer, after the same work, and the same list of methods.
 */
import type { AuthContext, AuthenticationType, Connection, KeyboardAuthContext, PublicKeyAuthContext } from 'ssh2';
import { messageOf } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import { asServerName, isBareName, type Login, parseLogin } from '../../core/login.ts';
import { fault, toFault } from '../../core/errors.ts';
import { parsePersonName } from '../../core/names.ts';
import type { SignedInView } from '../../contract/internal.ts';
import type { ControlLink } from '../control-link.ts';
import { hangUp, sendBanner } from './ssh2-extras.ts';
import { wireProof } from './wire-proof.ts';

export interface Guest extends SignedInView {
  readonly login: Login;
  readonly fromAddress: string;
}

type Extension = 'permit-pty' | 'permit-port-forwarding' | 'permit-agent-forwarding' | 'permit-X11-forwarding';

/** A certificate may allow less than a key (OpenSSH's PROTOCOL.certkeys, "Extensions"). */
export function permits({ permits: allowed }: Guest, extension: Extension): boolean {
  return allowed === null || allowed.includes(extension);
}

/** What more a login needs after the first proof. `ask` shows a question and gives the answer. Resolves false when it was not given. */
export type SecondStep = (ask: (question: string) => Promise<string>) => Promise<boolean>;

export interface AuthenticationOptions {
  readonly link: ControlLink;
  readonly log: Log;
  /** Undefined: nothing more is needed. */
  readonly secondStepOf: (guest: Guest) => Promise<SecondStep | undefined>;
}

const methods: AuthenticationType[] = ['publickey', 'password', 'keyboard-interactive'];
const secondMethods: AuthenticationType[] = ['keyboard-interactive', 'password'];
/** An agent may hold many keys, and each is tried; OpenSSH's own server takes six. */
const mostKeys = 20;
/** Signed without a question before, or for a name that it is not good for. */
const mostProofs = 6;
const mostPasswords = 6;
const mostSecondTries = 3;
/** Of all kinds, those that ask for nothing too. */
const mostRequests = 60;

/** Resolves when the client is in; it never resolves for one who does not get in. */
export function authenticate(connection: Connection, fromAddress: string, options: AuthenticationOptions): Promise<Guest> {
  const attempt = new Attempt(connection, fromAddress, options);
  connection.on('authentication', (context) => void attempt.answer(context));
  connection.once('close', () => attempt.leave());
  return attempt.guest;
}

class Attempt {
  readonly #connection: Connection;
  readonly #fromAddress: string;
  readonly #options: AuthenticationOptions;
  readonly #done = Promise.withResolvers<Guest>();
  readonly #tries = { requests: 0, keys: 0, proofs: 0, passwords: 0, second: 0 };
  #known: Guest | undefined;
  #second: SecondStep | undefined;
  #login: Login | undefined;
  #hasComplained = false;
  #hasGuessed = false;
  #hasLeft = false;

  constructor(connection: Connection, fromAddress: string, options: AuthenticationOptions) {
    this.#connection = connection;
    this.#fromAddress = fromAddress;
    this.#options = options;
  }

  get guest(): Promise<Guest> {
    return this.#done.promise;
  }

  async answer(context: AuthContext): Promise<void> {
    this.#tries.requests += 1;
    if (this.#tries.requests > mostRequests) return hangUp(this.#connection);
    try {
      await this.#decide(context);
    } catch (error) {
      const { code, message } = toFault(error);
      if (code === 'internal') this.#options.log.warn({ error: messageOf(error) }, 'a sign-in failed by a fault of ours');
      // Who is refused by name, key or password learns nothing more; what concerns everybody, or the way the name is written, is said.
      if (!['not-signed-in', 'wrong-password', 'cancelled'].includes(code)) this.#complain(message);
      context.reject(methods);
    }
  }

  /** A wrong password has been counted by control itself. */
  leave(): void {
    this.#hasLeft = true;
    const { keys, proofs } = this.#tries;
    if (this.#known !== undefined || keys + proofs === 0 || this.#hasGuessed) return;
    const body = { person: this.#login?.person ?? null, fromAddress: this.#fromAddress, tries: Math.max(keys, proofs) };
    this.#options.link
      .call('signInFailed', { body })
      .catch((error: unknown) => this.#options.log.warn({ error: messageOf(error) }, 'a failed sign-in could not be noted'));
  }

  async #decide(context: AuthContext): Promise<void> {
    if (this.#known !== undefined && this.#second !== undefined) return await this.#goOn(context, this.#second);
    // ssh2 ends a connection whose user name changes, so it is the same each time.
    this.#login ??= parseLogin(context.username);
    if (context.method === 'publickey') return await this.#byKey(context, this.#login);
    if (context.method === 'password') return await this.#byPassword(context, this.#login, context.password);
    if (context.method !== 'keyboard-interactive') return context.reject(methods);
    const { person } = this.#login;
    await this.#byPassword(context, this.#login, await ask(context, person === undefined ? 'Password: ' : `Password of ${person}: `));
  }

  /** Without a signature `accept` says "that key would do" and nothing more; with one it lets in, so then only control's own word leads there. */
  async #byKey(context: PublicKeyAuthContext, login: Login): Promise<void> {
    const common = { person: login.person ?? null, mayBeServer: isBareName(login), fromAddress: this.#fromAddress };
    if (context.signature === undefined) {
      this.#tries.keys += 1;
      if (this.#tries.keys > mostKeys) return context.reject(secondMethods);
      const { algo, data } = context.key;
      await this.#options.link.call('signInByKey', { body: { ...common, algorithm: algo, key: data.toString('base64'), proof: null } });
      return context.accept();
    }
    this.#tries.proofs += 1;
    if (this.#tries.proofs > mostProofs) return hangUp(this.#connection);
    const shown = wireProof(context);
    if (shown === undefined) return context.reject(methods);
    const proof = { signedData: shown.signedData.toString('base64'), signature: shown.signature.toString('base64') };
    const body = { ...common, algorithm: shown.algorithm, key: shown.keyBlob.toString('base64'), proof };
    const answer = await this.#options.link.call('signInByKey', { body });
    if (answer.kind !== 'signed-in') return context.reject(methods);
    await this.#admit(context, answer.session, login);
  }

  async #byPassword(context: AuthContext, login: Login, password: string): Promise<void> {
    this.#tries.passwords += 1;
    if (this.#tries.passwords > mostPasswords) return hangUp(this.#connection);
    const { person } = login;
    if (person === undefined) {
      this.#complain(
        `A password alone does not say who you are: sign in as YOU+${context.username}, with your name for YOU, or with your key.`,
      );
      return context.reject(methods);
    }
    // dbclient without a terminal answers so as often as it is asked. It is nobody's password, and so no guess that would lock somebody's.
    if (password === '') return context.reject(methods);
    this.#hasGuessed = true;
    const { session } = await this.#options.link.call('signInByPassword', {
      body: { person, password, fromAddress: this.#fromAddress },
    });
    await this.#admit(context, session, login);
  }

  async #admit(context: AuthContext, session: SignedInView, login: Login): Promise<void> {
    const isOther = isBareName(login) && login.person !== session.person;
    const meant = isOther ? asServerName(login, parsePersonName(session.person)) : login;
    const guest = { ...session, login: meant, fromAddress: this.#fromAddress };
    this.#known = guest;
    this.#second = await this.#options.secondStepOf(guest);
    if (this.#second === undefined) this.#letIn(context, guest);
    else context.reject(secondMethods, true);
  }

  async #goOn(context: AuthContext, step: SecondStep): Promise<void> {
    this.#tries.second += 1;
    if (this.#tries.second > mostSecondTries) {
      this.#complain('The server asks for a password of that user, and none that does was given.');
      return hangUp(this.#connection);
    }
    let isGiven = false;
    if (context.method === 'password') isGiven = await step(() => Promise.resolve(context.password));
    else if (context.method === 'keyboard-interactive') isGiven = await step((question) => ask(context, question));
    if (isGiven && this.#known !== undefined) this.#letIn(context, this.#known);
    else context.reject(secondMethods);
  }

  /** Who has gone while control was asked would have a visit that nothing ever ends. */
  #letIn(context: AuthContext, guest: Guest): void {
    if (this.#hasLeft) return;
    context.accept();
    this.#done.resolve(guest);
  }

  #complain(sentence: string): void {
    if (this.#hasComplained) return;
    this.#hasComplained = true;
    sendBanner(this.#connection, sentence);
  }
}

/** One question without echo. Rejects when the client takes it back. */
async function ask(context: KeyboardAuthContext, question: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  context.once('abort', () => reject(fault('cancelled', 'the client took its sign-in back')));
  context.prompt([{ prompt: question, echo: false }], (answers: unknown) => {
    const [answer] = Array.isArray(answers) ? (answers as readonly unknown[]) : [];
    resolve(typeof answer === 'string' ? answer : '');
  });
  return await promise;
}
