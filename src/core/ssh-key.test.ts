import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import fc from 'fast-check';
import { decodeBase64, encodeBase64 } from './base64.ts';
import { fingerprintOf, parsePublicKeys, publicKeyLine } from './ssh-key.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();
const folder = mkdtempSync(join(tmpdir(), 'ssh-key-'));
after(() => {
  rmSync(folder, { recursive: true });
});

let made = 0;

/** A key by the real ssh-keygen: its .pub line and the file of its private half. */
function keygen(type: string, ...more: string[]): { readonly line: string; readonly file: string } {
  const file = join(folder, `key${(made += 1)}`);
  execFileSync('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', 'jbond 007', '-f', file, ...more]);
  return { line: readFileSync(`${file}.pub`, 'utf8'), file };
}

const hasPuttygen = spawnSync('puttygen', ['--version']).error === undefined;
const ed25519 = keygen('ed25519');

function refused(text: string, sentence: RegExp): void {
  assert.throws(
    () => parsePublicKeys(text),
    (error: Error & { code?: string }) => error.code === 'bad-key' && sentence.test(error.message),
  );
}

/** A length-prefixed string of RFC 4251. */
function field(content: Uint8Array | string): Buffer {
  const bytes = Buffer.from(content);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

suite('parsePublicKeys', () => {
  for (const [type, ...more] of [
    ['ed25519'],
    ['ecdsa', '-b', '256'],
    ['ecdsa', '-b', '384'],
    ['ecdsa', '-b', '521'],
    ['rsa', '-b', '2048'],
    ['rsa', '-b', '3072'],
  ]) {
    test(`parsePublicKeys reads what ssh-keygen makes for ${[type, ...more].join(' ')}, with the fingerprint that it prints`, () => {
      const { line, file } = keygen(type ?? '', ...more);
      const { keys, heldPrivateKey } = parsePublicKeys(line);
      const [key] = keys;
      assert.ok(key !== undefined && keys.length === 1 && !heldPrivateKey);
      assert.equal(key.comment, 'jbond 007');
      assert.equal(`${publicKeyLine(key)}\n`, line);
      assert.equal(fingerprintOf(key.blob, sha256), execFileSync('ssh-keygen', ['-lf', file], { encoding: 'utf8' }).split(' ')[1]);
    });

    test(`parsePublicKeys reads the RFC 4716 form of ${[type, ...more].join(' ')} as the same key`, () => {
      const { line, file } = keygen(type ?? '', ...more);
      const rfc4716 = execFileSync('ssh-keygen', ['-e', '-m', 'RFC4716', '-f', `${file}.pub`], { encoding: 'utf8' });
      assert.match(rfc4716, /BEGIN SSH2 PUBLIC KEY/u);
      const [key] = parsePublicKeys(rfc4716).keys;
      assert.equal(key?.blob, line.split(' ')[1]);
      assert.match(key?.comment ?? '', /^\d+-bit .* from OpenSSH$/u);
    });
  }

  test('parsePublicKeys takes keys of security tokens', () => {
    const application = field('ssh:');
    const point = Buffer.from(keygen('ecdsa', '-b', '256').line.split(' ')[1] ?? '', 'base64').subarray(-65);
    const ed = Buffer.concat([field('sk-ssh-ed25519@openssh.com'), field(Buffer.alloc(32, 7)), application]);
    const ec = Buffer.concat([field('sk-ecdsa-sha2-nistp256@openssh.com'), field('nistp256'), field(point), application]);
    const text = `sk-ssh-ed25519@openssh.com ${ed.toString('base64')} token\nsk-ecdsa-sha2-nistp256@openssh.com ${ec.toString('base64')}\n`;
    assert.deepEqual(
      parsePublicKeys(text).keys.map(({ algorithm, comment }) => [algorithm, comment]),
      [
        ['sk-ssh-ed25519@openssh.com', 'token'],
        ['sk-ecdsa-sha2-nistp256@openssh.com', ''],
      ],
    );
    const file = join(folder, 'tokens.pub');
    writeFileSync(file, text);
    assert.equal(spawnSync('ssh-keygen', ['-lf', file]).status, 0, 'ssh-keygen takes the same lines');
  });

  test('parsePublicKeys reads a whole authorized_keys file: blank lines, comments, Windows line ends, a key given twice', () => {
    const other = keygen('ed25519');
    const text = `\uFEFF# mine\r\n\r\n${ed25519.line.trim()}\r\n  ${other.line.trim()}  \r\n${ed25519.line.trim()}\r\n`;
    assert.deepEqual(parsePublicKeys(text).keys.map(publicKeyLine), [ed25519.line.trim(), other.line.trim()]);
  });

  for (const [type, more] of [
    ['ed25519', ['-t', 'ed25519']],
    ['rsa', ['-t', 'rsa', '-b', '2048']],
    ['ecdsa', ['-t', 'ecdsa', '-b', '384']],
  ] as const) {
    for (const version of ['2', '3']) {
      test(
        `parsePublicKeys reads the public part of a PuTTY .ppk, version ${version}, ${type}`,
        { skip: !hasPuttygen && 'puttygen is not installed (putty-tools)' },
        () => {
          const file = join(folder, `${type}-${version}.ppk`);
          execFileSync('puttygen', [
            '-q',
            ...more,
            '-C',
            'from putty',
            '--ppk-param',
            `version=${version}`,
            '--new-passphrase',
            '/dev/null',
            '-o',
            file,
          ]);
          const text = readFileSync(file, 'utf8');
          assert.match(text, new RegExp(`^PuTTY-User-Key-File-${version}`, 'u'));
          const { keys, heldPrivateKey } = parsePublicKeys(text);
          assert.ok(heldPrivateKey, 'the caller learns that a private key was in it');
          const expected = execFileSync('puttygen', ['-L', file], { encoding: 'utf8' }).trim();
          assert.deepEqual(keys.map(publicKeyLine), [expected]);
          assert.deepEqual(parsePublicKeys(text.replaceAll('\n', '\r\n')).keys, keys);
          const secret = /Private-Lines: \d+\n([^\n]+)/u.exec(text)?.[1] ?? assert.fail('the .ppk has a private part');
          assert.ok(!JSON.stringify(keys).includes(secret));
        },
      );
    }
  }

  test(
    'parsePublicKeys reads files of all forms one after the other, a .ppk whole or without its private part',
    { skip: !hasPuttygen && 'puttygen is not installed (putty-tools)' },
    () => {
      const [other, third] = [keygen('ecdsa'), keygen('rsa', '-b', '2048')];
      const rfc4716 = execFileSync('ssh-keygen', ['-e', '-m', 'RFC4716', '-f', `${third.file}.pub`], { encoding: 'utf8' });
      const ppkFile = join(folder, 'mixed.ppk');
      execFileSync('puttygen', ['-q', other.file, '-O', 'private', '-o', ppkFile]);
      const ppk = readFileSync(ppkFile, 'utf8');
      const blobs = [ed25519, other, third].map(({ line }) => line.split(' ')[1]);
      for (const text of [ppk, ppk.slice(0, ppk.indexOf('Private-Lines'))]) {
        for (const whole of [
          [ed25519.line, text, rfc4716],
          [rfc4716, ed25519.line, text],
          [text, rfc4716, ed25519.line],
        ]) {
          const { keys, heldPrivateKey } = parsePublicKeys(whole.join('\n'));
          assert.deepEqual(new Set(keys.map(({ blob }) => blob)), new Set(blobs));
          assert.ok(heldPrivateKey);
        }
      }
    },
  );

  test('parsePublicKeys refuses a .ppk of version 1 and one without its public part', () => {
    refused('PuTTY-User-Key-File-1: ssh-rsa\nEncryption: none\n', /version 1.*PuTTYgen/u);
    refused('PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nPrivate-Lines: 1\nAAAA\n', /no public part/u);
  });

  test('parsePublicKeys refuses private keys in each form, without a word of them in the sentence', () => {
    const openssh = readFileSync(ed25519.file, 'utf8');
    const rsa = keygen('rsa', '-b', '2048', '-m', 'PEM');
    for (const text of [
      openssh,
      readFileSync(rsa.file, 'utf8'),
      `${ed25519.line}${openssh}`,
      '---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nAAAA\n',
    ]) {
      refused(text, /^that is a private key(?!.*AAAA).*\.pub/u);
    }
  });

  test('parsePublicKeys refuses PEM public keys and says how to change them', () => {
    refused(
      execFileSync('ssh-keygen', ['-e', '-m', 'PKCS8', '-f', `${keygen('rsa', '-b', '2048').file}.pub`], { encoding: 'utf8' }),
      /ssh-keygen -i/u,
    );
  });

  test('parsePublicKeys refuses weak and withdrawn algorithms', () => {
    refused(keygen('rsa', '-b', '1024').line, /RSA key of 1024 bits.*ssh-keygen -t ed25519/u);
    const dss = Buffer.concat([field('ssh-dss'), field(Buffer.alloc(128, 1))]).toString('base64');
    refused(`ssh-dss ${dss} old`, /DSA/u);
    refused(`---- BEGIN SSH2 PUBLIC KEY ----\n${dss}\n---- END SSH2 PUBLIC KEY ----\n`, /DSA/u);
    refused(`ssh-ed448 ${field('ssh-ed448').toString('base64')}`, /"ssh-ed448"/u);
  });

  test('parsePublicKeys refuses certificates', () => {
    execFileSync('ssh-keygen', ['-q', '-s', keygen('ed25519').file, '-I', 'id', '-n', 'jbond', `${ed25519.file}.pub`]);
    refused(readFileSync(`${ed25519.file}-cert.pub`, 'utf8'), /certificate/u);
  });

  for (const options of [
    'command="/bin/sh"',
    'no-pty',
    'from="10.0.0.0/8,*.example",no-agent-forwarding',
    'environment="A=b c" ',
    'cert-authority',
  ]) {
    test(`parsePublicKeys refuses a line with the options ${options}`, () => {
      refused(`${options} ${ed25519.line}`, /options/u);
    });
  }

  test('parsePublicKeys names the line that is wrong in a file of several', () => {
    refused(`${ed25519.line}nonsense\n`, /^line 2 is not a public key/u);
  });

  test('parsePublicKeys refuses damaged keys: cut, lengthened, mislabelled, not base64, wrapped over two lines', () => {
    const [algorithm = '', blob = ''] = ed25519.line.split(' ');
    const bytes = Buffer.from(blob, 'base64');
    refused(`${algorithm} ${blob.slice(0, -4)}`, /damaged/u);
    refused(`${algorithm} ${bytes.subarray(0, -3).toString('base64')}`, /damaged/u);
    refused(`${algorithm} ${Buffer.concat([bytes, Buffer.of(0)]).toString('base64')}`, /damaged/u);
    refused(`ssh-rsa ${blob}`, /damaged/u);
    refused(`${algorithm} ${blob.slice(0, -1)}!`, /damaged/u);
    refused(`${algorithm} ${blob.slice(0, 30)}\n${blob.slice(30)}\n`, /damaged/u);
    refused('---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n', /ends too early/u);
    refused('---- BEGIN SSH2 PUBLIC KEY ----\nx\n---- END SSH2 PUBLIC KEY ----\n', /damaged/u);
  });

  test('parsePublicKeys refuses nothing at all and far too much', () => {
    refused('', /no public key/u);
    refused('\n# only a comment\n', /no public key/u);
    refused('a'.repeat(100_001), /100001 characters/u);
  });

  test('parsePublicKeys lets no control character or line break through in a comment, which ends in authorized_keys', () => {
    const [algorithm = '', blob = ''] = ed25519.line.split(' ');
    const folded = `---- BEGIN SSH2 PUBLIC KEY ----\nComment: "a\u0000b\\\n\u2028ssh-rsa\u001B[31m"\n${blob}\n---- END SSH2 PUBLIC KEY ----\n`;
    for (const text of [`${algorithm} ${blob} a\u0000b\u0085c\u2028ssh-rsa\u001B[31m`, folded]) {
      const [key] = parsePublicKeys(text).keys;
      assert.match(key?.comment ?? '', /^a b.*ssh-rsa \[31m$/u);
      assert.doesNotMatch(key?.comment ?? '', /[\p{Cc}\p{Zl}\p{Zp}]/u);
    }
  });

  test('parsePublicKeys throws only bad-key, and returns only whole keys, whatever it is given', () => {
    const line = fc.oneof(
      fc.string(),
      fc.constantFrom(
        ed25519.line,
        'ssh-rsa AAAA',
        '---- BEGIN SSH2 PUBLIC KEY ----',
        '---- END SSH2 PUBLIC KEY ----',
        'PuTTY-User-Key-File-3: ssh-rsa',
        'Public-Lines: 2',
        'Comment: \\',
      ),
    );
    const blob = fc.uint8Array({ maxLength: 60 }).map((bytes) => `ssh-rsa ${Buffer.concat([field('ssh-rsa'), bytes]).toString('base64')}`);
    fc.assert(
      fc.property(fc.array(fc.oneof(line, blob), { maxLength: 6 }), (lines) => {
        try {
          for (const key of parsePublicKeys(lines.join('\n')).keys) assert.deepEqual(parsePublicKeys(publicKeyLine(key)).keys, [key]);
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'bad-key');
        }
      }),
      { numRuns: 2000 },
    );
  });
});

suite('base64', () => {
  test('encodeBase64 and decodeBase64 agree with the platform for all bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const text = encodeBase64(bytes);
        assert.equal(text, Buffer.from(bytes).toString('base64'));
        assert.deepEqual(decodeBase64(text), bytes);
      }),
    );
  });

  test('decodeBase64 takes only what encodeBase64 writes', () => {
    for (const text of ['A', 'AB', 'ABC', 'AB=C', 'A===', '====', 'AB==AB==', 'AB\n=', 'A-_=', 'AB==', 'ABC=', 'éAAA']) {
      const bytes = decodeBase64(text);
      assert.ok(bytes === undefined || encodeBase64(bytes) === text, text);
    }
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('A', 'B', 'w', '/', '+', '0', '1', '='), maxLength: 12 }), (text) => {
        const bytes = decodeBase64(text);
        const isCanonical = Buffer.from(text, 'base64').toString('base64') === text;
        assert.equal(bytes !== undefined, isCanonical);
      }),
    );
  });
});
