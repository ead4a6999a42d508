import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { suite, test } from 'node:test';
import { ed25519Point } from './ed25519-point.ts';

const p = 2n ** 255n - 19n;
const head = Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from('ssh-ed25519'), Buffer.from([0, 0, 0, 32])]);
const keyOf = (bytes: Uint8Array) => `ssh-ed25519 ${Buffer.concat([head, bytes]).toString('base64')}`;
const littleEndian = (value: bigint) => Buffer.from(value.toString(16).padStart(64, '0'), 'hex').toReversed();

suite('ed25519Point', () => {
  test('the base point of RFC 8032 has the coordinates that the RFC gives', () => {
    const y = 46_316_835_694_926_478_169_428_394_003_475_163_141_307_993_866_256_225_615_783_033_603_165_251_855_960n;
    const x = 15_112_221_349_535_400_772_501_151_409_588_531_511_454_012_693_041_857_206_046_113_283_949_847_762_202n;
    assert.deepEqual(ed25519Point(keyOf(littleEndian(y))), { x, y });
    assert.deepEqual(ed25519Point(keyOf(littleEndian(y | (2n ** 255n)))), { x: p - x, y });
  });

  test('every key that is generated stands for a point on the curve, with the sign that it says', () => {
    for (let round = 0; round < 20; round += 1) {
      const bytes = generateKeyPairSync('ed25519').publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
      const point = ed25519Point(keyOf(bytes));
      assert.ok(point !== undefined);
      const { x, y } = point;
      // -x^2 + y^2 = 1 + d x^2 y^2 with d = -121665/121666, both sides times 121666.
      assert.equal(((y * y - x * x - 1n) * 121_666n + 121_665n * x * x * y * y) % p, 0n);
      assert.equal(x & 1n, BigInt((bytes.at(-1) ?? 0) >> 7));
    }
  });

  test('other keys, and what is no point, have none', () => {
    assert.equal(ed25519Point('ssh-rsa AAAA'), undefined);
    assert.equal(ed25519Point('ssh-ed25519 AAAA'), undefined);
    assert.equal(ed25519Point(keyOf(littleEndian(2n))), undefined);
    assert.equal(ed25519Point(keyOf(littleEndian(p + 1n))), undefined);
  });
});
