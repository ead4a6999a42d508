/**
 * From the gateway to a server's own sshd. The server's host key must be the one that control keeps for it; the first user is entered with the gateway's
 * key, which control holds and signs with for people who may enter; any other user by that user's own password, asked of the person.
 */
import { connect } from 'node:net';
import ssh2, { type AnyAuthMethod, type AuthHandlerMiddleware, type Client, type ServerHostKeyAlgorithm } from 'ssh2';
import { type Fault, messageOf } from '../../base/fault.ts';
import { visible } from '../../commands/plain-text.ts';
import { fault } from '../../core/errors.ts';
import type { Place } from '../../contract/internal.ts';
import { GatewayAgent, type GatewayAgentOptions } from './gateway-agent.ts';
import { hasAesHardware, sshAlgorithms } from './algorithms.ts';
import type { Entry } from './ledger.ts';
import { limitPeer } from './peer-limits.ts';

export interface InnerOptions extends GatewayAgentOptions {
  readonly user: string;
  /** One question without echo; rejects or gives undefined when there is nobody to ask. Undefined: nobody is there. */
  readonly askPassword: ((question: string) => Promise<string | undefined>) | undefined;
  readonly signal: AbortSignal;
  /** The server, or its wrong host key, kept somebody out: for the audit. */
  readonly onRefused: (what: Omit<Entry, 'credential'>) => void;
}

/** A server that is busy with a whole class may take a while to greet. */
const greetMs = 30_000;
/** A person at a password prompt takes longer. */
const loginMs = 180_000;
const keepAliveMs = 30_000;
const mostPasswords = 3;
/** Questions of a server in one round. */
const mostPrompts = 8;
const hasAes = hasAesHardware();

/** Throws `not-allowed` for a strange host key or refused passwords, `wrong-state` where nobody answers: sentences for the person. */
export async function openInner(options: InnerOptions): Promise<Client> {
  const { place, user, signal } = options;
  if (place.hostKey === null)
    throw fault(
      'wrong-state',
      `server ${place.id} has no host key on record, so nobody can tell whether it is the right one; "doctor" tells more`,
    );
  signal.throwIfAborted();
  const client = new ssh2.Client();
  const { promise, resolve, reject } = Promise.withResolvers<Client>();
  const state = { isStrange: false, asked: 0, hasGivenUp: false };
  const socket = connect({ host: place.address, port: place.sshPort, noDelay: true });
  socket.once('error', (error) => reject(error));
  const onAbort = () => reject(fault('cancelled', 'the person went away'));
  signal.addEventListener('abort', onAbort, { once: true });
  let patience = setTimeout(() => reject(new Error('it says nothing')), greetMs);
  client.once('handshake', () => {
    clearTimeout(patience);
    patience = setTimeout(() => reject(new Error('nobody logged in')), loginMs);
  });
  client.once('ready', () => resolve(client));
  client.on('error', (error) => reject(error));
  client.once('close', () => reject(new Error('the connection was closed')));
  const agent = new GatewayAgent(options);
  try {
    client.connect({
      sock: socket,
      username: user,
      // It would count the time in which a person types, too.
      readyTimeout: 0,
      keepaliveInterval: keepAliveMs,
      algorithms: { ...sshAlgorithms(hasAes), serverHostKey: [kindOfKey(place.hostKey)] },
      hostVerifier: (key: Buffer) => {
        state.isStrange = !isKeyOf(place, key);
        return !state.isStrange;
      },
      agent,
      authHandler: loginOf(options, agent, state),
    });
    limitPeer(client);
    return await promise;
  } catch (error) {
    client.end();
    socket.destroy();
    const meant = meaning(error, options, state);
    if (meant.code !== 'wrong-state' && meant.code !== 'cancelled')
      options.onRefused({ kind: 'login', server: place, detail: meant.message });
    throw meant;
  } finally {
    clearTimeout(patience);
    signal.removeEventListener('abort', onAbort);
  }
}

/** No other kind of key is asked for, so none can be mistaken for it. */
function kindOfKey(line: string): ServerHostKeyAlgorithm {
  return (line.split(' ', 1)[0] ?? '') as ServerHostKeyAlgorithm;
}

function isKeyOf({ hostKey }: Place, shown: Buffer): boolean {
  return hostKey?.split(' ')[1] === shown.toString('base64');
}

/** The gateway's key first, then passwords; the server's own list of what can go on is kept to. */
function loginOf({ place, user, askPassword }: InnerOptions, agent: GatewayAgent, state: { asked: number; hasGivenUp: boolean }) {
  let step: 'none' | 'key' | 'password' = 'none';
  const next = async (left: readonly string[] | null): Promise<AnyAuthMethod | false> => {
    if (step === 'none') {
      step = 'key';
      return { type: 'none', username: user };
    }
    if (step === 'key') {
      step = 'password';
      if (user === place.admin && place.gatewayKey !== null && left?.includes('publickey') === true)
        return { type: 'agent', username: user, agent };
    }
    const type = ['keyboard-interactive', 'password'].find((one) => left?.includes(one) === true);
    if (askPassword === undefined || type === undefined || state.asked >= mostPasswords) return false;
    state.asked += 1;
    if (type === 'password') {
      const password = await askPassword(`${user}@server-${place.id}'s password: `);
      state.hasGivenUp = password === undefined;
      return password === undefined ? false : { type: 'password', username: user, password };
    }
    return {
      type: 'keyboard-interactive',
      username: user,
      prompt(_name, instructions, _language, prompts, finish) {
        const giveUp = () => {
          state.asked = mostPasswords;
          state.hasGivenUp = true;
          finish([]);
        };
        void answers(prompts.slice(0, mostPrompts), instructions, askPassword, `${user}@server-${place.id}: `).then(finish, giveUp);
      },
    };
  };
  const handler: AuthHandlerMiddleware = (left, _partial, callback) => {
    const go = callback as unknown as (method: AnyAuthMethod | false) => void;
    next(left).then(go, () => go(false));
  };
  return handler;
}

/** What the server wants to know, in its own words, which may be anything. Throws when the person gives up. */
async function answers(
  prompts: readonly { readonly prompt: string }[],
  instructions: string,
  ask: NonNullable<InnerOptions['askPassword']>,
  whose: string,
): Promise<string[]> {
  const given: string[] = [];
  for (const [index, { prompt }] of prompts.entries()) {
    const before = index === 0 && instructions !== '' ? `${visible(instructions)}\r\n` : '';
    const answer = await ask(`${before}${whose}${visible(prompt)}`);
    if (answer === undefined) throw fault('cancelled', 'the person gave up');
    given.push(answer);
  }
  return given;
}

function meaning(
  error: unknown,
  { place, user, askPassword }: InnerOptions,
  { isStrange, asked, hasGivenUp }: { readonly isStrange: boolean; readonly asked: number; readonly hasGivenUp: boolean },
): Fault {
  if (isStrange)
    return fault(
      'not-allowed',
      `what answers at the address of server ${place.id} does not have its host key, so it was not entered: somebody may be posing as it, or its key was changed inside`,
    );
  const found = messageOf(error);
  if (error instanceof Error && 'level' in error && error.level === 'client-authentication') {
    if (hasGivenUp) return fault('cancelled', `server ${place.id} asked for ${user}'s password, and none was given`);
    if (asked > 0) return fault('wrong-password', `server ${place.id} did not let ${user} in with that password`);
    const why =
      user === place.admin ? `the gateway's key is not (any more) among ${user}'s authorized keys` : `${user} is not its first user`;
    return askPassword === undefined
      ? fault('not-allowed', `server ${place.id} wants a password for ${user} (${why}), and there is no terminal to ask at: use "ssh -t"`)
      : fault('not-allowed', `server ${place.id} does not let ${user} in (${why})`);
  }
  return fault('wrong-state', `server ${place.id} does not answer to SSH (${found}): is it still starting, or sshd stopped inside?`, {
    cause: error,
  });
}
