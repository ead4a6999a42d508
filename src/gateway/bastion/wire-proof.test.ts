import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import ssh2 from 'ssh2';
import { messageOf } from '../../base/fault.ts';
import { makeKeyPair } from '../../control/host-key.ts';
import { checkSshProof, type Proved } from '../../control/ssh-proof.ts';
import { algorithms, certify, makeSigner, type Signer } from '../../control/ssh-signer.testing.ts';
import { concatBytes, SshReader, sshString } from '../../core/ssh-wire.ts';
import { runProcess } from '../../testing/run-process.ts';
import { sshAlgorithms } from './algorithms.ts';
import { extendSsh2 } from './mlkem.ts';
import { wireProof } from './wire-proof.ts';

extendSsh2();

const folder = mkdtempSync(join(tmpdir(), 'myserver-proof-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** An ssh-agent with one key, by hand, so that `ssh` has security keys without hardware (draft-miller-ssh-agent, sections 3.5 and 3.6). */
async function runAgent(
  identity: Uint8Array,
  sign: (data: Uint8Array) => Uint8Array,
): Promise<AsyncDisposable & { readonly path: string }> {
  const path = join(folder, 'agent');
  const answer = (request: Uint8Array): Uint8Array => {
    if (request[0] === 11) return concatBytes([Uint8Array.of(12, 0, 0, 0, 1), sshString(identity), sshString('a key')]);
    const reader = new SshReader(request.subarray(1));
    reader.bytes();
    return request[0] === 13 ? concatBytes([Uint8Array.of(14), sshString(sign(reader.bytes() ?? new Uint8Array()))]) : Uint8Array.of(5);
  };
  const serve = async (socket: Socket) => {
    let held: Uint8Array = new Uint8Array();
    for await (const chunk of socket) {
      held = concatBytes([held, chunk as Buffer]);
      for (let message = new SshReader(held).bytes(); message !== undefined; message = new SshReader(held).bytes()) {
        held = held.subarray(4 + message.length);
        socket.write(sshString(answer(message)));
      }
    }
  };
  const server = createServer((socket) => void serve(socket).catch(() => socket.destroy()));
  server.listen(path);
  await once(server, 'listening');
  return {
    path,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}

interface Tried {
  readonly exitCode: number;
  readonly stderr: string;
  readonly proved: readonly Proved[];
  readonly refusals: readonly string[];
}

/** The machine's `ssh` logs in with that identity at a server that believes what `checkSshProof` believes. */
async function logIn(algorithm: string, identity: Uint8Array, sign: Signer['signature']): Promise<Tried> {
  const proved: Proved[] = [];
  const refusals: string[] = [];
  const hostKeys = [makeKeyPair('a host').privateKey.reveal()];
  const server = new ssh2.Server({ hostKeys, algorithms: sshAlgorithms(true) }, (connection) => {
    connection.on('error', () => {});
    connection.on('authentication', (context) => {
      if (context.method !== 'publickey') return context.reject(['publickey']);
      const proof = wireProof(context);
      if (proof === undefined) return context.accept();
      try {
        proved.push(checkSshProof(proof));
        return context.accept();
      } catch (error) {
        refusals.push(messageOf(error));
        return context.reject(['publickey']);
      }
    });
    connection.on('session', (accept) => {
      accept().on('exec', (acceptExec) => {
        const stream = acceptExec();
        stream.exit(0);
        stream.end();
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = String((server.address() as AddressInfo).port);
  await using agent = await runAgent(identity, sign);
  const options = [
    'StrictHostKeyChecking=no',
    'UserKnownHostsFile=/dev/null',
    `IdentityAgent=${agent.path}`,
    'BatchMode=yes',
    `PubkeyAcceptedAlgorithms=${algorithm}`,
  ];
  const argv = ['ssh', '-F', 'none', '-v', ...options.flatMap((option) => ['-o', option]), '-p', port, 'ada@127.0.0.1', 'true'];
  const { exitCode, stderr } = await runProcess(argv);
  server.close();
  return { exitCode, stderr, proved, refusals };
}

await runProcess(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', join(folder, 'authority')]);

suite('wireProof', () => {
  for (const name of algorithms) {
    const signer = makeSigner(name);

    test(`gives control what ssh signed with ${name}`, async () => {
      const { exitCode, stderr, proved } = await logIn(name, signer.blob, (data) => signer.signature(data));
      assert.equal(exitCode, 0, stderr);
      assert.equal(proved[0]?.user, 'ada');
      assert.deepEqual(Buffer.from(proved[0]?.key ?? []), Buffer.from(signer.blob));
    });

    test(`gives control the certificate that ssh shows for ${name}`, async () => {
      const certificate = await certify(folder, join(folder, 'authority'), signer.line, ['-n', 'ada']);
      const algorithm = `${name.replace('@openssh.com', '')}-cert-v01@openssh.com`;
      const { exitCode, stderr, proved } = await logIn(algorithm, certificate, (data) => signer.signature(data));
      assert.equal(exitCode, 0, stderr);
      assert.deepEqual(proved[0]?.certificate?.principals, ['ada']);
      assert.deepEqual(Buffer.from(proved[0]?.key ?? []), Buffer.from(signer.blob));
    });

    test(`lets nobody in with another key’s signature of ${name}`, async () => {
      const other = makeSigner(name);
      const { exitCode, proved, refusals } = await logIn(name, signer.blob, (data) => other.signature(data));
      assert.notEqual(exitCode, 0);
      assert.deepEqual(proved, []);
      assert.match(refusals[0] ?? '', /not one that this key made/u);
    });
  }

  test('calls a signature with SHA-1 by its name, for control to refuse', () => {
    const signer = makeSigner('rsa-sha2-512');
    const context = { key: { algo: 'ssh-rsa', data: Buffer.from(signer.blob) }, blob: Buffer.alloc(1), signature: Buffer.alloc(256) };
    const proof = wireProof(context as unknown as Parameters<typeof wireProof>[0]);
    assert.equal(proof?.algorithm, 'ssh-rsa');
  });

  test('makes something of any bytes', () => {
    for (const algo of algorithms) {
      for (let length = 0; length < 12; length += 1) {
        const context = { key: { algo, data: Buffer.alloc(4) }, blob: Buffer.alloc(1), signature: Buffer.alloc(length, 0xff) };
        assert.ok(wireProof(context as unknown as Parameters<typeof wireProof>[0]) !== undefined);
      }
    }
  });
});
