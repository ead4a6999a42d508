import assert from 'node:assert/strict';
import { createPublicKey, randomBytes, verify } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { suite, test } from 'node:test';
import ssh2, { type ParsedKey, type SignCallback } from 'ssh2';
import { Fault } from '../base/fault.ts';
import { concatBytes, SshReader } from '../core/ssh-wire.ts';
import { makeKeyPair, publicBlobOf, publicLineOf, seedKey } from './host-key.ts';
import { checkSshProof } from './ssh-proof.ts';
import { makeSigner, userauth } from './ssh-signer.testing.ts';
import { signUserauth } from './ssh-user-signature.ts';

const { BaseAgent, Client, Server, utils } = ssh2;

const key = seedKey(randomBytes(32));
const blob = publicBlobOf(key);
const publicLine = publicLineOf(key, 'the gateway');

const refused = (code: string) => (error: unknown) => error instanceof Fault && error.code === code;

/** What the gateway will hold: the public key, and a way to ask control. */
class GatewayAgent extends BaseAgent<ParsedKey> {
  readonly #user: string;

  constructor(user: string) {
    super();
    this.#user = user;
  }

  override getIdentities(give: (error: Error | undefined, keys?: ParsedKey[]) => void): void {
    const parsed = utils.parseKey(publicLine);
    if (parsed instanceof Error) give(parsed);
    else give(undefined, [parsed]);
  }

  override sign(_key: ParsedKey, signedData: Buffer, options: unknown, give?: SignCallback): void {
    const answer = give ?? (options as SignCallback);
    try {
      // ssh2 writes the algorithm before the signature by itself.
      answer(undefined, signUserauth({ key, user: this.#user, signedData }).subarray(-64));
    } catch (error) {
      answer(error as Error);
    }
  }
}

/** A server that takes the gateway's key alone, for any user. Resolves with the user that got in. */
async function logIn(username: string, asked: string): Promise<string> {
  const users: string[] = [];
  const server = new Server({ hostKeys: [makeKeyPair('a host').privateKey.reveal()] }, (connection) => {
    connection.on('error', () => {});
    connection.on('authentication', (context) => {
      if (context.method !== 'publickey' || !context.key.data.equals(blob)) return context.reject(['publickey']);
      if (context.signature === undefined) return context.accept();
      const parsed = utils.parseKey(publicLine);
      if (parsed instanceof Error || context.blob === undefined || !parsed.verify(context.blob, context.signature)) return context.reject();
      users.push(context.username);
      return context.accept();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = new Client();
  try {
    await new Promise<void>((resolve, reject) => {
      client.on('ready', resolve).on('error', reject);
      client.connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, username, agent: new GatewayAgent(asked) });
    });
  } finally {
    client.end();
    server.close();
  }
  return users.join();
}

suite('signUserauth', () => {
  test('logs ssh2’s client in without the key, through an agent', async () => {
    assert.equal(await logIn('ada', 'ada'), 'ada');
  });

  test('logs nobody else in', async () => {
    await assert.rejects(logIn('root', 'ada'), /another user/u);
  });

  test('signs so that checkSshProof believes it', () => {
    const signedData = userauth('ada', 'ssh-ed25519', blob);
    const signature = signUserauth({ key, user: 'ada', signedData });
    assert.equal(checkSshProof({ algorithm: 'ssh-ed25519', keyBlob: blob, signedData, signature }).user, 'ada');
    const reader = new SshReader(signature);
    assert.equal(reader.text(), 'ssh-ed25519');
    const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: blob.subarray(-32).toString('base64url') }, format: 'jwk' });
    assert.ok(verify(null, signedData, publicKey, reader.bytes() ?? new Uint8Array()));
    assert.ok(reader.isAtEnd());
  });

  test('signs nothing but a login of that user with that key', () => {
    const good = userauth('ada', 'ssh-ed25519', blob);
    const wrong: readonly Uint8Array[] = [
      userauth('bob', 'ssh-ed25519', blob),
      userauth('ada\0', 'ssh-ed25519', blob),
      userauth('ada', 'ssh-ed25519', makeSigner('ssh-ed25519').blob),
      userauth('ada', 'ssh-ed25519-cert-v01@openssh.com', blob),
      concatBytes([good, Uint8Array.of(0)]),
      good.subarray(0, -1),
      good.subarray(4),
      Buffer.from('SSHSIG\0\0\0\u0004file'),
      Buffer.alloc(0),
      Buffer.alloc(50_000),
    ];
    for (const signedData of wrong) assert.throws(() => signUserauth({ key, user: 'ada', signedData }), refused('bad-request'));
  });
});
