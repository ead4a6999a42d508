import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4Network } from './ipv4.ts';
import { macOf, macRange } from './mac.ts';

test('macOf: the address in hexadecimal after our two octets, locally administered and no group’s', () => {
  assert.equal(macOf('192.168.11.123'), '02:6d:c0:a8:0b:7b');
  assert.equal(macOf('255.255.255.255'), '02:6d:ff:ff:ff:ff');
  assert.equal(macOf('0.0.0.1'), '02:6d:00:00:00:01');
  assert.equal(Number.parseInt(macOf('10.0.0.1').slice(0, 2), 16) & 3, 2);
});

test('macOf: refuses what is no address', () => {
  assert.throws(() => macOf('10.0.0.1 accept'), { code: 'internal' });
});

test('macRange: from the first to the last address of a network', () => {
  const network = ipv4Network('192.168.0.0/16');
  assert.ok(network !== undefined);
  assert.equal(macRange(network), '02:6d:c0:a8:00:00-02:6d:c0:a8:ff:ff');
});
