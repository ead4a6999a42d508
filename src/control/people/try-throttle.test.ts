import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { makeTryThrottle, passwordRules } from './try-throttle.ts';

function makeTimed() {
  let nowMs = 1_000_000;
  const throttle = makeTryThrottle({ now: () => nowMs }, passwordRules);
  const isLocked = (person: string, address: string) => {
    try {
      throttle.check(person, address);
      return false;
    } catch {
      return true;
    }
  };
  return { throttle, isLocked, pass: (seconds: number) => (nowMs += seconds * 1000) };
}

function lockSeconds(throttle: ReturnType<typeof makeTryThrottle>, person: string, address: string): number {
  try {
    throttle.check(person, address);
    return 0;
  } catch (error) {
    return Number((error as { details: { retryAfterSeconds: number } }).details.retryAfterSeconds);
  }
}

suite('try-throttle', () => {
  test('makeTryThrottle lets four mistakes pass, then locks for a time that doubles up to five minutes', () => {
    const { throttle, pass } = makeTimed();
    for (let wrong = 0; wrong < 4; wrong += 1) assert.equal(throttle.failed('ada', '192.0.2.1'), false);
    assert.equal(lockSeconds(throttle, 'ada', '192.0.2.1'), 0);
    const locks = [];
    for (let wrong = 0; wrong < 12; wrong += 1) {
      assert.equal(throttle.failed('ada', '192.0.2.1'), true);
      const seconds = lockSeconds(throttle, 'ada', '192.0.2.1');
      locks.push(seconds);
      pass(seconds);
      assert.equal(lockSeconds(throttle, 'ada', '192.0.2.1'), 0);
    }
    assert.deepEqual(locks, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
  });

  test('makeTryThrottle forgets after an hour, and after a right password', () => {
    const { throttle, isLocked, pass } = makeTimed();
    for (let wrong = 0; wrong < 20; wrong += 1) throttle.failed('ada', '192.0.2.1');
    assert.ok(isLocked('ada', '192.0.2.1'));
    pass(3601);
    assert.equal(throttle.failed('ada', '192.0.2.1'), false);
    for (let wrong = 0; wrong < 3; wrong += 1) throttle.failed('ada', '192.0.2.1');
    throttle.succeeded('ada', '192.0.2.1');
    assert.equal(throttle.failed('ada', '192.0.2.1'), false);
  });

  test('makeTryThrottle does not let one address lock a person out at another, nor other persons at its own soon', () => {
    const { throttle, isLocked } = makeTimed();
    for (let wrong = 0; wrong < 30; wrong += 1) throttle.failed('ada', '192.0.2.1');
    assert.ok(isLocked('ada', '192.0.2.1'));
    assert.ok(!isLocked('ada', '198.51.100.1'));
    assert.ok(!isLocked('bob', '192.0.2.1'));
  });

  test('makeTryThrottle slows one password tried on many names from one address', () => {
    const { throttle, isLocked } = makeTimed();
    for (let name = 0; name < 60; name += 1) throttle.failed(`person${name}`, '192.0.2.1');
    assert.ok(isLocked('anybody', '192.0.2.1'));
    assert.ok(!isLocked('anybody', '192.0.2.2'));
  });

  test('makeTryThrottle keeps a person who signed in from a place before from being locked out there by many machines', () => {
    const { throttle, isLocked } = makeTimed();
    throttle.succeeded('ada', '198.51.100.1');
    for (let machine = 0; machine < 100; machine += 1) throttle.failed('ada', `192.0.2.${machine}`);
    assert.ok(isLocked('ada', '203.0.113.9'));
    assert.ok(lockSeconds(throttle, 'ada', '203.0.113.9') <= 20);
    assert.ok(!isLocked('ada', '198.51.100.1'));
  });

  test('makeTryThrottle counts all addresses of an IPv6 /64 as one, for a person and for all', () => {
    const { throttle, isLocked } = makeTimed();
    for (let each = 1; each <= 5; each += 1) throttle.failed('ada', `2001:db8:1:2::${each}`);
    assert.ok(isLocked('ada', '2001:db8:1:2:ffff::1'), 'a person');
    assert.ok(!isLocked('ada', '2001:db8:1:3::1') && !isLocked('bob', '2001:db8:1:2::1'));
    for (let each = 0; each < 60; each += 1) throttle.failed(`person${each}`, `2001:db8:1:2:${each}::1`);
    assert.ok(isLocked('anybody', '2001:db8:1:2::1:1'), 'all persons');
    assert.ok(!isLocked('anybody', '2001:db8:1:3::1'));
    throttle.succeeded('ada', '2001:db8:1:2::9');
    assert.ok(!isLocked('ada', '2001:db8:1:2::77'), 'who was there before is not shut out there');
  });

  test('makeTryThrottle takes an IPv4 address that is written as IPv6 for what it is', () => {
    const { throttle, isLocked } = makeTimed();
    for (let wrong = 0; wrong < 5; wrong += 1) throttle.failed('ada', wrong % 2 === 0 ? '192.0.2.1' : '::ffff:192.0.2.1');
    assert.ok(isLocked('ada', '192.0.2.1') && isLocked('ada', '::ffff:192.0.2.1'));
    assert.ok(!isLocked('ada', '::ffff:192.0.2.2'));
  });

  test('makeTryThrottle lets a person who was seen at a place pass over the locks of others, and not over the one that is their own', () => {
    const { throttle, isLocked } = makeTimed();
    for (let name = 0; name < 60; name += 1) throttle.failed(`person${name}`, '192.0.2.1');
    throttle.seen('ada', '192.0.2.1');
    assert.ok(!isLocked('ada', '192.0.2.1'));
    for (let wrong = 0; wrong < 5; wrong += 1) throttle.failed('ada', '192.0.2.1');
    throttle.seen('ada', '192.0.2.1');
    assert.ok(isLocked('ada', '192.0.2.1'));
  });

  test('makeTryThrottle holds a bounded number of names that strangers made up', () => {
    const { throttle, isLocked } = makeTimed();
    for (let wrong = 0; wrong < 10; wrong += 1) throttle.failed('ada', '192.0.2.1');
    for (let name = 0; name < 30_000; name += 1) throttle.failed(`n${name}`, `10.0.${name >> 8}.${name & 255}`);
    assert.ok(!isLocked('ada', '192.0.2.1'), 'the oldest was let go');
    assert.ok(!isLocked('n29999', '10.0.117.47'));
  });
});
