import assert from 'node:assert/strict';
import { createHash, createPrivateKey, createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import { SshReader, sshString } from '../../core/ssh-wire.ts';
import { clientSide, serverSide } from './hybrid-exchange.ts';

/** What went over the wire when our client met OpenSSH 10.0's server, and the client's two private keys. */
const golden: Readonly<Record<string, string>> = JSON.parse(readFileSync(new URL('mlkem-openssh-10.golden.json', import.meta.url), 'utf8'));
const recorded = (name: string) => Buffer.from(golden[name] ?? '', 'base64');

/** PKCS #8 of keys that are given as bytes (RFC 9935 section 6, RFC 8410 section 7). */
const kemKey = (seed: Buffer) => privateKey('3054020100300b060960864801650304040204428040', seed);
const curveKey = (bytes: Buffer) => privateKey('302e020100300506032b656e04220420', bytes);

function privateKey(prefix: string, bytes: Buffer) {
  return createPrivateKey({ key: Buffer.concat([Buffer.from(prefix, 'hex'), bytes]), type: 'pkcs8', format: 'der' });
}

suite('the arithmetic of mlkem768x25519-sha256', () => {
  test('clientSide() computes what OpenSSH 10 signed', () => {
    const side = clientSide({ kem: kemKey(recorded('kemSeed')), curve: curveKey(recorded('curveKey')) });
    assert.deepEqual(side.message(), recorded('clientMessage'));
    const parts = [
      Buffer.from(golden['clientIdent'] ?? ''),
      Buffer.from(golden['serverIdent'] ?? ''),
      recorded('clientKexInit'),
      recorded('serverKexInit'),
      recorded('hostKey'),
      side.message(),
      recorded('serverMessage'),
      side.secret(recorded('serverMessage')),
    ];
    const hash = createHash('sha256');
    for (const part of parts) hash.update(sshString(part));
    const bare = Buffer.from(recorded('hostKey').subarray(-32));
    const hostKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: bare.toString('base64url') }, format: 'jwk' });
    const signature = new SshReader(recorded('signature'));
    assert.equal(signature.text(), 'ssh-ed25519');
    assert.ok(verify(null, hash.digest(), hostKey, signature.bytes() ?? Buffer.alloc(0)));
  });

  test('serverSide() gets the secret that the client gets, a new one each time', () => {
    const secrets = [1, 2].map(() => {
      const [client, server] = [clientSide(), serverSide()];
      assert.throws(() => server.message(), /nothing to send/u);
      const secret = server.secret(client.message());
      assert.equal(secret.length, 32);
      assert.deepEqual(client.secret(server.message()), secret);
      return secret.toString('hex');
    });
    assert.notEqual(secrets[0], secrets[1]);
  });

  test('a message of another length is refused by both sides', () => {
    const [client, server] = [clientSide(), serverSide()];
    server.secret(client.message());
    for (const wrong of [Buffer.alloc(0), client.message().subarray(1), Buffer.concat([client.message(), Buffer.alloc(1)])]) {
      assert.throws(() => serverSide().secret(wrong), /bytes of keys, not 1216/u);
      assert.throws(() => client.secret(wrong), /bytes of keys, not 1120/u);
    }
  });

  test('an X25519 key of small order is refused by both sides', () => {
    const [client, server] = [clientSide(), serverSide()];
    server.secret(client.message());
    const one = Buffer.alloc(32);
    one[0] = 1;
    for (const weak of [Buffer.alloc(32), one]) {
      assert.throws(() => serverSide().secret(Buffer.concat([client.message().subarray(0, -32), weak])));
      assert.throws(() => client.secret(Buffer.concat([server.message().subarray(0, -32), weak])));
    }
  });

  test('an ML-KEM key that is not reduced is refused', () => {
    const message = clientSide().message();
    assert.throws(() => serverSide().secret(Buffer.concat([Buffer.alloc(1184, 0xff), message.subarray(-32)])));
  });

  test('a changed ciphertext makes another secret, and no error that would tell anything', () => {
    const [client, server] = [clientSide(), serverSide()];
    const secret = server.secret(client.message());
    const changed = Buffer.from(server.message());
    changed[0] = (changed[0] ?? 0) ^ 1;
    assert.notDeepEqual(client.secret(changed), secret);
  });
});
