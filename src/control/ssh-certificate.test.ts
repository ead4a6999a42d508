import assert from 'node:assert/strict';
import fc from 'fast-check';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { Fault } from '../base/fault.ts';
import { concatBytes } from '../core/ssh-wire.ts';
import { runProcess } from '../testing/run-process.ts';
import { checkCertificate, readCertificate, type CertificateCheck } from './ssh-certificate.ts';
import { checkSshProof } from './ssh-proof.ts';
import { algorithms, certify, makeSigner, prove } from './ssh-signer.testing.ts';

const folder = mkdtempSync(join(tmpdir(), 'myserver-certificate-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const signer = makeSigner('ssh-ed25519');
const nowMs = Date.parse('2026-06-15T12:00:00Z');
const fromAddress = '192.0.2.7';

async function makeAuthority(name: string, ...kind: readonly string[]): Promise<{ readonly file: string; readonly line: string }> {
  const file = join(folder, name);
  const { exitCode, stderr } = await runProcess(['ssh-keygen', '-q', '-N', '', '-f', file, '-C', 'an authority', ...kind]);
  assert.equal(exitCode, 0, stderr);
  return { file, line: readFileSync(`${file}.pub`, 'utf8') };
}

const authority = await makeAuthority('authority', '-t', 'ed25519');
const usual: CertificateCheck = { authorities: [authority.line], person: 'ada', nowMs, fromAddress };
const forAda = ['-n', 'ada', '-V', '20260601000000Z:20260701000000Z'];

const make = async (...options: readonly string[]) => readCertificate(await certify(folder, authority.file, signer.line, options));

function refusedWith(why: RegExp, code = 'not-signed-in') {
  return (error: unknown) => error instanceof Fault && error.code === code && why.test(error.message);
}

/** Signed by an authority, and good for nothing here and now. */
const forbiddenWith = (why: RegExp) => refusedWith(why, 'not-allowed');

suite('readCertificate', () => {
  test('tells what ssh-keygen wrote', async () => {
    const certificate = await make(
      ...forAda,
      '-z',
      '18446744073709551615',
      '-O',
      'clear',
      '-O',
      'permit-pty',
      '-O',
      'source-address=192.0.2.0/24',
    );
    assert.equal(certificate.keyType, 'ssh-ed25519');
    assert.deepEqual(Buffer.from(certificate.key), Buffer.from(signer.blob));
    assert.equal(certificate.type, 'user');
    assert.equal(certificate.keyId, 'key id');
    assert.equal(certificate.serial, 2n ** 64n - 1n);
    assert.deepEqual(certificate.principals, ['ada']);
    assert.equal(certificate.validAfter, Date.parse('2026-06-01T00:00:00Z') / 1000);
    assert.equal(certificate.validBefore, Date.parse('2026-07-01T00:00:00Z') / 1000);
    assert.deepEqual([...certificate.criticalOptions], [['source-address', '192.0.2.0/24']]);
    assert.deepEqual([...certificate.extensions], [['permit-pty', '']]);
    assert.equal(Buffer.from(certificate.authorityKey).toString('base64'), authority.line.split(' ')[1]);
  });

  test('throws bad-key alone for what is cut, lengthened or changed, or reads another certificate that is not believed', async () => {
    const blob = await certify(folder, authority.file, signer.line, [
      ...forAda,
      '-O',
      'source-address=192.0.2.0/24',
      '-O',
      'force-command=id',
    ]);
    const judge = (bytes: Uint8Array) => {
      try {
        checkCertificate(readCertificate(bytes), usual);
        return 'believed';
      } catch (error) {
        assert.ok(error instanceof Fault, String(error));
        return error.code;
      }
    };
    for (let length = 0; length < blob.length; length += 1) assert.equal(judge(blob.subarray(0, length)), 'bad-key');
    assert.equal(judge(concatBytes([blob, Uint8Array.of(0)])), 'bad-key');
    fc.assert(
      fc.property(fc.nat(blob.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = Uint8Array.from(blob);
        changed[at] = (changed[at] ?? 0) ^ change;
        assert.ok(['bad-key', 'bad-request', 'not-signed-in'].includes(judge(changed)));
      }),
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => assert.equal(judge(bytes), 'bad-key')));
  });
});

suite('a login with a certificate', () => {
  for (const algorithm of algorithms) {
    test(`is believed with a key of ${algorithm}, and proves the plain key`, async () => {
      const subject = makeSigner(algorithm);
      const blob = await certify(folder, authority.file, subject.line, forAda);
      const { certificate, key, user } = checkSshProof(prove(subject, 'ada', blob));
      assert.equal(user, 'ada');
      assert.deepEqual(Buffer.from(key), Buffer.from(subject.blob));
      assert.ok(certificate !== undefined);
      checkCertificate(certificate, usual);
    });
  }

  test('is refused with the certificate of a key that one does not hold', async () => {
    const blob = await certify(folder, authority.file, makeSigner('ssh-ed25519').line, forAda);
    assert.throws(() => checkSshProof(prove(signer, 'ada', blob)), refusedWith(/not one that this key made/u));
  });

  test('is refused when it is shown under another algorithm', async () => {
    const blob = await certify(folder, authority.file, makeSigner('ecdsa-sha2-nistp256').line, forAda);
    assert.throws(() => checkSshProof(prove(signer, 'ada', blob)), /is for a key of ecdsa-sha2-nistp256/u);
    const rsa = makeSigner('rsa-sha2-512');
    const ofRsa = await certify(folder, authority.file, rsa.line, forAda);
    assert.throws(() => checkSshProof(prove({ ...rsa, algorithm: 'ssh-rsa' }, 'ada', ofRsa)), /SHA-1/u);
  });
});

suite('checkCertificate', () => {
  const authorities = [
    ['-t', 'ed25519'],
    ['-t', 'ecdsa', '-b', '256'],
    ['-t', 'ecdsa', '-b', '384'],
    ['-t', 'ecdsa', '-b', '521'],
    ['-t', 'rsa', '-b', '2048'],
  ];
  for (const kind of authorities) {
    test(`believes an authority with a key of ${kind.join(' ')}, and it alone`, async () => {
      const other = await makeAuthority(`other ${kind.join('')}`, ...kind);
      const certificate = readCertificate(await certify(folder, other.file, signer.line, forAda));
      assert.throws(() => checkCertificate(certificate, usual), refusedWith(/no authority here/u));
      assert.throws(() => checkCertificate(certificate, { ...usual, authorities: [] }), refusedWith(/no authority here/u));
      checkCertificate(certificate, { ...usual, authorities: [authority.line, other.line] });
      const changed = Uint8Array.from(certificate.signedPart);
      changed[40] = (changed[40] ?? 0) ^ 1;
      const forged = { ...certificate, signedPart: changed };
      assert.throws(() => checkCertificate(forged, { ...usual, authorities: [other.line] }), refusedWith(/not one that this key made/u));
    });
  }

  test('believes RSA authorities with SHA-256 and SHA-512, not with SHA-1', async () => {
    const rsa = await makeAuthority('rsa', '-t', 'rsa', '-b', '3072');
    const check = { ...usual, authorities: [rsa.line] };
    for (const hash of ['rsa-sha2-256', 'rsa-sha2-512']) {
      checkCertificate(readCertificate(await certify(folder, rsa.file, signer.line, ['-t', hash, ...forAda])), check);
    }
    const old = readCertificate(await certify(folder, rsa.file, signer.line, ['-t', 'ssh-rsa', ...forAda]));
    assert.throws(() => checkCertificate(old, check), refusedWith(/too weak/u));
  });

  test('refuses a host’s certificate, one for others, and one for nobody by name', async () => {
    const host = await make('-h', ...forAda);
    assert.throws(() => checkCertificate(host, usual), forbiddenWith(/for a host/u));
    const two = await make('-n', 'bob,root', '-V', '20260601000000Z:20260701000000Z');
    assert.throws(() => checkCertificate(two, usual), forbiddenWith(/for "bob", "root", not for "ada"/u));
    checkCertificate(two, { ...usual, person: 'bob' });
    const nobody = await make('-V', '20260601000000Z:20260701000000Z');
    assert.throws(() => checkCertificate(nobody, usual), forbiddenWith(/nobody by name/u));
    assert.throws(() => checkCertificate(nobody, { ...usual, person: '' }), forbiddenWith(/nobody by name/u));
  });

  test('keeps to the second from and until which it is valid', async () => {
    const certificate = await make(...forAda);
    const [from, until] = [Date.parse('2026-06-01T00:00:00Z'), Date.parse('2026-07-01T00:00:00Z')];
    checkCertificate(certificate, { ...usual, nowMs: from });
    checkCertificate(certificate, { ...usual, nowMs: until - 1 });
    assert.throws(() => checkCertificate(certificate, { ...usual, nowMs: from - 1 }), forbiddenWith(/not valid yet/u));
    assert.throws(() => checkCertificate(certificate, { ...usual, nowMs: until }), forbiddenWith(/no longer valid/u));
    checkCertificate(await make('-n', 'ada'), { ...usual, nowMs: Date.parse('2999-01-01T00:00:00Z') });
  });

  test('keeps to source-address', async () => {
    const certificate = await make(...forAda, '-O', 'source-address=192.0.2.0/25,2001:db8::/32,198.51.100.9');
    for (const good of ['192.0.2.7', '192.0.2.127', '::ffff:192.0.2.7', '2001:db8::1', '198.51.100.9']) {
      checkCertificate(certificate, { ...usual, fromAddress: good });
    }
    for (const wrong of ['192.0.2.128', '198.51.100.8', '2001:db9::1', '::1', '', 'unix', 'fe80::1%eth0']) {
      assert.throws(() => checkCertificate(certificate, { ...usual, fromAddress: wrong }), forbiddenWith(/comes from elsewhere/u), wrong);
    }
    for (const list of ['', '*', '!10.0.0.0/8', '192.0.2.0/33', '192.0.2.0/x', '192.0.2.0/24/1', '0.0.0.0/0,nonsense']) {
      const strange = { ...certificate, criticalOptions: new Map([['source-address', list]]) };
      assert.throws(() => checkCertificate(strange, usual), forbiddenWith(/comes from elsewhere/u), list);
    }
  });

  test('refuses conditions that it does not keep to, and ignores extensions that it does not know', async () => {
    const forced = await make(...forAda, '-O', 'force-command=/bin/true');
    assert.throws(() => checkCertificate(forced, usual), forbiddenWith(/force-command/u));
    const unknown = await make(...forAda, '-O', 'critical:moon@example.org=full');
    assert.throws(() => checkCertificate(unknown, usual), forbiddenWith(/moon@example\.org/u));
    checkCertificate(await make(...forAda, '-O', 'extension:login@example.org=ada'), usual);
  });

  test('asks for the PIN where the certificate does', async () => {
    const token = makeSigner('sk-ssh-ed25519@openssh.com');
    const blob = await certify(folder, authority.file, token.line, [...forAda, '-O', 'verify-required']);
    for (const [flags, isIn] of [
      [1, false],
      [5, true],
    ] as const) {
      const { certificate, isUserVerified } = checkSshProof(prove(token, 'ada', blob, flags));
      assert.ok(certificate !== undefined);
      const check = () => checkCertificate(certificate, { ...usual, isUserVerified });
      if (isIn) check();
      else assert.throws(check, forbiddenWith(/PIN or a fingerprint/u));
      assert.throws(() => checkCertificate(certificate, usual), forbiddenWith(/PIN or a fingerprint/u));
    }
  });
});
