/** What the sshd of one server says must not end the worker, which everybody's sessions share: root in a server says what they like. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, ClientChannel, Connection, ServerChannel } from 'ssh2';
import { makeBastionScene } from './bastion.testing.ts';
import { sendRaw } from './raw-packet.testing.ts';
import { socketOf } from './ssh2-extras.ts';

const sshd = (onExec: (channel: ServerChannel, connection: Connection) => void) => (connection: Connection) =>
  void connection.on('session', (accept) => accept().on('exec', (acceptExec) => onExec(acceptExec(), connection)));

suite('a strange sshd', () => {
  // What OpenSSH's own sshd says of SIGBUS, SIGSYS, SIGTRAP and every other that RFC 4254 has no name for; and what nobody says.
  for (const name of ['SIG@openssh.com', 'constructor'])
    test(`a program that the signal ${name} ended exits with 255, as it does without us, and the bastion goes on`, async () => {
      await using scene = await makeBastionScene({ onServer: sshd((channel, connection) => endBySignal(channel, connection, name)) });
      const client = await scene.enter();
      for (const _each of [1, 2]) assert.deepEqual(await exitOf(client), [255]);
    });

  test('a signal that has a name is passed on', async () => {
    await using scene = await makeBastionScene({ onServer: sshd((channel, connection) => endBySignal(channel, connection, 'TERM')) });
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

  test('a forward that somebody ends is at its end for the person, whatever the server does', async () => {
    await using scene = await makeBastionScene({
      onServer: (connection) => void connection.on('tcpip', (accept) => (accept().close = () => {})),
    });
    const client = await scene.enter();
    const channel = await new Promise<ClientChannel>((resolve) =>
      client.forwardOut('127.0.0.1', 1, 'localhost', 80, (_error, opened) => resolve(opened)),
    );
    const closed = new Promise((resolve) => channel.resume().once('close', () => resolve('closed')));
    await sleep(100);
    const forwards = () => scene.ledger.live().filter(({ kind }) => kind === 'forward');
    for (const { id } of forwards()) scene.ledger.cut(id, 'enough');
    assert.equal(await Promise.race([closed, sleep(1000, 'open')]), 'closed');
    await sleep(200);
    assert.deepEqual(forwards(), []);
  });

  test('channels that a server begins without end are refused where a thousand wait for the person', async () => {
    const began = Promise.withResolvers<Connection>();
    await using scene = await makeBastionScene({
      onServer: (connection) =>
        void connection.on('request', (accept) => {
          accept?.(5000);
          began.resolve(connection);
        }),
    });
    const client = await scene.enter();
    // It never answers.
    client.on('tcp connection', () => {});
    client.forwardIn('127.0.0.1', 5000, () => {});
    const connection = await began.promise;
    await sleep(200);
    let refused = 0;
    for (let each = 0; each < 2000; each += 1)
      connection.forwardOut('127.0.0.1', 5000, '127.0.0.1', 1, (error) => (refused += error === undefined ? 0 : 1));
    await sleep(1000);
    assert.ok(refused >= 900 && refused < 1100, String(refused));
  });
});

async function exitOf(client: Client): Promise<unknown[]> {
  const { promise, resolve } = Promise.withResolvers<ClientChannel>();
  client.exec('x', (_error, channel) => resolve(channel));
  const channel = await promise;
  channel.resume();
  return await once(channel, 'exit');
}

/** On the first channel, as ssh2 would not. */
function endBySignal(channel: ServerChannel, connection: Connection, name: string): void {
  const { outgoing } = channel as unknown as { readonly outgoing: { readonly id: number } };
  sendRaw(connection, Uint8Array.of(98, 0, 0, 0, outgoing.id), 'exit-signal', Uint8Array.of(0), name, Uint8Array.of(0), '', '');
  channel.end();
}
