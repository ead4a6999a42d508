/** The API on real sockets over control as the tests have it, with people who can sign in. */
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { type Log, silentLog } from '../base/log.ts';
import { Secret } from '../base/secret.ts';
import type { Problem } from '../contract/schemas.ts';
import { parsePersonName } from '../core/names.ts';
import { type GatewayControl, type GatewaySettings, makeGatewayControl } from '../control/gateway/gateway-control.ts';
import { makeRecordingFiles } from '../control/gateway/recording-files.ts';
import { hashPassword } from '../control/people/password-hash.ts';
import { makePasses, type Passes } from '../control/web/passes.ts';
import type { Keyring } from '../store/records.ts';
import { makePeopleControl, type PeopleControl } from '../control/people/people-control.ts';
import { type ControlRoom, makeControlRoom } from '../testing/control-room.ts';
import { type Api, type ApiConfig, makeApi } from './api.ts';

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly text: string;
  /** The body as JSON, of whatever shape the test expects. */
  json<T>(): T;
  problem(): Problem['error'];
}

export interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is. */
  readonly raw?: string | Buffer;
  readonly as?: string;
}

export interface ApiRoom extends AsyncDisposable {
  readonly room: ControlRoom;
  readonly api: Api;
  readonly people: PeopleControl;
  readonly gateway: GatewayControl;
  readonly url: string;
  readonly socketPath: string;
  /** One call through the local door; `as` signs in with Basic and the password of that name that `addPerson` set. */
  call(path: string, sent?: Sent): Promise<Reply>;
  /** The same through root's socket. */
  asRoot(path: string, sent?: Sent): Promise<Reply>;
  addPerson(name: string, options?: { readonly role?: 'user' | 'staff' | 'administrator'; readonly mustChange?: boolean }): Promise<void>;
}

export const passwordOf = (name: string) => `the password of ${name}`;

export async function makeApiRoom(
  options: { readonly config?: Partial<ApiConfig>; readonly clock?: Clock; readonly log?: Log } & Partial<GatewaySettings> = {},
): Promise<ApiRoom> {
  await using undo = new AsyncDisposableStack();
  const room = undo.use(await makeControlRoom());
  const dir = await mkdtemp(join(tmpdir(), 'mys-'));
  undo.defer(() => rm(dir, { recursive: true }));
  const clock = options.clock ?? { now: () => Date.now() };
  const log = options.log ?? silentLog;
  const { store } = room;
  const people = makePeopleControl({ store, clock, log, pushKeys: (...given) => room.control.servers.pushKeys(...given) });
  const gateway = await makeGatewayControl({
    store,
    people,
    clock,
    access: room.control.access,
    world: room.control.world,
    facts: () => room.control.facts,
    settings: { authorities: options.authorities ?? [], destinations: options.destinations ?? [] },
    recordingFiles: makeRecordingFiles({ dir: room.recordingsDir, keptMs: 30 * 86_400_000, clock }),
    web: { routes: room.control.web, passes: await testPasses(store.keyring), servers: room.control.servers },
    onListening: () => {},
  });
  const socketPath = join(dir, 'root.sock');
  const config = { rootSocket: socketPath, local: { host: '127.0.0.1', port: 0 }, ...options.config };
  const api = await makeApi({ control: room.control, people, gateway, hostKeys: store.hostKeys, log, config });
  await api.start();
  undo.defer(() => api.stop());
  const url = api.localUrl() ?? '';
  const stack = undo.move();
  return {
    room,
    api,
    people,
    gateway,
    url,
    socketPath,
    call: (path, sent = {}) => send({ host: '127.0.0.1', port: Number(new URL(url).port) }, path, sent),
    asRoot: (path, sent = {}) => send({ socketPath }, path, sent),
    async addPerson(text, { role = 'user', mustChange = false } = {}) {
      const quota = { servers: undefined, cpus: undefined, memoryBytes: undefined, diskBytes: undefined };
      const passwordHash = await hashPassword(new Secret(passwordOf(text)));
      const name = parsePersonName(text);
      await store.people.add({ name, role, passwordHash, passwordMustChange: mustChange, canCreate: true, quota });
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

export function basic(person: string, password: string): string {
  return `Basic ${Buffer.from(`${person}:${password}`).toString('base64')}`;
}

/** Resolves with the answer even when the server gave it before it had read all of the request. */
function send(
  to: { host?: string; port?: number; socketPath?: string },
  path: string,
  { method, headers = {}, body, raw, as }: Sent,
): Promise<Reply> {
  const content = raw ?? (body === undefined ? undefined : JSON.stringify(body));
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const asked = request({
    ...to,
    path,
    agent: false,
    method: method ?? (content === undefined ? 'GET' : 'POST'),
    headers: {
      ...(content === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(content)) }),
      ...(as === undefined ? {} : { authorization: basic(as, passwordOf(as)) }),
      ...headers,
    },
  });
  asked.once('error', reject);
  asked.once('response', (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.once('error', reject);
    response.once('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      const json = <T>() => JSON.parse(text) as T;
      const problem = () => json<Problem>().error;
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json, problem });
    });
  });
  asked.end(content);
  return promise;
}

/** One key for all rooms of a process: it takes a tenth of a second to make. */
let passes: Promise<Passes> | undefined;

async function testPasses(keyring: Keyring): Promise<Passes> {
  passes ??= makePasses(keyring, () => Date.now());
  return await passes;
}
