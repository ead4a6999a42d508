import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { inspect } from 'node:util';
import { Secret } from '../base/secret.ts';
import { rightOf } from '../core/access.ts';
import { parseGeneration } from '../core/ids.ts';
import { parseGroupName, parsePersonName } from '../core/names.ts';
import type { GrantRecord } from './people.ts';
import { alice, bob, makeTestStore, newPerson, serverId, takeOne } from './store.testing.ts';

const [course, lab] = [parseGroupName('course'), parseGroupName('lab')];
const nobody = parsePersonName('nobody7');

function key(more: { readonly person?: typeof alice; readonly fingerprint?: string } = {}) {
  return { person: alice, fingerprint: 'SHA256:a', algorithm: 'ssh-ed25519', blob: 'AAAA', comment: 'laptop', ...more };
}

suite('people', () => {
  test('people.add and get keep every field, and a name is taken once', async () => {
    await using t = await makeTestStore();
    const quota = { servers: 1, cpus: undefined, memoryBytes: 2 ** 40, diskBytes: 0 };
    const carol = newPerson('carol', {
      role: 'staff',
      passwordHash: new Secret('hash'),
      passwordMustChange: true,
      canCreate: false,
      quota,
    });
    const added = await t.store.people.add(carol);
    const expected = {
      name: 'carol',
      role: 'staff',
      hasPassword: true,
      passwordMustChange: true,
      canCreate: false,
      quota,
      disabled: false,
      createdMs: t.clock.nowMs,
    };
    assert.deepEqual(added, expected);
    const again = await t.reopen();
    assert.deepEqual(await again.people.get(carol.name), expected);
    assert.equal((await again.people.passwordHash(carol.name))?.reveal(), 'hash');
    assert.ok(!inspect(await again.people.passwordHash(carol.name)).includes('hash'));
    await assert.rejects(again.people.add(newPerson('carol')), { code: 'name-taken' });
    assert.deepEqual(
      (await again.people.list()).map(({ name }) => name),
      ['alice', 'bob', 'carol'],
    );
    assert.equal(await again.people.get(nobody), undefined);
  });

  test('people.update changes what is given and nothing else; null in a quota is the default again', async () => {
    await using t = await makeTestStore();
    const { people } = t.store;
    const before = await people.get(alice);
    assert.deepEqual(await people.update(alice, {}), before);
    const changed = await people.update(alice, { role: 'administrator', disabled: true, quota: { cpus: 7, servers: 3 } });
    const unset = { memoryBytes: undefined, diskBytes: undefined };
    assert.deepEqual(changed, { ...before, role: 'administrator', disabled: true, quota: { ...unset, cpus: 7, servers: 3 } });
    assert.deepEqual((await people.update(alice, { quota: { cpus: null }, canCreate: false })).quota, {
      ...unset,
      cpus: undefined,
      servers: 3,
    });
    await assert.rejects(people.update(nobody, { disabled: true }), { code: 'no-such-person' });
  });

  test('people.setPassword keeps the hash and whether it must be changed', async () => {
    await using t = await makeTestStore();
    const { people } = t.store;
    assert.equal(await people.passwordHash(alice), undefined);
    await people.setPassword(alice, new Secret('h1'), { mustChange: true });
    assert.equal((await people.get(alice))?.passwordMustChange, true);
    await people.setPassword(alice, new Secret('h2'), { mustChange: false });
    assert.equal((await people.passwordHash(alice))?.reveal(), 'h2');
    assert.equal((await people.get(alice))?.passwordMustChange, false);
    await assert.rejects(people.setPassword(nobody, new Secret('h'), { mustChange: false }), { code: 'no-such-person' });
  });

  test('people.remove refuses an owner of servers and says which', async () => {
    await using t = await makeTestStore();
    await takeOne(t.store, { wantedId: serverId(123) });
    await takeOne(t.store, { wantedId: serverId(7) });
    await assert.rejects(t.store.people.remove(alice), { code: 'conflict', message: /drop 7, 123 first/u });
    assert.notEqual(await t.store.people.get(alice), undefined);
  });

  test('people.remove takes everything along that a later person of that name must not inherit', async () => {
    await using t = await makeTestStore();
    const { store } = t;
    const { server } = await takeOne(store);
    await store.hostKeys.keep({ owner: alice, id: server.id, privateKey: new Secret('private'), publicKey: 'ssh-ed25519 AAAA' });
    await store.leases.release(server.generation);
    await store.groups.add({ name: course, description: '' });
    await store.groups.setMember({ group: course, person: alice, isLeader: true });
    await store.personKeys.add(key());
    await store.tokens.add({ person: alice, secretHash: 'x', label: '', expiresMs: t.clock.nowMs + 1000 });
    await store.grants.put({
      subject: { kind: 'person', name: alice },
      target: { kind: 'all' },
      right: 'all',
      expiresMs: undefined,
      grantedBy: bob,
    });
    await store.idempotency.put({ person: alice, key: 'k', requestHash: 'h', operationIds: [], expiresMs: t.clock.nowMs + 1000 });

    await store.people.remove(alice);
    await assert.rejects(store.people.remove(alice), { code: 'no-such-person' });
    await store.people.add(newPerson('alice'));

    assert.deepEqual(await store.personKeys.list(alice), []);
    assert.deepEqual(await store.groups.memberships(), []);
    assert.deepEqual(await store.grants.list(), []);
    assert.equal(await store.tokens.live('x'), undefined);
    assert.equal(await store.idempotency.get(alice, 'k'), undefined);
    assert.equal(await store.hostKeys.get(alice, server.id), undefined);
    assert.deepEqual(await store.hostKeys.revoked(), [{ publicKey: 'ssh-ed25519 AAAA', atMs: t.clock.nowMs }]);
    assert.equal((await store.audit.list({ person: alice })).length, 1, 'the audit keeps the name');
    assert.equal((await store.operations.list({ person: alice })).length, 1);
  });

  test('people.actor is the person with the groups they are in', async () => {
    await using t = await makeTestStore();
    const { store } = t;
    for (const name of [lab, course]) await store.groups.add({ name, description: '' });
    await store.groups.setMember({ group: lab, person: alice, isLeader: false });
    await store.groups.setMember({ group: course, person: alice, isLeader: true });
    assert.deepEqual(await store.people.actor(alice), {
      kind: 'person',
      name: 'alice',
      role: 'user',
      canCreate: true,
      disabled: false,
      groups: [
        { group: course, isLeader: true },
        { group: lab, isLeader: false },
      ],
    });
    assert.equal(await store.people.actor(nobody), undefined);
  });
});

suite('personKeys', () => {
  test('personKeys keeps a key once for each person, and finds who has it', async () => {
    await using t = await makeTestStore();
    const { personKeys } = t.store;
    const first = await personKeys.add(key());
    assert.deepEqual(first, { ...key(), addedMs: t.clock.nowMs });
    await assert.rejects(personKeys.add(key()), { code: 'key-exists' });
    await assert.rejects(personKeys.add(key({ person: nobody })), { code: 'no-such-person' });
    const bobs = await personKeys.add(key({ person: bob }));
    const second = await personKeys.add(key({ fingerprint: 'SHA256:0' }));
    assert.deepEqual(await personKeys.list(alice), [first, second], 'oldest first');
    assert.deepEqual(await personKeys.byFingerprint('SHA256:a'), [first, bobs]);
    await personKeys.remove(alice, 'SHA256:a');
    await assert.rejects(personKeys.remove(alice, 'SHA256:a'), { code: 'no-such-key' });
    assert.deepEqual(await personKeys.byFingerprint('SHA256:a'), [bobs]);
  });
});

suite('groups', () => {
  test('groups: added once, described, listed, members set and removed, removed with all that hangs on it', async () => {
    await using t = await makeTestStore();
    const { groups, grants } = t.store;
    await groups.add({ name: lab, description: 'the lab' });
    await groups.add({ name: course, description: '' });
    await assert.rejects(groups.add({ name: lab, description: '' }), { code: 'name-taken' });
    assert.equal((await groups.describe(course, 'a course')).description, 'a course');
    await assert.rejects(groups.describe(parseGroupName('gone'), ''), { code: 'no-such-group' });
    assert.deepEqual(
      (await groups.list()).map(({ name, description }) => [name, description]),
      [
        ['course', 'a course'],
        ['lab', 'the lab'],
      ],
    );
    await groups.setMember({ group: lab, person: bob, isLeader: false });
    await groups.setMember({ group: lab, person: alice, isLeader: false });
    await groups.setMember({ group: lab, person: alice, isLeader: true });
    await groups.setMember({ group: course, person: alice, isLeader: false });
    await assert.rejects(groups.setMember({ group: lab, person: nobody, isLeader: false }), { code: 'no-such-person' });
    await assert.rejects(groups.setMember({ group: parseGroupName('gone'), person: nobody, isLeader: false }), { code: 'no-such-group' });
    const [inCourse, leads, inLab] = [
      { group: course, person: alice, isLeader: false },
      { group: lab, person: alice, isLeader: true },
      { group: lab, person: bob, isLeader: false },
    ];
    assert.deepEqual(await groups.memberships(), [inCourse, leads, inLab]);
    assert.deepEqual(await groups.memberships({ group: lab }), [leads, inLab]);
    assert.deepEqual(await groups.memberships({ person: alice }), [inCourse, leads]);
    assert.equal(await groups.removeMember(lab, bob), true);
    assert.equal(await groups.removeMember(lab, bob), false);

    const more = { right: 'read', expiresMs: undefined, grantedBy: undefined } as const;
    await grants.put({ subject: { kind: 'group', name: lab }, target: { kind: 'all' }, ...more });
    await grants.put({ subject: { kind: 'person', name: bob }, target: { kind: 'group', name: lab }, ...more });
    await groups.remove(lab);
    await assert.rejects(groups.remove(lab), { code: 'no-such-group' });
    assert.deepEqual(await groups.memberships(), [inCourse]);
    assert.deepEqual(await grants.list(), []);
    assert.equal(await groups.get(lab), undefined);
  });
});

suite('grants', () => {
  const toBob = { kind: 'person', name: bob } as const;
  const more = { expiresMs: undefined, grantedBy: alice } as const;

  test('grants.put replaces what the same subject had on the same target, and keeps its id', async () => {
    await using t = await makeTestStore();
    const { grants } = t.store;
    const first = await grants.put({ subject: toBob, target: { kind: 'all' }, right: 'read', ...more });
    const second = await grants.put({ subject: toBob, target: { kind: 'all' }, right: 'none', expiresMs: 7, grantedBy: undefined });
    assert.deepEqual(second, { ...first, right: 'none', expiresMs: 7, grantedBy: undefined });
    assert.deepEqual(await grants.list(), [second]);
    assert.deepEqual(await grants.get(first.id), second);
    assert.equal(await grants.remove(first.id), true);
    assert.equal(await grants.remove(first.id), false);
    assert.equal(await grants.get(first.id), undefined);
  });

  test('grants.put says which of the named does not exist', async () => {
    await using t = await makeTestStore();
    const { grants } = t.store;
    const all = { kind: 'all' } as const;
    const gone = { kind: 'server', generation: parseGeneration('00000000-0000-4000-8000-000000000001') } as const;
    await assert.rejects(grants.put({ subject: { kind: 'person', name: nobody }, target: all, right: 'read', ...more }), {
      code: 'no-such-person',
    });
    await assert.rejects(grants.put({ subject: { kind: 'group', name: lab }, target: all, right: 'read', ...more }), {
      code: 'no-such-group',
    });
    await assert.rejects(grants.put({ subject: toBob, target: { kind: 'group', name: lab }, right: 'read', ...more }), {
      code: 'no-such-group',
    });
    await assert.rejects(grants.put({ subject: toBob, target: gone, right: 'read', ...more }), { code: 'no-such-server' });
  });

  test('grants on a server vanish with its generation: the next server of that ID is nobody else’s', async () => {
    await using t = await makeTestStore();
    const { store } = t;
    const { server } = await takeOne(store);
    const target = { kind: 'server', generation: server.generation } as const;
    const grant = await store.grants.put({ subject: toBob, target, right: 'all', ...more });
    assert.deepEqual(await store.grants.list({ target }), [grant]);
    await store.leases.release(server.generation);
    const next = (await takeOne(store)).server;
    assert.equal(next.id, server.id);
    assert.deepEqual(await store.grants.list(), []);
    const actor = await store.people.actor(bob);
    assert.ok(actor !== undefined);
    assert.equal(rightOf(actor, next, await store.grants.factsFor(actor)), 'none');
  });

  test('grants.factsFor is enough for core/access to decide, by person, by group and on a group of owners', async () => {
    await using t = await makeTestStore();
    const { store } = t;
    const { server } = await takeOne(store);
    for (const name of [lab, course]) await store.groups.add({ name, description: '' });
    await store.groups.setMember({ group: course, person: alice, isLeader: false });
    await store.groups.setMember({ group: lab, person: bob, isLeader: false });
    const right = async () => {
      const actor = await store.people.actor(bob);
      assert.ok(actor !== undefined);
      return rightOf(actor, server, await store.grants.factsFor(actor));
    };
    assert.equal(await right(), 'none');
    const put = async (grant: Pick<GrantRecord, 'subject' | 'target' | 'right'>) => await store.grants.put({ ...grant, ...more });
    const byGroup = await put({ subject: { kind: 'group', name: lab }, target: { kind: 'group', name: course }, right: 'control' });
    assert.equal(await right(), 'control');
    await put({ subject: toBob, target: { kind: 'server', generation: server.generation }, right: 'list' });
    assert.equal(await right(), 'list');
    await store.grants.remove(byGroup.id);
    await store.groups.setMember({ group: course, person: bob, isLeader: true });
    await store.people.update(bob, { role: 'staff' });
    assert.equal(await right(), 'control', 'staff who lead the owner’s group');
  });

  test('grants.prune removes those that have expired and no others', async () => {
    await using t = await makeTestStore();
    const { grants } = t.store;
    await grants.put({ subject: toBob, target: { kind: 'all' }, right: 'read', expiresMs: t.clock.nowMs, grantedBy: alice });
    const stays = await grants.put({ subject: { kind: 'person', name: alice }, target: { kind: 'all' }, right: 'read', ...more });
    assert.equal(await grants.prune(), 1);
    assert.deepEqual(await grants.list(), [stays]);
    assert.deepEqual(await grants.list({ subject: toBob }), []);
  });
});
