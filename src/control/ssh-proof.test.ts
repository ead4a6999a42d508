import assert from 'node:assert/strict';
import fc from 'fast-check';
import { suite, test } from 'node:test';
import { Fault } from '../base/fault.ts';
import { isErrorCode } from '../core/errors.ts';
import { concatBytes, SshReader, sshString } from '../core/ssh-wire.ts';
import { checkSshProof, type SshProof } from './ssh-proof.ts';
import { algorithms, makeSigner, mpint, prove, sessionId, userauth } from './ssh-signer.testing.ts';

const signers = algorithms.map((algorithm) => makeSigner(algorithm));
const [ed25519] = signers;
assert.ok(ed25519 !== undefined);

const refusal = (code: string) => (error: unknown) => error instanceof Fault && error.code === code;

/** The fault's code, or undefined when the proof holds. Anything else thrown goes through. */
function verdict(proof: SshProof): string | undefined {
  try {
    checkSshProof(proof);
    return undefined;
  } catch (error) {
    if (error instanceof Fault && isErrorCode(error.code) && error.code !== 'internal') return error.code;
    throw error;
  }
}

suite('checkSshProof', () => {
  for (const signer of signers) {
    test(`believes ${signer.algorithm}, and tells who logs in with which key`, () => {
      const proved = checkSshProof(prove(signer, 'ada'));
      assert.equal(proved.user, 'ada');
      assert.deepEqual(Buffer.from(proved.key), Buffer.from(signer.blob));
      assert.deepEqual(Buffer.from(proved.sessionId), sessionId);
      assert.equal(proved.certificate, undefined);
      assert.equal(proved.isUserVerified, false);
    });

    test(`believes no changed bit of a login by ${signer.algorithm}`, () => {
      const proof = prove(signer, 'ada');
      for (const part of ['keyBlob', 'signedData', 'signature'] as const) {
        const step = Math.max(1, Math.floor(proof[part].length / 40));
        for (let at = 0; at < proof[part].length; at += step) {
          const changed = Uint8Array.from(proof[part]);
          changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
          assert.notEqual(verdict({ ...proof, [part]: changed }), undefined, `${part} ${at}`);
        }
      }
    });

    test(`refuses what of a login by ${signer.algorithm} is cut or lengthened`, () => {
      const proof = prove(signer, 'ada');
      for (const part of ['keyBlob', 'signedData', 'signature'] as const) {
        const whole = proof[part];
        for (const wrong of [
          whole.subarray(0, -1),
          whole.subarray(0, 3),
          new Uint8Array(),
          concatBytes([whole, Uint8Array.of(0)]),
          new Uint8Array(100_000),
        ])
          assert.notEqual(verdict({ ...proof, [part]: wrong }), undefined, part);
      }
      const longer = concatBytes([signer.blob, Uint8Array.of(0)]);
      assert.equal(verdict(prove({ ...signer, blob: longer }, 'ada')), 'bad-key');
    });
  }

  test('refuses the signature of another key', () => {
    const other = makeSigner('ssh-ed25519');
    assert.throws(() => checkSshProof(prove({ ...ed25519, signature: (data) => other.signature(data) }, 'ada')), refusal('not-signed-in'));
  });

  test('refuses RSA with SHA-1, and RSA keys under 2048 bits', () => {
    const rsa = makeSigner('rsa-sha2-512');
    assert.throws(() => checkSshProof(prove({ ...rsa, algorithm: 'ssh-rsa' }, 'ada')), /SHA-1/u);
    // Asked for as SHA-512, signed as something else.
    const signedData = userauth('ada', 'rsa-sha2-512', rsa.blob);
    const signature = concatBytes([sshString('ssh-rsa'), sshString(new Uint8Array(256))]);
    assert.throws(() => checkSshProof({ algorithm: 'rsa-sha2-512', keyBlob: rsa.blob, signedData, signature }), refusal('bad-request'));
    assert.throws(() => checkSshProof(prove(makeSigner('rsa-sha2-512', 1024), 'ada')), refusal('bad-key'));
    assert.equal(verdict(prove(makeSigner('rsa-sha2-512', 3072), 'ada')), undefined);
  });

  test('believes an RSA signature without its leading zeros', () => {
    const rsa = makeSigner('rsa-sha2-256');
    for (let tries = 0; tries < 5000; tries += 1) {
      const proof = prove(rsa, `ada${tries}`);
      const bare = new SshReader(proof.signature.subarray(4 + 'rsa-sha2-256'.length)).bytes() ?? new Uint8Array();
      if (bare[0] !== 0) continue;
      const signature = concatBytes([sshString('rsa-sha2-256'), sshString(bare.subarray(1))]);
      assert.equal(verdict({ ...proof, signature }), undefined);
      return;
    }
    assert.fail('no signature began with a zero');
  });

  test('refuses an ECDSA signature with numbers that are negative, padded or zero', () => {
    const ecdsa = makeSigner('ecdsa-sha2-nistp256');
    const proof = prove(ecdsa, 'ada');
    const reader = new SshReader(proof.signature);
    reader.bytes();
    const inner = new SshReader(reader.bytes() ?? new Uint8Array());
    const [r = new Uint8Array(), s = new Uint8Array()] = [inner.bytes(), inner.bytes()];
    const withBoth = (...both: readonly Uint8Array[]) => ({
      ...proof,
      signature: concatBytes([sshString(ecdsa.algorithm), sshString(concatBytes(both))]),
    });
    assert.equal(verdict(withBoth(sshString(r), sshString(s))), undefined);
    const zero = Uint8Array.of(0);
    assert.equal(verdict(withBoth(sshString(concatBytes([zero, r])), sshString(s))), 'not-signed-in');
    assert.equal(verdict(withBoth(sshString(new Uint8Array()), sshString(s))), 'not-signed-in');
    assert.equal(verdict(withBoth(mpint(zero), mpint(zero))), 'not-signed-in');
    assert.equal(verdict(withBoth(sshString(r), sshString(s), sshString(s))), 'not-signed-in');
    assert.equal(verdict(withBoth(sshString(new Uint8Array(33).fill(0x80)), sshString(s))), 'not-signed-in');
  });

  test('refuses a security key that was not touched, and tells of one that was given its PIN', () => {
    for (const algorithm of algorithms.filter((name) => name.startsWith('sk-'))) {
      const token = makeSigner(algorithm);
      assert.throws(() => checkSshProof(prove(token, 'ada', undefined, 0)), /not touched/u);
      assert.throws(() => checkSshProof(prove(token, 'ada', undefined, 4)), /not touched/u);
      assert.equal(checkSshProof(prove(token, 'ada', undefined, 5)).isUserVerified, true);
    }
  });

  test('refuses a signature made for anything but a login to a shell or tunnel', () => {
    const words = ['ssh-connection', 'publickey'];
    const head = (session: Uint8Array, type: number) => [sshString(session), Uint8Array.of(type)];
    const build = (type: number, [service = '', method = '']: readonly string[], isSigned: number, session: Uint8Array = sessionId) =>
      concatBytes([
        ...head(session, type),
        ...['ada', service, method].map((word) => sshString(word)),
        Uint8Array.of(isSigned),
        ...[ed25519.algorithm, ed25519.blob].map((part) => sshString(part)),
      ]);
    const judge = (signedData: Uint8Array) =>
      verdict({ algorithm: ed25519.algorithm, keyBlob: ed25519.blob, signedData, signature: ed25519.signature(signedData) });
    assert.equal(judge(build(50, words, 1)), undefined);
    assert.equal(judge(build(51, words, 1)), 'bad-request');
    assert.equal(judge(build(50, words, 0)), 'bad-request');
    assert.equal(judge(build(50, words, 255)), 'bad-request');
    assert.equal(judge(build(50, ['ssh-userauth', 'publickey'], 1)), 'bad-request');
    assert.equal(judge(build(50, ['ssh-connection', 'hostbased'], 1)), 'bad-request');
    assert.equal(judge(build(50, words, 1, new Uint8Array())), 'bad-request');
    assert.equal(judge(build(50, words, 1, new Uint8Array(65))), 'bad-request');
    assert.equal(judge(userauth('ada', 'ssh-ed25519', makeSigner('ssh-ed25519').blob)), 'bad-request');
    assert.equal(judge(Buffer.from('SSHSIG')), 'bad-request');
  });

  test('throws faults alone, and believes nothing, whatever it is given', () => {
    const anything = fc.uint8Array({ maxLength: 200 });
    const field = fc.oneof(
      anything,
      fc.constantFrom(...algorithms, 'nistp256', 'ssh-rsa').map((name) => Buffer.from(name)),
    );
    const fields = fc.array(field, { maxLength: 8 }).map((parts) => concatBytes(parts.map(sshString)));
    const name = fc.oneof(
      fc.string(),
      fc.constantFrom(...algorithms, ...algorithms.map((one) => `${one.replace('@openssh.com', '')}-cert-v01@openssh.com`)),
    );
    fc.assert(
      fc.property(
        name,
        fc.oneof(anything, fields),
        fc.oneof(anything, fields),
        fc.string({ maxLength: 20 }),
        (algorithm, key, signature, user) => {
          const keyBlob = concatBytes([sshString(Buffer.from(algorithm)), key]);
          const named = concatBytes([sshString(Buffer.from(algorithm)), signature]);
          for (const blob of [key, keyBlob]) {
            const words = [sshString(Buffer.from(user)), sshString('ssh-connection'), sshString('publickey'), Uint8Array.of(1)];
            const tail = [sshString(Buffer.from(algorithm)), sshString(blob)];
            const signedData = concatBytes([sshString(sessionId), Uint8Array.of(50), ...words, ...tail]);
            assert.notEqual(verdict({ algorithm, keyBlob: blob, signedData, signature: named }), undefined);
          }
          assert.notEqual(verdict({ algorithm, keyBlob, signedData: key, signature }), undefined);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
