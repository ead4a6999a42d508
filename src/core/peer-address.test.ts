import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { isLoopbackAddress, networkOf, plainAddress } from './peer-address.ts';

suite('peer-address', () => {
  test('plainAddress gives the IPv4 address that was written as IPv6, and leaves all else alone', () => {
    assert.equal(plainAddress('::ffff:192.0.2.1'), '192.0.2.1');
    assert.equal(plainAddress('::FFFF:127.0.0.1'), '127.0.0.1');
    for (const address of ['192.0.2.1', '2001:db8::1', '::1', '::ffff:999.0.2.1', '::ffff:1', '64:ff9b::192.0.2.1', 'fe80::1%eth0', ''])
      assert.equal(plainAddress(address), address);
  });

  test('networkOf gives one network for all addresses of a /64, however they are written, and another for its neighbour', () => {
    for (const address of [
      '2001:db8:1:2::1',
      '2001:db8:1:2::',
      '2001:db8:1:2:ffff:ffff:ffff:ffff',
      '2001:DB8:1:2:0:0:0:7',
      '2001:0db8:0001:0002::7%eth0',
    ])
      assert.equal(networkOf(address), '2001:db8:1:2::/64', address);
    assert.equal(networkOf('2001:db8:1:3::1'), '2001:db8:1:3::/64');
    assert.equal(networkOf('2001:db8::1'), '2001:db8:0:0::/64');
    assert.equal(networkOf('2001:db8::2:0:0:0:1'), '2001:db8:0:2::/64');
    assert.equal(networkOf('fe80::1%eth0'), 'fe80:0:0:0::/64');
    assert.equal(networkOf('::1'), '0:0:0:0::/64');
  });

  test('networkOf takes an IPv4 address for itself, in both ways of writing it, and what is no address too', () => {
    assert.equal(networkOf('192.0.2.1'), '192.0.2.1');
    assert.equal(networkOf('::ffff:192.0.2.1'), '192.0.2.1');
    assert.notEqual(networkOf('::ffff:192.0.2.1'), networkOf('::ffff:192.0.2.2'));
    assert.equal(networkOf(''), '');
    assert.equal(networkOf('somewhere'), 'somewhere');
  });

  test('isLoopbackAddress knows both families, and no name that only begins so', () => {
    for (const address of ['127.0.0.1', '127.255.255.254', '::1', '::ffff:127.0.0.1']) assert.ok(isLoopbackAddress(address), address);
    for (const address of ['', '128.0.0.1', '::', '::2', '127.evil', '10.127.0.0']) assert.ok(!isLoopbackAddress(address), address);
  });
});
