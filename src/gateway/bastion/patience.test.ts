import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { suite, test } from 'node:test';
import ssh2 from 'ssh2';
import { concatBytes, sshString } from '../../core/ssh-wire.ts';
import { sshAlgorithms } from './algorithms.ts';
import { listen } from './round-trip.testing.ts';

const keyInit = 20;
const ignore = Buffer.from([2, 0, 0, 0, 0]);
/** CHANNEL_DATA for a channel that is not there. */
const data = Buffer.from([94, 0, 0, 0, 99, 0, 0, 0, 1, 120]);

interface Sender {
  rekey(): void;
  readonly _packetRW: {
    readonly write: {
      readonly allocStartKEX: number;
      alloc(size: number, force: boolean): Buffer;
      finalize(packet: Buffer, force: boolean): Buffer;
    };
  };
  readonly _cipher: { encrypt(packet: Buffer): void };
}

/** At once, although keys are being changed. */
function send(protocol: Sender, payload: Buffer): void {
  const { write } = protocol._packetRW;
  const packet = write.alloc(payload.length, true);
  packet.set(payload, write.allocStartKEX);
  protocol._cipher.encrypt(write.finalize(packet, true));
}

/** RFC 4253, section 6: unencrypted, with the least padding. */
function bare(payload: Uint8Array): Uint8Array {
  const padding = 8 - ((5 + payload.length) % 8) + (8 - ((5 + payload.length) % 8) < 4 ? 8 : 0);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(1 + payload.length + padding);
  head.writeUInt8(padding, 4);
  return concatBytes([head, payload, new Uint8Array(padding)]);
}

suite('bearPacketsWhileKeysChange', () => {
  for (const [name, payload] of [
    ['IGNORE', ignore],
    ['data', data],
  ] as const) {
    test(`takes ${name} between the client's wish for new keys and the new keys`, async () => {
      await using server = await listen(sshAlgorithms(true));
      const client = new ssh2.Client();
      client.connect({ host: '127.0.0.1', port: server.port, username: 'ada', password: 'open', algorithms: sshAlgorithms(true) });
      await once(client, 'ready');
      const protocol = (client as unknown as { readonly _protocol: Sender })._protocol;
      const changed = once(client, 'handshake');
      protocol.rekey();
      send(protocol, payload);
      await Promise.race([changed, once(client, 'close').then(() => Promise.reject(new Error(`it ended: ${server.errors.join()}`)))]);
      const closed = once(client, 'close');
      client.end();
      await closed;
      assert.equal(server.exchanges.length, 2);
    });
  }

  test('takes nothing in the first exchange, on which the Terrapin attack lived', async () => {
    await using server = await listen(sshAlgorithms(true));
    const both = (names: string) => [sshString(names), sshString(names)];
    const lists = [
      sshString('curve25519-sha256,kex-strict-c-v00@openssh.com'),
      sshString('ssh-ed25519'),
      ...both('aes128-ctr'),
      ...both('hmac-sha2-256-etm@openssh.com'),
      ...both('none'),
      ...both(''),
    ];
    const hello = concatBytes([Uint8Array.of(keyInit), new Uint8Array(16), ...lists, new Uint8Array(5)]);
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => {}).resume();
    socket.write(concatBytes([Buffer.from('SSH-2.0-test\r\n'), bare(hello), bare(ignore)]));
    await once(socket, 'close');
    assert.match(server.errors.join(), /unexpected packet type 2/u);
  });
});
