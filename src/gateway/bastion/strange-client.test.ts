/** What a signed-in client does must not end the worker, which everybody's sessions share. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, ClientChannel, Connection, ServerChannel } from 'ssh2';
import { makeBastionScene } from './bastion.testing.ts';

interface Raw {
  session(channel: number, window: number, packetBytes: number): void;
  exec(channel: number, command: string, wantReply: boolean): void;
  channelClose(channel: number): void;
}

const raw = (client: Client) => (client as unknown as { readonly _protocol: Raw })._protocol;

const sshd = (onExec: (channel: ServerChannel, session: NodeJS.EventEmitter) => void) => (connection: Connection) =>
  void connection.on('session', (accept) => {
    const session = accept();
    session.on('exec', (acceptExec) => onExec(acceptExec(), session));
  });

async function assertWell(client: Client): Promise<void> {
  const closed = once(client, 'close').then(() => 'closed');
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
      onServer: sshd((_channel, session) => void session.on('signal', (_accept, _reject, { name }: { readonly name: string }) => heard.push(name))),
    });
    const client = await scene.enter();
    const channel = await new Promise<ClientChannel>((resolve) => client.exec('x', (_error, opened) => resolve(opened)));
    await sleep(200);
    signal(channel, 'INFO@openssh.com');
    signal(channel, 'USR1');
    await sleep(200);
    assert.deepEqual(heard, ['USR1']);
    await assertWell(client);
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
});

/** By hand: ssh2 sends only the signals that it knows. */
function signal(channel: ClientChannel, name: string): void {
  const { _client: client, outgoing } = channel as unknown as Inside;
  const { write } = client._protocol._packetRW;
  const text = (value: string) => Buffer.concat([Buffer.from([0, 0, 0, value.length]), Buffer.from(value)]);
  const payload = Buffer.concat([Buffer.from([98, 0, 0, 0, outgoing.id]), text('signal'), Buffer.from([0]), text(name)]);
  const packet = write.alloc(payload.length);
  packet.set(payload, write.allocStart);
  client._protocol._cipher.encrypt(write.finalize(packet));
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
