import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fault } from '../core/errors.ts';
import { parseGeneration, parseServerId } from '../core/ids.ts';
import { statusOf } from '../core/server.ts';
import type { Operation } from '../store/records.ts';
import { type ControlRoom, makeControlRoom, rootCaller } from '../testing/control-room.ts';
import type { Caller } from './caller.ts';

async function ended(room: ControlRoom, caller: Caller, operation: Operation | undefined): Promise<Operation> {
  assert.ok(operation !== undefined);
  return await room.control.operations.wait(caller, operation.id, 10_000);
}

/** Polls, because what is awaited happens by itself. */
async function eventually(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
  const until = Date.now() + 20_000;
  while (!(await isSo())) {
    if (Date.now() > until) assert.fail(`it never came true: ${what}`);
    await sleep(20);
  }
}

async function makeOne(room: ControlRoom, caller: Caller, id?: number): Promise<number> {
  const created = await room.control.servers.create(caller, id === undefined ? {} : { id });
  const operation = await ended(room, caller, created.operations[0]);
  assert.equal(operation.state, 'done', operation.error?.message);
  return created.servers[0]?.record.id ?? -1;
}

const instances = (room: ControlRoom) => [...room.engine.world.instances.values()];

suite('create', () => {
  test('create gives the lowest free ID a running server, its ports and its first user with a one-time password', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    const created = await room.control.servers.create(ada, { notes: 'thesis' });
    assert.equal((await ended(room, ada, created.operations[0])).state, 'done');
    const { record, seen, right } = await room.control.servers.get(ada, 0);
    assert.deepEqual(
      [record.owner, record.admin, record.notes, seen, right, statusOf({ ...record, seen })],
      ['ada', 'ada', 'thesis', 'running', 'all', 'running'],
    );
    assert.match(created.passwords[0]?.password ?? '', /^(?:[a-z\d]{4}-){3}[a-z\d]{4}$/u);
    assert.deepEqual(
      room.firewall.standing?.forwards.map(({ publicPort, address, privatePort }) => [publicPort, address, privatePort]),
      [
        [2000, '192.168.10.100', 22],
        [8000, '192.168.10.100', 80],
        [58_000, '192.168.10.100', 8000],
      ],
    );
    const [instance] = instances(room);
    const text = (path: string) => new TextDecoder().decode(instance?.files.get(path)?.content);
    assert.match(text('/etc/passwd'), /^ada:x:1000:/mu);
    assert.match(text('/home/ada/.ssh/authorized_keys'), /myserver-gateway$/mu);
    assert.equal(text('/etc/hostname'), 'server-0\n');
    assert.equal(await room.store.keyring.get(`initial-password:${record.generation}`), undefined);
  });

  test('create of the same ID twice at the same instant makes one server and refuses the other', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    const results = await Promise.allSettled([room.control.servers.create(ada, { id: 5 }), room.control.servers.create(ada, { id: 5 })]);
    assert.deepEqual(results.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
    const refusal = results.find((result) => result.status === 'rejected');
    assert.ok(refusal !== undefined);
    assert.equal((refusal.reason as { code: string }).code, 'id-taken');
  });

  test('create refuses what cannot be, each with its own code, and leaves nothing behind', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    const refusals = [
      [{ id: 1000 }, 'bad-id'],
      [{ id: 1.5 }, 'bad-id'],
      [{ system: 'plan9' }, 'no-such-image'],
      [{ type: '../../etc' }, 'bad-name'],
      [{ memoryBytes: 1 }, 'bad-size'],
      [{ diskBytes: 2 ** 52 }, 'bad-size'],
      [{ cpus: 0 }, 'bad-size'],
      [{ cpus: 9 }, 'quota-reached'],
      [{ count: 6 }, 'quota-reached'],
      [{ admin: 'root' }, 'bad-name'],
      [{ admin: '$(reboot)' }, 'bad-name'],
      [{ name: '../x' }, 'bad-name'],
      [{ name: 'web', count: 2 }, 'bad-request'],
      [{ owner: 'bob' }, 'not-allowed'],
      [{ keys: ['not a key'] }, 'bad-key'],
      [{ notes: 'a\u001B[2Jb' }, 'bad-request'],
    ] as const;
    for (const [request, code] of refusals) {
      await assert.rejects(room.control.servers.create(ada, request), { code }, JSON.stringify(request));
    }
    assert.deepEqual(await room.store.servers.list(), []);
    assert.deepEqual(instances(room), []);
  });

  test('create passes over an ID whose port another program holds, and says so when it is asked for', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    room.held.add(0).add(1);
    assert.equal(await makeOne(room, ada), 2);
    await assert.rejects(room.control.servers.create(ada, { id: 1 }), { code: 'id-unusable' });
  });

  test('create with an idempotency key seen before gives the same operation and no password', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    const first = await room.control.servers.create(ada, {}, 'k1');
    const again = await room.control.servers.create(ada, {}, 'k1');
    assert.equal(again.operations[0]?.id, first.operations[0]?.id);
    assert.deepEqual(again.passwords, []);
    await assert.rejects(room.control.servers.create(ada, { count: 2 }, 'k1'), { code: 'key-reused' });
    await ended(room, ada, first.operations[0]);
    assert.equal((await room.store.servers.list()).length, 1);
  });

  test('create that fails half-way leaves no instance, no lease, no port and says why', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    for (const call of ['create', 'pushFiles', 'start'] as const) {
      room.engine.failNext(call, fault('engine-failed', 'the engine has a bad day'));
      const created = await room.control.servers.create(ada, {});
      const operation = await ended(room, ada, created.operations[0]);
      assert.deepEqual([operation.state, operation.error?.code], ['failed', 'engine-failed']);
      assert.deepEqual(await room.store.servers.list(), []);
      assert.deepEqual(instances(room), []);
      assert.deepEqual(room.firewall.standing?.forwards, []);
    }
  });

  test('create that is cancelled undoes itself', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    room.engine.hangNext('create');
    const created = await room.control.servers.create(ada, {});
    await eventually('the engine was called', () => room.engine.calls.some((call) => call.startsWith('create')));
    await room.control.operations.cancel(ada, created.operations[0]?.id ?? '');
    assert.equal((await ended(room, ada, created.operations[0])).state, 'cancelled');
    assert.deepEqual([await room.store.servers.list(), instances(room)], [[], []]);
  });

  test('create while the engine is down is refused at once; an engine that goes away meanwhile is waited for', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    room.engine.world.goDown();
    await assert.rejects(room.control.servers.create(ada, {}), { code: 'engine-unavailable' });
    room.engine.world.comeBack();
    room.engine.failNext('start', fault('engine-unavailable', 'gone'));
    assert.equal(await makeOne(room, ada), 0);
  });
});

suite('rights', () => {
  test('a person learns nothing of another’s server and changes nothing of it', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    const eve = await room.as('eve');
    const id = await makeOne(room, ada);
    const { servers } = room.control;
    assert.deepEqual(await servers.list(eve, {}), []);
    for (const deed of [
      () => servers.get(eve, id),
      () => servers.stop(eve, id),
      () => servers.kill(eve, id),
      () => servers.start(eve, id),
      () => servers.restart(eve, id),
      () => servers.drop(eve, id),
      () => servers.change(eve, id, { notes: 'mine' }),
      () => servers.password(eve, id),
      () => servers.pushKeys(eve, id, []),
      () => servers.setGatewayKey(eve, id, false),
    ]) {
      await assert.rejects(deed(), { code: 'no-such-server' });
    }
    const refused = (await room.store.audit.list({ allowed: false })).map(({ person }) => person);
    assert.equal(refused.length, 10);
    assert.ok(refused.every((person) => person === 'eve'));
  });

  test('a grant of read shows the server and still refuses to stop it', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    const eve = await room.as('eve');
    const id = await makeOne(room, ada);
    const { record } = await room.control.servers.get(ada, id);
    const subject = { kind: 'person' as const, name: record.owner };
    assert.equal(subject.name, 'ada');
    await room.store.grants.put({
      subject: { kind: 'person', name: (eve.actor as { name: typeof record.owner }).name },
      target: { kind: 'server', generation: record.generation },
      right: 'read',
      expiresMs: undefined,
      grantedBy: record.owner,
    });
    assert.equal((await room.control.servers.get(eve, id)).right, 'read');
    await assert.rejects(room.control.servers.stop(eve, id), { code: 'not-allowed' });
  });
});

suite('names', () => {
  test('a server is not called like a person, at create or later, for that name leads into their lobby', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    await room.as('eve');
    const refusal = { code: 'name-taken', message: /"eve" is the name of a person here/u };
    await assert.rejects(room.control.servers.create(ada, { name: 'eve' }), refusal);
    const id = await makeOne(room, ada);
    await assert.rejects(room.control.servers.change(ada, id, { name: 'eve' }), refusal);
    assert.equal((await room.control.servers.change(ada, id, { name: 'thesis' })).server.record.name, 'thesis');
    assert.equal((await room.control.servers.change(ada, id, { name: null })).server.record.name, undefined);
  });
});

suite('life', () => {
  test('stop, start, restart and kill do what they say and may each be said twice', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    const id = await makeOne(room, ada);
    const { servers } = room.control;
    for (const [verb, seen] of [
      ['stop', 'stopped'],
      ['stop', 'stopped'],
      ['start', 'running'],
      ['start', 'running'],
      ['restart', 'running'],
      ['kill', 'stopped'],
      ['kill', 'stopped'],
      ['restart', 'running'],
    ] as const) {
      const operation = await ended(room, ada, await servers[verb](ada, id));
      assert.equal(operation.state, 'done', `${verb}: ${operation.error?.message}`);
      assert.equal((await servers.get(ada, id)).seen, seen, verb);
      assert.deepEqual(room.firewall.standing?.stopped, seen === 'stopped' ? ['192.168.10.100'] : [], verb);
    }
  });

  test('drop takes instance, ports and live connections away and gives the ID back', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    const id = await makeOne(room, ada, 7);
    const before = (await room.control.servers.get(ada, id)).hostKey;
    assert.equal((await ended(room, ada, await room.control.servers.drop(ada, id))).state, 'done');
    assert.deepEqual(instances(room), []);
    assert.deepEqual(room.firewall.standing?.forwards, []);
    assert.deepEqual(room.firewall.cuts, ['192.168.10.107']);
    await assert.rejects(room.control.servers.get(ada, id), { code: 'no-such-server' });
    await makeOne(room, ada, 7);
    assert.equal((await room.control.servers.get(ada, id)).hostKey, before, 'the same person keeps the host key of the ID');
    await ended(room, ada, await room.control.servers.drop(ada, id));
    const bob = await room.as('bob');
    await makeOne(room, bob, 7);
    assert.notEqual((await room.control.servers.get(bob, id)).hostKey, before, 'another person never gets it');
    assert.equal((await room.store.hostKeys.revoked()).length, 1);
  });

  test('drop for another generation than the one there is refused', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    const id = await makeOne(room, ada);
    const other = parseGeneration('00000000-0000-4000-8000-000000000000');
    await assert.rejects(room.control.servers.drop(ada, id, other), { code: 'conflict' });
    assert.equal(instances(room).length, 1);
  });

  test('drop in the middle of a creation ends both and leaves nothing', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    room.engine.hangNext('pushFiles');
    const created = await room.control.servers.create(ada, {});
    await eventually('files are being pushed', () => room.engine.calls.some((call) => call.startsWith('pushFiles')));
    const dropped = await ended(room, ada, await room.control.servers.drop(ada, 0));
    assert.equal(dropped.state, 'done');
    assert.equal((await ended(room, ada, created.operations[0])).state, 'cancelled');
    assert.deepEqual([await room.store.servers.list(), instances(room)], [[], []]);
  });

  test('a password is made by the tools inside and shown once', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    const id = await makeOne(room, ada);
    const { user, password } = await room.control.servers.password(ada, id);
    assert.equal(user, 'ada');
    assert.equal(password.length, 19);
    const lines = await room.store.audit.list();
    assert.ok(lines.some(({ deed, detail }) => deed === 'password' && !detail.includes(password)));
    await ended(room, ada, await room.control.servers.stop(ada, id));
    await assert.rejects(room.control.servers.password(ada, id), { code: 'wrong-state' });
  });

  test('set changes limits within the quota, and the store goes back when the engine refuses', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    const id = await makeOne(room, ada);
    const memoryBytes = 2 ** 30;
    await room.control.servers.change(ada, id, { memoryBytes });
    assert.equal((await room.control.servers.get(ada, id)).record.limits.memoryBytes, memoryBytes);
    room.engine.failNext('setLimits', fault('bad-size', 'the disk holds more than that'));
    await assert.rejects(room.control.servers.change(ada, id, { diskBytes: 2 ** 30 }), { code: 'bad-size' });
    assert.equal((await room.control.servers.get(ada, id)).record.limits.diskBytes, 5 * 2 ** 30);
    await assert.rejects(room.control.servers.change(ada, id, { cpus: 9 }), { code: 'quota-reached' });
  });

  test('the gateway’s key can be seen, removed and put back, and own keys added', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    const id = await makeOne(room, ada);
    await room.control.servers.setGatewayKey(ada, id, false);
    await room.control.servers.pushKeys(ada, id, ['ssh-ed25519 AAAA one', 'ssh-ed25519 AAAA the-same-key']);
    const file = instances(room)[0]?.files.get('/home/ada/.ssh/authorized_keys');
    assert.equal(new TextDecoder().decode(file?.content), 'ssh-ed25519 AAAA one\nssh-ed25519 AAAA the-same-key\n');
    await room.control.servers.pushKeys(ada, id, ['ssh-ed25519 AAAA again']);
    assert.equal(instances(room)[0]?.files.get('/home/ada/.ssh/authorized_keys')?.content.length, file?.content.length);
    assert.equal((await room.control.servers.get(ada, id)).record.gatewayKey, false);
    for (const _twice of [1, 2]) await room.control.servers.setGatewayKey(ada, id, true);
    const [, , added, ...more] = new TextDecoder()
      .decode(instances(room)[0]?.files.get('/home/ada/.ssh/authorized_keys')?.content)
      .trimEnd()
      .split('\n');
    assert.match(added ?? '', /^ssh-ed25519 \S{68} myserver-gateway$/u);
    assert.deepEqual(more, []);
    assert.equal((await room.control.servers.get(ada, id)).record.gatewayKey, true);
  });
});

suite('reconciler', () => {
  test('the reconciler puts back a rule deleted by hand', async () => {
    await using room = await makeControlRoom();
    await makeOne(room, await room.as('ada'));
    room.firewall.deleteByHand(2000);
    assert.ok((await room.control.doctor.examine(rootCaller)).some(({ code }) => code === 'rules-out-of-step'));
    await room.restart();
    assert.equal(room.firewall.standing?.forwards.length, 3);
  });

  test('the reconciler marks a server whose instance was deleted by hand, and makes no empty one in its place', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    const id = await makeOne(room, ada);
    room.engine.world.lose(instances(room)[0]?.name ?? '');
    await eventually('the server is marked', async () => (await room.control.servers.get(ada, id)).record.problem !== undefined);
    const shown = await room.control.servers.get(ada, id);
    assert.equal(statusOf({ ...shown.record, seen: shown.seen }), 'failed');
    assert.deepEqual(instances(room), []);
    assert.equal((await ended(room, ada, await room.control.servers.drop(ada, id))).state, 'done');
    assert.deepEqual(await room.store.servers.list(), []);
  });

  test('the reconciler starts after a restart what ran, when the host went down without a word', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    const id = await makeOne(room, ada);
    await room.control.stop();
    const [instance] = instances(room);
    assert.ok(instance !== undefined);
    instance.state = 'stopped';
    await room.restart();
    assert.equal((await room.control.servers.get(ada, id)).seen, 'running');
  });

  test('a server that shuts itself down from inside stays down and is shown as stopped', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    const id = await makeOne(room, ada);
    room.engine.world.halt(instances(room)[0]?.name ?? '');
    await eventually('it counts as stopped', async () => (await room.control.servers.get(ada, id)).record.wanted === 'stopped');
    assert.equal(instances(room)[0]?.state, 'stopped');
    await eventually('its ports refuse', () => room.firewall.standing?.stopped[0] === '192.168.10.100');
  });

  test('a server that is made and not started refuses at its ports', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    const created = await room.control.servers.create(ada, { start: false });
    assert.equal((await ended(room, ada, created.operations[0])).state, 'done');
    assert.deepEqual(room.firewall.standing?.stopped, ['192.168.10.100']);
  });

  test('a server that shuts itself down is believed although the event of it was missed', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    const id = await makeOne(room, ada);
    const [instance] = instances(room);
    assert.ok(instance !== undefined);
    instance.state = 'stopped';
    room.engine.world.tell(undefined);
    await eventually('it counts as stopped', async () => (await room.control.servers.get(ada, id)).record.wanted === 'stopped');
    assert.equal(instances(room)[0]?.state, 'stopped');
  });

  test('an empty store beside another installation’s servers changes nothing until somebody adopts or discards them', async () => {
    await using room = await makeControlRoom();
    const generation = parseGeneration('0a1b2c3d-0000-4000-8000-000000000000');
    const tags = { installation: 'another', generation, id: parseServerId(3) };
    room.engine.world.addStranger('s3-0a1b2c3d', '192.168.10.103', tags);
    await room.restart();
    const ada = await room.as('ada', 'administrator');
    await assert.rejects(room.control.servers.create(ada, {}), { code: 'installation-mismatch' });
    assert.equal(instances(room).length, 1);
    const findings = await room.control.doctor.examine(ada);
    assert.ok(findings.some(({ code }) => code === 'installation-mismatch'));
    const stranger = findings.find(({ code }) => code === 'instance-unknown');
    assert.deepEqual(stranger?.actions, ['adopt', 'discard']);
    assert.match(stranger?.remedy ?? '', /"myserver doctor adopt instance-unknown:s3-0a1b2c3d --owner NAME"/u);
    assert.equal(stranger?.id, 'instance-unknown:s3-0a1b2c3d');
    await room.control.doctor.treat(ada, stranger?.id ?? '', 'adopt', { owner: 'ada' });
    const shown = await room.control.servers.get(ada, 3);
    assert.deepEqual([shown.record.owner, shown.seen], ['ada', 'running']);
    assert.ok(room.firewall.standing?.forwards.some(({ publicPort }) => publicPort === 2003));
    assert.equal(await makeOne(room, ada), 0);
  });

  test('a day-old store keeps the server it does not know closed, off its ID, and destroys it only when told by name', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada', 'administrator');
    await makeOne(room, ada, 9);
    const generation = parseGeneration('0a1b2c3d-0000-4000-8000-000000000000');
    room.engine.world.addStranger('s0-0a1b2c3d', '192.168.10.100', {
      installation: room.store.installation,
      generation,
      id: parseServerId(0),
    });
    await room.restart();
    assert.equal(await makeOne(room, ada), 1, 'ID 0 is passed over');
    assert.ok(!room.firewall.standing?.leased.includes('192.168.10.100'));
    assert.equal(instances(room).length, 3);
    await room.control.doctor.treat(ada, 'instance-unknown:s0-0a1b2c3d', 'discard', {});
    assert.equal(instances(room).length, 2);
  });
});
