/** A login by password, a command and a change of keys in the middle, over loopback: ssh2's server with our extension, and ssh2's client or somebody else's. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import ssh2, { type Algorithms, type NegotiatedAlgorithms, type ServerConfig } from 'ssh2';
import { makeKeyPair } from '../../control/host-key.ts';
import { extendSsh2, hasNativeCrypto } from './mlkem.ts';

const { Client, Server } = ssh2;

extendSsh2();

export interface Listening extends AsyncDisposable {
  readonly port: number;
  /** Of each exchange of keys that was brought to its end, and the errors of those that were not. */
  readonly exchanges: string[];
  readonly errors: string[];
}

/** A server that lets `ada` in with the password `open` and answers every command with the command. The second line comes after new keys. */
export async function listen(algorithms: Algorithms, config: Partial<ServerConfig> = {}): Promise<Listening> {
  const exchanges: string[] = [];
  const errors: string[] = [];
  // Not ssh2's own generator: one in 256 of its Ed25519 keys cannot be read by ssh2.
  const hostKeys = config.hostKeys ?? [makeKeyPair('a host').privateKey.reveal()];
  const server = new Server({ ...config, hostKeys, algorithms }, (connection) => {
    connection.on('error', (error) => errors.push(error.message));
    connection.on('handshake', (negotiated) => exchanges.push(negotiated.kex));
    connection.on('authentication', (context) => {
      if (context.method === 'password' && context.username === 'ada' && context.password === 'open') context.accept();
      else context.reject(['password']);
    });
    connection.on('session', (accept) => {
      accept().on('exec', (acceptExec, _reject, { command }) => {
        const stream = acceptExec();
        stream.write(`${command}\n`);
        connection.rekey(() => {
          stream.write(`${command}\n`);
          stream.exit(0);
          stream.end();
        });
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = (server.address() as AddressInfo).port;
  return {
    port,
    exchanges,
    errors,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}

export interface Seen {
  readonly negotiated: readonly NegotiatedAlgorithms[];
  readonly output: string;
  readonly debug: string;
}

/** Logs in with ssh2's own client and runs one command. */
export async function connect(port: number, algorithms: Algorithms): Promise<Seen> {
  const client = new Client();
  const negotiated: NegotiatedAlgorithms[] = [];
  const debug: string[] = [];
  client.on('handshake', (one) => negotiated.push(one));
  const output = await new Promise<string>((resolve, reject) => {
    client.on('error', reject);
    client.on('close', () => reject(new Error('the connection ended')));
    client.on('ready', () => {
      client.exec('hello', (error, stream) => {
        if (error !== undefined) return reject(error);
        let text = '';
        stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
        stream.on('close', () => resolve(text));
      });
    });
    client.connect({ host: '127.0.0.1', port, username: 'ada', password: 'open', algorithms, debug: (line) => debug.push(line) });
  }).finally(() => client.end());
  return { negotiated, output, debug: debug.join('\n') };
}

/** All of it at once, for a bundle to run. */
export async function roundTrip(algorithms: Algorithms): Promise<Seen & { readonly isNative: boolean }> {
  await using server = await listen(algorithms);
  return { ...(await connect(server.port, algorithms)), isNative: hasNativeCrypto() };
}
