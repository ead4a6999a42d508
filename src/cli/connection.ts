/**
 * The way from a command line to control: `--url` or MYSERVER_URL; else the newest sign-in that is kept; else, for root, the host's own socket; else the
 * loopback address. Where no token is kept, the password is asked for at the first call, as the classic manager did at each command.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Secret } from '../base/secret.ts';
import type { Client, ClientOptions, Fetch } from '../client/client.ts';
import type { ConnectOptions, ReachableControl, SessionStore, StoredSession, Terminal } from '../commands/context.ts';
import { secretFrom } from '../commands/invocation.ts';
import { fault } from '../core/errors.ts';
import { parseAddress, requireSafe } from './address.ts';

export const defaultAddress = 'http://127.0.0.1:9440';

export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  readonly isRoot: boolean;
  readonly userName: string;
  readonly terminal: Terminal;
  readonly sessions: SessionStore;
  readonly clock: Clock;
}

/** A client that finds its way at its first call, once. */
export function makeConnection(options: ConnectOptions, surroundings: Surroundings): Client {
  let way: Promise<Client> | undefined;
  return {
    async call(name, ...args) {
      way ??= findWay(options, surroundings);
      return (await way).call(name, ...args);
    },
  };
}

async function findWay(options: ConnectOptions, surroundings: Surroundings): Promise<Client> {
  const { env } = surroundings;
  if (options.withoutSignIn === true) {
    const { url, ...more } = await addressOf(options, surroundings);
    return url === undefined ? rootClient(env) : (await reach({ ...more, url })).client;
  }
  const { session, hasExpired, address, user, isForRoot } = await findSession(options, surroundings);
  if (session !== undefined && !hasExpired) return (await reach(optionsOf(options, session), session.token)).client;
  if (isForRoot) return rootClient(env);
  if (session !== undefined && !surroundings.terminal.isTerminal && options.passwordStdin !== true)
    throw fault(
      'not-signed-in',
      `your sign-in to ${session.url} as ${session.person} ended at ${session.expiresAt}: sign in again with "myserver login ${session.url}"`,
    );
  const target = session === undefined ? { ...options, url: address ?? defaultAddress } : optionsOf(options, session);
  return passwordClient(target, user ?? session?.person ?? surroundings.userName, surroundings.terminal);
}

/** See `Machine.addressOf`. Who names an address says with it all that leads there: no file of sign-ins is read, whatever is wrong with it. */
export async function addressOf(
  options: ConnectOptions,
  surroundings: Surroundings,
): Promise<Pick<ConnectOptions, 'url' | 'ca' | 'insecureHttp'>> {
  if (options.withoutSignIn === true && options.url !== undefined) return options;
  const { session, hasExpired, address, isForRoot } = await findSession(options, surroundings);
  if (isForRoot && hasExpired) return {};
  return session === undefined ? { ...options, url: address ?? defaultAddress } : optionsOf(options, session);
}

async function findSession(options: ConnectOptions, { env, isRoot, sessions, clock }: Surroundings) {
  const url = options.url ?? nonEmpty(env['MYSERVER_URL']);
  const user = options.user ?? nonEmpty(env['MYSERVER_USER']);
  const address = url === undefined ? undefined : parseAddress(url);
  const fits = (session: StoredSession) =>
    (address === undefined || session.url === address) && (user === undefined || session.person === user);
  const session = (await sessions.list()).find((one) => fits(one));
  const hasExpired = session === undefined || Date.parse(session.expiresAt) <= clock.now();
  return { session, hasExpired, address, user, isForRoot: isRoot && address === undefined && user === undefined };
}

function optionsOf(options: ConnectOptions, session: StoredSession): ConnectOptions & { readonly url: string } {
  return {
    ...(session.caFile === undefined ? {} : { ca: session.caFile }),
    ...(session.insecureHttp === undefined ? {} : { insecureHttp: session.insecureHttp }),
    ...options,
    url: session.url,
  };
}

async function rootClient(env: NodeJS.ProcessEnv): Promise<Client> {
  const socketPath = path.join(nonEmpty(env['MYSERVER_RUN_DIR']) ?? '/run/myserver', 'root.sock');
  if (!existsSync(socketPath))
    throw fault(
      'control-unreachable',
      `control is not running here: there is no ${socketPath}. "sudo ./up" starts it; to reach another machine use --url`,
    );
  const { makeNodeFetch } = await import('../transport/node-fetch.ts');
  return clientWith({ baseUrl: 'http://localhost', fetch: makeNodeFetch({ via: 'cli', socketPath }) });
}

async function passwordClient(options: ConnectOptions & { readonly url: string }, user: string, terminal: Terminal): Promise<Client> {
  if (user === '') throw fault('bad-request', 'it is not known who you are on this machine: say the name to sign in with by --user NAME');
  const { url, client } = await reach(options);
  // Nobody should type a password for an address at which nobody answers.
  if (options.neverAsk !== true) await client.call('health');
  const password = await secretFrom(terminal, options, `password of ${user} at ${url}`);
  options.passwordGiven?.(password);
  const authorization = `Basic ${Buffer.from(`${user}:${password.reveal()}`, 'utf8').toString('base64')}`;
  return clientWith({ baseUrl: url, fetch: await fetchFor(options), authorization: () => authorization });
}

/** See `Machine.reach`. */
export async function reach(options: ConnectOptions & { readonly url: string }, token?: Secret): Promise<ReachableControl> {
  const url = parseAddress(options.url);
  requireSafe(url, options.insecureHttp);
  const client = await clientWith({
    baseUrl: url,
    fetch: await fetchFor(options),
    ...(token === undefined ? {} : { authorization: () => `Bearer ${token.reveal()}` }),
  });
  return { url, client, caFile: options.ca === undefined ? undefined : path.resolve(options.ca) };
}

/** Loaded when it is needed: the contract's schemas take longer to load than all the rest, and help needs none. */
async function clientWith(options: ClientOptions): Promise<Client> {
  const { makeClient } = await import('../client/client.ts');
  return makeClient(options);
}

async function fetchFor({ ca }: ConnectOptions): Promise<Fetch> {
  const { makeNodeFetch } = await import('../transport/node-fetch.ts');
  if (ca === undefined) return makeNodeFetch({ via: 'cli' });
  try {
    return makeNodeFetch({ via: 'cli', ca: readFileSync(ca, 'utf8') });
  } catch (error) {
    throw fault('bad-request', `the certificate authority in ${ca} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

/** A variable that is set to nothing is not set. */
export function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
