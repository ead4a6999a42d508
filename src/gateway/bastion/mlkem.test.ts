import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import type { KexAlgorithm } from 'ssh2';
import { buildProgram } from '../../../scripts/build.ts';
import { concatBytes, sshString } from '../../core/ssh-wire.ts';
import { runProcess } from '../../testing/run-process.ts';
import { sshAlgorithms } from './algorithms.ts';
import { hasNativeCrypto } from './mlkem.ts';
import { connect, listen, roundTrip } from './round-trip.testing.ts';

const folder = mkdtempSync(join(tmpdir(), 'myserver-mlkem-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const mlkem = 'mlkem768x25519-sha256' as KexAlgorithm;
const spoken = (await runProcess(['ssh', '-Q', 'kex'])).stdout.split('\n');
const hasModernSsh = spoken.includes(mlkem) ? false : 'the ssh of this machine is older than 9.9';

/** The machine's `ssh`, which logs in with the password and runs `hello`. */
async function openSsh(port: number, ...options: readonly string[]) {
  const askpass = join(folder, 'askpass');
  writeFileSync(askpass, '#!/bin/sh\necho open\n', { mode: 0o700 });
  const known = ['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null'];
  const argv = ['ssh', '-F', 'none', '-v', ...known, ...options, '-p', String(port), 'ada@127.0.0.1', 'hello'];
  return await runProcess(argv, { env: { ...process.env, SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force' } });
}

/** A packet before there are keys: its length, that of its padding, what it says, the padding (RFC 4253, section 6). */
function plainPacket(payload: Uint8Array): Uint8Array {
  const padding = 8 + ((8 - ((5 + payload.length) % 8)) % 8);
  return concatBytes([sshString(concatBytes([Uint8Array.of(padding), payload, new Uint8Array(padding)]))]);
}

/** Speaks by hand: which exchange it wants, and the message it begins with. Ends when the server hangs up. */
async function speakByHand(port: number, exchange: string, message: Uint8Array): Promise<void> {
  const lists = [exchange, 'ssh-ed25519', 'aes128-ctr', 'aes128-ctr', 'hmac-sha2-256-etm@openssh.com', 'hmac-sha2-256-etm@openssh.com'];
  const rest = ['none', 'none', '', ''];
  const offer = concatBytes([Uint8Array.of(20), randomBytes(16), ...[...lists, ...rest].map((list) => sshString(list)), new Uint8Array(5)]);
  const socket = connectTcp(port, '127.0.0.1').on('error', () => {});
  socket.write('SSH-2.0-hand\r\n');
  socket.write(plainPacket(offer));
  socket.write(plainPacket(concatBytes([Uint8Array.of(30), sshString(message)])));
  socket.resume();
  await once(socket, 'close', { signal: AbortSignal.timeout(10_000) });
}

suite('mlkem768x25519-sha256 in ssh2', () => {
  test('roundTrip() logs in, runs a command and changes keys with nothing else on offer', async () => {
    const { negotiated, output } = await roundTrip({ kex: [mlkem] });
    assert.equal(output, 'hello\nhello\n');
    assert.deepEqual(
      negotiated.map(({ kex }) => kex),
      [mlkem, mlkem],
    );
  });

  test('sshAlgorithms() prefers it, and a client without it gets in by curve25519', async () => {
    for (const hasAes of [true, false]) {
      const { negotiated, output } = await roundTrip(sshAlgorithms(hasAes));
      assert.equal(output, 'hello\nhello\n');
      assert.equal(negotiated[0]?.kex, mlkem);
      assert.equal(negotiated[0]?.cs.cipher, hasAes ? 'aes128-gcm@openssh.com' : 'chacha20-poly1305@openssh.com');
    }
    await using server = await listen(sshAlgorithms(true));
    const { negotiated } = await connect(server.port, { kex: ['curve25519-sha256'] });
    assert.equal(negotiated[0]?.kex, 'curve25519-sha256');
    assert.deepEqual([...new Set(server.exchanges)], ['curve25519-sha256']);
  });

  test('a client without it is refused where it is asked for', async () => {
    await using server = await listen({ kex: [mlkem] });
    await assert.rejects(connect(server.port, { kex: ['curve25519-sha256'] }), /no matching key exchange algorithm/u);
  });

  test('whoever speaks the exchange whose place it takes is not taken to speak ours', async () => {
    await using server = await listen({ kex: [mlkem] });
    await speakByHand(server.port, 'diffie-hellman-group17-sha512', new Uint8Array(1216));
    assert.match(server.errors[0] ?? '', /no matching key exchange algorithm/u);
    assert.deepEqual(server.exchanges, []);
  });

  test('a client’s message of another length or of small order ends the connection, and the server lives', async () => {
    await using server = await listen({ kex: [mlkem] });
    for (const message of [new Uint8Array(0), new Uint8Array(1215), new Uint8Array(1216), new Uint8Array(30_000)]) {
      await speakByHand(server.port, mlkem, message);
    }
    const refusals = server.errors.filter((error) => error.includes('computing DH secret'));
    assert.equal(refusals.length, 4, server.errors.join('\n'));
    assert.deepEqual(server.exchanges, []);
    assert.equal((await connect(server.port, { kex: [mlkem] })).output, 'hello\nhello\n');
  });

  test('ssh reads our list of signature algorithms', async () => {
    await using server = await listen(sshAlgorithms(true));
    const { stdout, stderr } = await openSsh(server.port);
    assert.equal(stdout, 'hello\nhello\n', stderr);
    const [, list = ''] = /server-sig-algs=<([^>]*)>/u.exec(stderr) ?? [];
    const names = list.split(',');
    for (const name of ['ssh-ed25519', 'ecdsa-sha2-nistp521', 'rsa-sha2-512', 'sk-ssh-ed25519@openssh.com'])
      assert.ok(names.includes(name), list);
    assert.ok(!names.includes('ssh-rsa'), list);
  });

  test('ssh from 9.9 on chooses it by itself, changes keys with it, and has nothing to warn of', { skip: hasModernSsh }, async () => {
    await using server = await listen(sshAlgorithms(true));
    const { stdout, stderr } = await openSsh(server.port);
    assert.equal(stdout, 'hello\nhello\n', stderr);
    assert.deepEqual(server.exchanges, [mlkem, mlkem]);
    assert.doesNotMatch(stderr, /post-quantum/u);
    assert.equal((await openSsh(server.port, '-o', `KexAlgorithms=${mlkem}`)).stdout, 'hello\nhello\n');
  });
});

suite('extendSsh2()', () => {
  const extend = async (before: string) =>
    await runProcess(
      [
        process.execPath,
        '--disable-warning=ExperimentalWarning',
        '--input-type=module',
        '--eval',
        `import manifest from 'ssh2/package.json' with { type: 'json' };
         import constants from 'ssh2/lib/protocol/constants.js';
         ${before};
         const { extendSsh2 } = await import('./mlkem.ts');
         extendSsh2(); extendSsh2(); console.log('extended');`,
      ],
      { cwd: import.meta.dirname },
    );

  test('fits the ssh2 that is installed, and may be called again', async () => {
    const { stdout, stderr } = await extend('');
    assert.equal(stdout, 'extended\n', stderr);
  });

  test('refuses another version, or one that looks otherwise inside', async () => {
    const other = await extend("manifest.version = '1.18.0'");
    assert.match(other.stderr, /fits 1\.17\.0 alone, and this is 1\.18\.0/u);
    const without = await extend('constants.SUPPORTED_KEX.length = 2');
    assert.match(without.stderr, /diffie-hellman-group17-sha512 is unknown to it/u);
    const own = await extend("constants.SUPPORTED_KEX.push('mlkem768x25519-sha256')");
    assert.match(own.stderr, /has mlkem768x25519-sha256 of its own/u);
  });
});

suite('the bundled program', () => {
  test('has the extension, and the native part of ssh2 where it was made', async () => {
    const entry = join(folder, 'entry.ts');
    const source = join(import.meta.dirname, 'round-trip.testing.ts');
    writeFileSync(
      entry,
      `const { roundTrip } = await import(${JSON.stringify(source)});
       const { negotiated, output, isNative } = await roundTrip({ kex: ['${mlkem}'] });
       console.log(JSON.stringify({ kex: negotiated[0].kex, output, isNative }));`,
    );
    const dist = join(folder, 'dist');
    // The second entry makes esbuild split, as the program's own daemons do.
    await buildProgram(dist, { entry, other: source });
    const { stdout, stderr } = await runProcess([process.execPath, join(dist, 'entry.js')], { cwd: '/' });
    assert.deepEqual(JSON.parse(stdout || stderr), { kex: mlkem, output: 'hello\nhello\n', isNative: hasNativeCrypto() });
  });
});
