import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { suite, test } from 'node:test';
import { makeDoorkeeper } from './doorkeeper.ts';

function fill(keeper: ReturnType<typeof makeDoorkeeper>, address: (each: number) => string, count: number): Socket[] {
  const sockets: Socket[] = [];
  for (let each = 0; each < count; each += 1) {
    if (!keeper.mayEnter(address(each))) continue;
    const socket = new Socket();
    keeper.waiting(socket, address(each), 60_000);
    sockets.push(socket);
  }
  return sockets;
}

suite('makeDoorkeeper', () => {
  for (const [who, address] of [
    ['one address', () => '192.0.2.1'],
    ['one IPv6 network', (each: number) => `2001:db8:1:2::${each.toString(16)}`],
    ['one IPv6 network, written out', (each: number) => `2001:db8:1:2:${each.toString(16)}:1:1:1`],
  ] as const)
    test(`${who} holds 150 places and no more, and others still get in`, () => {
      const keeper = makeDoorkeeper(() => 0.5);
      const sockets = fill(keeper, address, 1000);
      assert.equal(sockets.length, 150);
      assert.ok(keeper.mayEnter('192.0.2.2') && keeper.mayEnter('2001:db8:1:3::1') && keeper.mayEnter('2001:db8::1'));
      keeper.signedIn(sockets[0] ?? new Socket());
      assert.ok(keeper.mayEnter(address(7)));
      for (const socket of sockets) keeper.signedIn(socket);
    });

  test('many addresses together never hold more than 1500, and turn others away by chance before', () => {
    const keeper = makeDoorkeeper(() => 0.999);
    const sockets = fill(keeper, (each) => `10.0.${each >> 8}.${each & 255}`, 5000);
    assert.ok(sockets.length > 1400 && sockets.length <= 1500, String(sockets.length));
    const timid = makeDoorkeeper(() => 0);
    const few = fill(timid, (each) => `10.0.${each >> 8}.${each & 255}`, 5000);
    assert.equal(few.length, 500);
    for (const socket of sockets) keeper.signedIn(socket);
    for (const socket of few) timid.signedIn(socket);
  });

  test('who does not sign in in time is sent away, and a place is free when its holder goes', async () => {
    const keeper = makeDoorkeeper();
    const socket = new Socket();
    keeper.waiting(socket, '192.0.2.1', 20);
    await new Promise((resolve) => socket.once('close', resolve));
    assert.ok(socket.destroyed);
  });
});
