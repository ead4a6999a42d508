/** Against ssh2 as it is installed: were it another, these would show whether the limits still hold. A server here means harm as root in a server of ours may. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { suite, test } from 'node:test';
import ssh2, { type ClientChannel, type Connection } from 'ssh2';
import { makeKeyPair } from '../../control/host-key.ts';
import { sshString } from '../../core/ssh-wire.ts';
import { limitPeer } from './peer-limits.ts';
import { sendRaw } from './raw-packet.testing.ts';

interface Inside {
  readonly _protocol: {
    channelOpenConfirm: (to: number, from: number, window: number, packetBytes: number) => void;
    channelData(channel: number, data: Buffer): void;
    readonly _handlers: { GLOBAL_REQUEST: () => void };
  };
}

const inside = (connection: Connection) => (connection as unknown as Inside)._protocol;

/** A channel of a limited client at a server that `mischief` makes a strange one, or what ended the client before. */
async function enter(mischief: (connection: Connection) => void, onExec: (connection: Connection) => void = () => {}) {
  const server = new ssh2.Server({ ident: 'OpenSSH_9.9', hostKeys: [makeKeyPair('a host').privateKey.reveal()] }, (connection) => {
    connection.on('error', () => {});
    connection.on('authentication', (context) => context.accept());
    connection.on('ready', () => mischief(connection));
    connection.on('session', (accept) =>
      accept().on('exec', (acceptExec) => {
        acceptExec();
        onExec(connection);
      }),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = new ssh2.Client();
  // `once` would reject at the error that comes before.
  const ended = new Promise<'closed'>((resolve) => client.once('close', () => resolve('closed')));
  const errors: string[] = [];
  client.on('error', ({ message }) => errors.push(message));
  client.connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, username: 'x' });
  limitPeer(client);
  await once(client, 'ready');
  const opened = Promise.withResolvers<ClientChannel | undefined>();
  client.exec('x', (_error, channel) => opened.resolve(channel));
  const channel = await Promise.race([opened.promise, ended]);
  return {
    /** Questions of the client that wait for an answer. */
    waiting: () => (client as unknown as { readonly _callbacks: readonly unknown[] })._callbacks.length,
    channel: channel === 'closed' ? undefined : channel,
    ended,
    errors,
    [Symbol.dispose]: () => void (client.destroy(), server.close()),
  };
}

suite('limitPeer', () => {
  for (const bytes of [0, 1, 511])
    test(`who takes packets of ${bytes} bytes is hung up on`, async () => {
      using scene = await enter((connection) => {
        const protocol = inside(connection);
        const confirm = protocol.channelOpenConfirm.bind(protocol);
        protocol.channelOpenConfirm = (to, from, window) => confirm(to, from, window, bytes);
      });
      assert.equal(scene.channel, undefined);
      assert.match(scene.errors.join(), /breaks the protocol: it takes packets/u);
    });

  test('who sends more than the window allows is hung up on', async () => {
    using scene = await enter(
      () => {},
      (connection) => {
        for (let each = 0; each < 300; each += 1) inside(connection).channelData(0, Buffer.alloc(30_000));
      },
    );
    scene.channel?.pause();
    assert.equal(await scene.ended, 'closed');
    assert.match(scene.errors.join(), /more than the window/u);
  });

  test('host keys that a server names again and again are not asked after', async () => {
    const key = Buffer.from(makeKeyPair('another').publicKey.split(' ')[1] ?? '', 'base64');
    using scene = await enter((connection) => {
      // And never proves.
      inside(connection)._handlers.GLOBAL_REQUEST = () => {};
      for (let each = 0; each < 50; each += 1)
        sendRaw(connection, Uint8Array.of(80), 'hostkeys-00@openssh.com', Uint8Array.of(0), sshString(key));
    });
    assert.ok(scene.channel !== undefined);
    assert.equal(scene.waiting(), 0);
  });

  test('a write after the end is called back', async () => {
    using scene = await enter(() => {});
    const { channel } = scene;
    assert.ok(channel !== undefined);
    (channel as unknown as { eof(): void }).eof();
    const { promise, resolve } = Promise.withResolvers<void>();
    channel.write('too late', () => resolve());
    await promise;
  });
});
