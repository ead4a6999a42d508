import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { makeKeyPair } from '../../control/host-key.ts';
import { runProcess } from '../../testing/run-process.ts';
import { hasAesHardware, sshAlgorithms } from './algorithms.ts';
import { listen } from './round-trip.testing.ts';

const missing = async (program: string) =>
  (await runProcess(['sh', '-c', `command -v ${program}`])).exitCode === 0 ? false : `${program} is not on this machine`;
const [noPlink, noDropbear] = await Promise.all([missing('plink'), missing('dbclient')]);

suite('sshAlgorithms', () => {
  test('names nothing that is broken or weak', () => {
    for (const hasAes of [true, false]) {
      const all = Object.values(sshAlgorithms(hasAes)).flat().map(String);
      assert.ok(all.length > 10);
      for (const name of all) assert.doesNotMatch(name, /sha1|md5|cbc|arcfour|3des|nistp|group1-|group14|ssh-rsa|ssh-dss|zlib$/u);
    }
  });

  test('plink gets in', { skip: noPlink }, async () => {
    const key = makeKeyPair('a host');
    await using server = await listen(sshAlgorithms(true), { hostKeys: [key.privateKey.reveal()] });
    const [, blob = ''] = key.publicKey.split(' ');
    const line = await runProcess(['ssh-keygen', '-l', '-f', '-'], { input: `ssh-ed25519 ${blob}\n` });
    const fingerprint = line.stdout.split(' ')[1] ?? '';
    const argv = ['plink', '-batch', '-ssh', '-P', String(server.port), '-pw', 'open', '-hostkey', fingerprint, 'ada@127.0.0.1', 'hello'];
    const { stdout, stderr } = await runProcess(argv);
    assert.equal(stdout, 'hello\nhello\n', stderr);
  });

  test('dropbear’s client gets in', { skip: noDropbear }, async () => {
    await using server = await listen(sshAlgorithms(true));
    const argv = ['dbclient', '-y', '-y', '-p', String(server.port), 'ada@127.0.0.1', 'hello'];
    const { stdout, stderr } = await runProcess(argv, { env: { ...process.env, DROPBEAR_PASSWORD: 'open' } });
    assert.equal(stdout, 'hello\nhello\n', stderr);
  });
});

suite('hasAesHardware', () => {
  test('reads what Linux writes on PCs and on ARM', () => {
    assert.equal(
      hasAesHardware(() => 'processor\t: 0\nflags\t\t: fpu sse4_2 popcnt aes xsave\n'),
      true,
    );
    assert.equal(
      hasAesHardware(() => 'processor\t: 0\nflags\t\t: fpu sse4_2 vaes_like popcnt\n'),
      false,
    );
    assert.equal(
      hasAesHardware(() => 'processor\t: 0\nFeatures\t: fp asimd evtstrm aes pmull\n'),
      true,
    );
    assert.equal(
      hasAesHardware(() => 'processor\t: 0\nFeatures\t: fp asimd evtstrm\n'),
      false,
    );
  });

  test('believes in it where nothing can be read, as almost every machine has it', () => {
    assert.equal(
      hasAesHardware(() => {
        throw new Error('no such file');
      }),
      true,
    );
    assert.equal(typeof hasAesHardware(), 'boolean');
  });
});
