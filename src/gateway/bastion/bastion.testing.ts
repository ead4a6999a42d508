/** A bastion on the loopback whose control says yes to everything, and one server behind it, whose sshd is as strange as a test makes it. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import ssh2, { type Client, type Connection } from 'ssh2';
import { systemClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import type { Place } from '../../contract/internal.ts';
import { makeKeyPair } from '../../control/host-key.ts';
import type { ControlLink } from '../control-link.ts';
import { makeBastion } from './bastion.ts';
import { type Ledger, makeLedger } from './ledger.ts';
import { socketOf } from './ssh2-extras.ts';

export interface BastionScene extends AsyncDisposable {
  readonly ledger: Ledger;
  /** Signed in, at the server. */
  enter(): Promise<Client>;
  stop(): Promise<void>;
  /** Not connected yet. */
  client(user: string): Client;
}

export interface SceneOptions {
  /** What the server does to those who have logged in to it. */
  readonly onServer?: (connection: Connection) => void;
  /** Before control's answer to that call. */
  readonly before?: (name: string) => Promise<void>;
  readonly drainMs?: () => number;
}

const password = 'open';

/** Control, as far as the bastion asks it here. */
function agreeing(place: Place, before: SceneOptions['before']): ControlLink {
  const answers: Readonly<Record<string, object>> = {
    signInByPassword: { session: { credential: 'ada', person: 'ada', passwordMustChange: false, permits: null } },
    place,
  };
  const call = async (name: string) => {
    await before?.(name);
    return answers[name];
  };
  return { call, clientFor: () => ({ call }) } as unknown as ControlLink;
}

export async function makeBastionScene({ onServer = () => {}, before, drainMs = () => 0 }: SceneOptions): Promise<BastionScene> {
  const hostKey = makeKeyPair('server 7');
  const inner: Connection[] = [];
  const server = new ssh2.Server({ hostKeys: [hostKey.privateKey.reveal()] }, (connection) => {
    inner.push(connection);
    connection.on('error', () => {});
    connection.on('authentication', (context) => context.accept());
    connection.on('ready', () => onServer(connection));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const place: Place = {
    id: 7,
    generation: 'a-generation',
    name: null,
    owner: 'ada',
    admin: 'root',
    address: '127.0.0.1',
    sshPort: (server.address() as AddressInfo).port,
    hostKey: hostKey.publicKey,
    gatewayKey: null,
    recordedBy: null,
  };
  const ledger = makeLedger(systemClock);
  const bastion = makeBastion({
    link: agreeing(place, before),
    ledger,
    log: silentLog,
    network: '127.0.0.0/8',
    hostAddress: '127.0.0.2',
    publicHost: 'localhost',
    port: 22,
    version: '0',
    recorder: { dir: '/nowhere', mostBytes: 0, isDiskLow: () => false },
    hostKey: makeKeyPair('the bastion').privateKey.reveal(),
    listen: { host: '127.0.0.1', port: 0 },
    drainMs,
    onListening: () => {},
  });
  await bastion.start();
  const clients: Client[] = [];

  function client(username: string): Client {
    const one = new ssh2.Client();
    one.on('error', () => {});
    clients.push(one);
    one.connect({ host: '127.0.0.1', port: bastion.address()?.port ?? 0, username, password });
    return one;
  }

  return {
    ledger,
    client,
    stop: async () => await bastion.stop(),
    async enter() {
      const one = client('ada+7');
      await once(one, 'ready');
      return one;
    },
    async [Symbol.asyncDispose]() {
      for (const one of clients) one.destroy();
      await bastion.stop();
      for (const one of inner) socketOf(one).destroy();
      server.close();
    },
  };
}
