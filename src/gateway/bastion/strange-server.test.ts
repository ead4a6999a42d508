/** What the sshd of one server says must not end the worker, which everybody's sessions share: root in a server says what they like. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, ClientChannel, Connection, ServerChannel } from 'ssh2';
import { makeBastionScene } from './bastion.testing.ts';
import { socketOf } from './ssh2-extras.ts';

const sshd = (onExec: (channel: ServerChannel) => void) => (connection: Connection) =>
  void connection.on('session', (accept) => accept().on('exec', (acceptExec) => onExec(acceptExec())));

suite('a strange sshd', () => {
  // What OpenSSH's own sshd says of SIGBUS, SIGSYS, SIGTRAP and every other that RFC 4254 has no name for; and what nobody says.
  for (const name of ['SIG@openssh.com', 'constructor'])
    test(`a program that the signal ${name} ended exits with 255, as it does without us, and the bastion goes on`, async () => {
      await using scene = await makeBastionScene({ onServer: sshd((channel) => endBySignal(channel, name)) });
      const client = await scene.enter();
      for (const _each of [1, 2]) assert.deepEqual(await exitOf(client), [255]);
    });

  test('a signal that has a name is passed on', async () => {
    await using scene = await makeBastionScene({ onServer: sshd((channel) => endBySignal(channel, 'TERM')) });
    assert.deepEqual((await exitOf(await scene.enter())).slice(0, 2), [null, 'SIGTERM']);
  });

  test('a connection that the server does not end with us is cut, and its session is no longer listed', async () => {
    const mute = sshd((channel) => (channel.close = () => {}));
    await using scene = await makeBastionScene({
      onServer: (connection) => {
        const socket = socketOf(connection);
        socket.allowHalfOpen = true;
        socket.end = () => socket;
        mute(connection);
      },
    });
    const client = await scene.enter();
    client.exec('x', () => {});
    for (let tries = 0; scene.ledger.count < 2; tries += 1) await sleep(20, assert.ok(tries < 100));
    client.end();
    for (let tries = 0; scene.ledger.count > 0; tries += 1) await sleep(50, assert.ok(tries < 80, JSON.stringify(scene.ledger.live())));
  });
});

async function exitOf(client: Client): Promise<unknown[]> {
  const { promise, resolve } = Promise.withResolvers<ClientChannel>();
  client.exec('x', (_error, channel) => resolve(channel));
  const channel = await promise;
  channel.resume();
  return await once(channel, 'exit');
}

/** By hand: ssh2 sends only the signals that it knows. */
function endBySignal(channel: ServerChannel, name: string): void {
  const { _client: client, outgoing } = channel as unknown as Inside;
  const { write } = client._protocol._packetRW;
  const text = (value: string) => {
    const bytes = Buffer.alloc(4 + value.length, value);
    bytes.writeUInt32BE(value.length);
    bytes.write(value, 4);
    return bytes;
  };
  const head = Buffer.from([98, 0, 0, 0, outgoing.id]);
  const payload = Buffer.concat([head, text('exit-signal'), Buffer.from([0]), text(name), Buffer.from([0]), text(''), text('')]);
  const packet = write.alloc(payload.length);
  packet.set(payload, write.allocStart);
  client._protocol._cipher.encrypt(write.finalize(packet));
  channel.end();
}

interface Inside {
  readonly outgoing: { readonly id: number };
  readonly _client: {
    readonly _protocol: {
      readonly _packetRW: { readonly write: { readonly allocStart: number; alloc(size: number): Buffer; finalize(packet: Buffer): Buffer } };
      readonly _cipher: { encrypt(packet: Buffer): void };
    };
  };
}
