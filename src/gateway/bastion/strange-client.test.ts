/** What a signed-in client does must not end the worker, which everybody's sessions share. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, Connection, ServerChannel } from 'ssh2';
import { makeBastionScene } from './bastion.testing.ts';
import { sendRaw } from './raw-packet.testing.ts';
import { socketOf } from './ssh2-extras.ts';

interface Raw {
  session(channel: number, window: number, packetBytes: number): void;
  exec(channel: number, command: string, wantReply: boolean): void;
  shell(channel: number, wantReply: boolean): void;
  channelData(channel: number, data: Buffer): void;
  channelClose(channel: number): void;
  tcpipForward(address: string, port: number, wantReply: boolean): void;
  readonly _handlers: { CHANNEL_CLOSE: () => void };
  _parse: (chunk: Buffer, from: number, length: number) => number;
  ping(): void;
  rekey(): void;
}

const raw = (client: Client) => (client as unknown as { readonly _protocol: Raw })._protocol;

const sshd = (onExec: (channel: ServerChannel, session: NodeJS.EventEmitter) => void) => (connection: Connection) =>
  void connection.on('session', (accept) => {
    const session = accept();
    session.on('exec', (acceptExec) => onExec(acceptExec(), session));
  });

/** `once` would reject at the error that comes before. */
async function closing(client: Client): Promise<'closed'> {
  return await new Promise((resolve) => client.once('close', () => resolve('closed')));
}

async function assertWell(client: Client): Promise<void> {
  const closed = closing(client);
  const opened = new Promise((resolve) => client.exec('x', (error, channel) => resolve(error ?? channel.close())));
  assert.equal(await Promise.race([closed, opened]), undefined);
}

suite('a strange client', () => {
  test('who has closed a session with errors unread is told of its end, and the bastion goes on', async () => {
    await using scene = await makeBastionScene({
      onServer: sshd((channel) => {
        channel.stderr.write('errors');
        // It never answers a close, so the session stays.
        channel.close = () => {};
      }),
    });
    const client = await scene.enter();
    raw(client).session(0, 0, 32_768);
    await sleep(100);
    raw(client).exec(0, 'x', true);
    await sleep(200);
    raw(client).channelClose(0);
    await sleep(100);
    const told = scene.ledger.live().filter(({ kind }) => kind === 'exec');
    assert.equal(told.length, 1);
    for (const { id } of told) scene.ledger.cut(id, 'enough');
    await sleep(100);
    await assertWell(await scene.enter());
  });

  test('a signal that has no name reaches no program, and the connection stays', async () => {
    const heard: string[] = [];
    await using scene = await makeBastionScene({
      onServer: sshd(
        (_channel, session) => void session.on('signal', (_accept, _reject, { name }: { readonly name: string }) => heard.push(name)),
      ),
    });
    const client = await scene.enter();
    await new Promise<void>((resolve) => client.exec('x', () => resolve()));
    await sleep(200);
    sendRaw(client, Uint8Array.of(98, 0, 0, 0, 0), 'signal', Uint8Array.of(0), 'INFO@openssh.com');
    sendRaw(client, Uint8Array.of(98, 0, 0, 0, 0), 'signal', Uint8Array.of(0), 'USR1');
    await sleep(200);
    assert.deepEqual(heard, ['USR1']);
    await assertWell(client);
  });

  test('signals for a server that reads nothing do not wait in memory without end', async () => {
    let heard = 0;
    let server: Connection | undefined;
    await using scene = await makeBastionScene({
      onServer: (connection) => {
        server = connection;
        sshd((_channel, session) => void session.on('signal', () => (heard += 1)))(connection);
      },
    });
    const client = await scene.enter();
    await new Promise<void>((resolve) => client.exec('x', () => resolve()));
    await sleep(200);
    assert.ok(server !== undefined);
    server.rekey();
    socketOf(server).pause();
    await sleep(100);
    for (let each = 0; each < 5000; each += 1) sendRaw(client, Uint8Array.of(98, 0, 0, 0, 0), 'signal', Uint8Array.of(0), 'USR1');
    await sleep(500);
    socketOf(server).resume();
    await sleep(500);
    assert.ok(heard > 500 && heard < 1500, String(heard));
  });

  test('who gives command after command in the lobby and reads no answer is not given more of them', async () => {
    await using scene = await makeBastionScene({});
    const client = scene.client('ada');
    await once(client, 'ready');
    raw(client).session(0, 0, 32_768);
    await sleep(100);
    raw(client).shell(0, true);
    for (let each = 0; each < 100; each += 1) raw(client).channelData(0, Buffer.from('help\n'.repeat(100)));
    await sleep(2000);
    const bytes = scene.ledger.live().find(({ kind }) => kind === 'lobby')?.bytesOut;
    assert.ok(bytes !== undefined && bytes > 2 ** 20 && bytes < 3 * 2 ** 20, `${bytes} bytes wait`);
  });

  test('who goes away while control is asked leaves nothing behind, neither here nor at the server', async () => {
    const asked = Promise.withResolvers<void>();
    const answered = Promise.withResolvers<void>();
    let atServer = 0;
    await using scene = await makeBastionScene({
      onServer: (connection) => {
        atServer += 1;
        connection.once('close', () => (atServer -= 1));
      },
      before: async (name) => {
        if (name !== 'place') return;
        asked.resolve();
        await answered.promise;
      },
    });
    const client = scene.client('ada+7');
    await asked.promise;
    client.destroy();
    await sleep(100);
    answered.resolve();
    await sleep(200);
    assert.deepEqual([scene.ledger.live(), atServer], [[], 0]);
  });

  test('sessions that are closed before they begin are closed here, too, and take no room', async () => {
    await using scene = await makeBastionScene({});
    const client = await scene.enter();
    let closed = 0;
    raw(client)._handlers.CHANNEL_CLOSE = () => (closed += 1);
    for (let each = 0; each < 1100; each += 1) {
      raw(client).session(each, 0, 32_768);
      raw(client).channelClose(each);
    }
    await sleep(500);
    const opened = await new Promise((resolve) => client.exec('x', (error) => resolve(error)));
    assert.deepEqual([opened, closed], [undefined, 1100]);
  });

  test('who asks on and on behind a question that a server never answers is hung up on', async () => {
    await using scene = await makeBastionScene({ onServer: (connection) => void connection.on('request', () => {}) });
    const client = await scene.enter();
    const closed = closing(client);
    raw(client).tcpipForward('127.0.0.1', 0, true);
    for (let each = 0; each < 990; each += 1) raw(client).ping();
    assert.equal(await Promise.race([closed, sleep(500, 'open')]), 'open');
    for (let each = 0; each < 20; each += 1) raw(client).ping();
    assert.equal(await Promise.race([closed, sleep(2000, 'open')]), 'closed');
  });

  test('who begins a change of keys and never goes on is sent nothing that would wait in memory', async () => {
    await using scene = await makeBastionScene({
      onServer: sshd((channel) => void Readable.from(endless()).pipe(channel)),
    });
    const client = await scene.enter();
    raw(client).session(0, 2 ** 32 - 1, 32_768);
    await sleep(100);
    raw(client).exec(0, 'x', true);
    raw(client).rekey();
    socketOf(client).pause();
    await sleep(1500);
    const bytes = scene.ledger.live().find(({ kind }) => kind === 'exec')?.bytesOut;
    assert.ok(bytes !== undefined && bytes < 16 * 2 ** 20, `${bytes} bytes were taken from the server`);
  });

  test('who begins a change of keys and asks on and on instead is hung up on', async () => {
    await using scene = await makeBastionScene({});
    const client = await scene.enter();
    const closed = closing(client);
    raw(client).rekey();
    // Never goes on with the exchange.
    raw(client)._parse = (_chunk, _from, length) => length;
    for (let each = 0; each < 20_000; each += 1) sendRaw(client, Uint8Array.of(80), 'keepalive@openssh.com', Uint8Array.of(1));
    assert.equal(await Promise.race([closed, sleep(3000, 'open')]), 'closed');
  });
});

function* endless(): Generator<Buffer> {
  const piece = Buffer.alloc(65_536);
  for (;;) yield piece;
}
