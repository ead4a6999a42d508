import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { silentLog } from '../../base/log.ts';
import { Secret } from '../../base/secret.ts';
import { fault } from '../../core/errors.ts';
import { parsePersonName } from '../../core/names.ts';
import { type ControlRoom, makeControlRoom, rootCaller } from '../../testing/control-room.ts';
import type { Caller } from '../caller.ts';
import type { ServerVerbs } from '../control.ts';
import { hashPassword } from './password-hash.ts';
import { makePeopleControl, type PeopleControl } from './people-control.ts';
import { secretHashOf } from './sign-in.ts';

const approach = { via: 'rest', fromAddress: '192.0.2.1' } as const;
const keyLine = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHdRnGqIJgjXFBiDIYV4bPSgIu5rnnuIrmKFWiVXq1fN laptop';

interface World extends AsyncDisposable {
  readonly room: ControlRoom;
  readonly people: PeopleControl;
  readonly changed: string[];
  /** Adds a person whose password need not be changed, and signs them in by token. */
  signIn(name: string, role?: 'user' | 'staff' | 'administrator'): Promise<Caller>;
  /** As they are by now. */
  again(caller: Caller): Promise<Caller>;
  pass(ms: number): void;
}

const passwordOf = (name: string) => new Secret(`the password of ${name}`);

async function makeWorld(pushKeys?: ServerVerbs['pushKeys']): Promise<World> {
  const room = await makeControlRoom();
  const { store } = room;
  let offsetMs = 0;
  const changed: string[] = [];
  const people = makePeopleControl({
    store,
    clock: { now: () => Date.now() + offsetMs },
    log: silentLog,
    pushKeys: pushKeys ?? ((...given) => room.control.servers.pushKeys(...given)),
    onPersonChanged: (name) => changed.push(name),
  });
  return {
    room,
    people,
    changed,
    pass: (ms) => (offsetMs += ms),
    async signIn(text, role = 'user') {
      const name = parsePersonName(text);
      const quota = { servers: undefined, cpus: undefined, memoryBytes: undefined, diskBytes: undefined };
      const passwordHash = await hashPassword(passwordOf(text));
      await store.people.add({ name, role, passwordHash, passwordMustChange: false, canCreate: true, quota });
      const token = new Secret(`mys_${text}`);
      await store.tokens.add({ person: name, secretHash: secretHashOf(token), label: '', expiresMs: Date.now() + 3_600_000 });
      const { actor, tokenId } = await people.signIn.byToken(token, approach);
      return { ...approach, actor, tokenId };
    },
    async again(caller) {
      if (caller.actor.kind === 'root') return caller;
      const actor = await store.people.actor(caller.actor.name);
      assert.ok(actor);
      return { ...caller, actor };
    },
    [Symbol.asyncDispose]: () => room[Symbol.asyncDispose](),
  };
}

suite('people-control', () => {
  test('people.add makes a one-time password that must be changed, and a changed one ends that', async () => {
    await using world = await makeWorld();
    const { people, signIn } = world.people;
    const { password } = await people.add(rootCaller, { name: 'ada' });
    assert.ok(password);
    const first = await signIn.byPassword('ada', password, approach);
    assert.equal(first.passwordMustChange, true);
    const caller = { ...approach, actor: first.actor, tokenId: undefined };
    await assert.rejects(people.password(caller, 'ada', { next: passwordOf('ada') }), { code: 'bad-request' });
    await assert.rejects(people.password(caller, 'ada', { current: new Secret('wrong'), next: passwordOf('ada') }), {
      code: 'wrong-password',
    });
    await assert.rejects(people.password(caller, 'ada', { current: password, next: new Secret('short') }), { code: 'bad-request' });
    await people.password(caller, 'ada', { current: password, next: passwordOf('ada') });
    await assert.rejects(signIn.byPassword('ada', password, approach), { code: 'wrong-password' });
    assert.equal((await signIn.byPassword('ada', passwordOf('ada'), approach)).passwordMustChange, false);
  });

  test('people verbs are refused to whoever is no administrator, each with a line in the audit', async () => {
    await using world = await makeWorld();
    const { people } = world.people;
    const [ada, tutor] = [await world.signIn('ada'), await world.signIn('tutor', 'staff')];
    for (const caller of [ada, tutor]) {
      const tries: readonly (() => Promise<unknown>)[] = [
        () => people.add(caller, { name: 'eve' }),
        () => people.change(caller, 'tutor', { role: 'administrator' }),
        () => people.remove(caller, 'ada'),
        () => people.password(caller, caller === ada ? 'tutor' : 'ada', {}),
        () => world.people.groups.add(caller, { name: 'course' }),
        () => world.people.groups.remove(caller, 'course'),
        () => world.people.keys.add(caller, caller === ada ? 'tutor' : 'ada', keyLine),
      ];
      for (const attempt of tries) await assert.rejects(attempt(), { code: 'not-allowed' });
      const refused = await world.room.store.audit.list({ allowed: false, person: parsePersonName(caller === ada ? 'ada' : 'tutor') });
      assert.equal(refused.length, tries.length);
    }
    assert.deepEqual(
      (await people.list(ada)).map(({ person }) => person.name),
      ['ada'],
    );
    assert.deepEqual(
      (await people.list(tutor)).map(({ person }) => person.name),
      ['ada', 'tutor'],
    );
  });

  test('people keeps the last administrator, whatever is tried', async () => {
    await using world = await makeWorld();
    const { people } = world.people;
    const boss = await world.signIn('boss', 'administrator');
    for (const change of [{ role: 'staff' as const }, { disabled: true }])
      await assert.rejects(people.change(boss, 'boss', change), { code: 'conflict' });
    await assert.rejects(people.remove(rootCaller, 'boss'), { code: 'conflict' });
    await people.add(boss, { name: 'deputy', role: 'administrator' });
    await people.change(boss, 'deputy', { disabled: true });
    await assert.rejects(people.change(boss, 'boss', { role: 'user' }), { code: 'conflict' });
    await people.change(boss, 'deputy', { disabled: false });
    await people.change(boss, 'boss', { role: 'user' });
    await assert.rejects(people.add(await world.again(boss), { name: 'eve' }), { code: 'not-allowed' });
  });

  test('tokens expire, are revoked, end with a changed password but for the one in use, and with a disabled person', async () => {
    await using world = await makeWorld();
    const { people, tokens, signIn } = world.people;
    await world.signIn('boss', 'administrator');
    const ada = await world.signIn('ada');
    const login = async () => await tokens.login({ person: 'ada', password: passwordOf('ada') }, approach);
    const other = await login();
    await people.password(ada, 'ada', { current: passwordOf('ada'), next: new Secret('yet another one') });
    await assert.rejects(signIn.byToken(other.token, approach), { code: 'not-signed-in' });
    assert.deepEqual(
      (await tokens.list(ada)).map(({ id }) => id),
      [ada.tokenId],
    );
    const asked = { person: 'ada', password: new Secret('yet another one'), lifetimeMs: 366 * 86_400_000 };
    const long = await tokens.login(asked, approach);
    assert.ok(long.record.expiresMs <= Date.now() + world.people.config.longestTokenLifetimeMs);
    const { recheck } = await signIn.byToken(long.token, approach);
    assert.ok(await recheck());
    await people.change(rootCaller, 'ada', { disabled: true });
    assert.equal(await recheck(), undefined);
    await assert.rejects(signIn.byToken(long.token, approach), { code: 'not-signed-in' });
    await assert.rejects(signIn.byPassword('ada', asked.password, approach), { code: 'not-allowed' });
    await assert.rejects(signIn.byPassword('ada', passwordOf('ada'), approach), { code: 'wrong-password' });
    assert.ok(world.changed.includes('ada'));
  });

  test('tokens.revoke takes only one of their own, and "current" is the one that asks', async () => {
    await using world = await makeWorld();
    const { tokens } = world.people;
    const [ada, eve] = [await world.signIn('ada'), await world.signIn('eve')];
    await assert.rejects(tokens.revoke(eve, ada.tokenId ?? ''), { code: 'no-such-token' });
    await assert.rejects(tokens.revoke({ ...eve, tokenId: undefined }, 'current'), { code: 'no-such-token' });
    await tokens.revoke(ada, 'current');
    await assert.rejects(tokens.revoke(ada, 'current'), { code: 'no-such-token' });
    assert.equal((await tokens.list(ada)).length, 0);
  });

  test('attack: a copied token: renewed by one of two, it ends for both when the other shows theirs', async () => {
    await using world = await makeWorld();
    const { tokens, signIn } = world.people;
    await world.signIn('ada');
    const { token: copied, record } = await tokens.login({ person: 'ada', password: passwordOf('ada'), lifetimeMs: 3_600_000 }, approach);
    const { actor, tokenId } = await signIn.byToken(copied, approach);
    const { token: renewed } = await tokens.renew({ actor, ...approach, tokenId });
    await signIn.byToken(copied, approach);
    assert.equal((await signIn.byToken(renewed, approach)).tokenId, record.id);
    await world.room.store.tokens.renew(record.id, { secretHash: secretHashOf(renewed), expiresMs: Date.now() + 1e6, formerUntilMs: 0 });
    await world.room.store.tokens.renew(record.id, { secretHash: 'newest', expiresMs: Date.now() + 1e6, formerUntilMs: 0 });
    await assert.rejects(signIn.byToken(renewed, approach), { code: 'not-signed-in' });
    assert.equal(await world.room.store.tokens.live('newest'), undefined);
    assert.ok(world.changed.includes('ada'));
    await assert.rejects(tokens.renew({ actor, ...approach, tokenId: undefined }), { code: 'not-allowed' });
  });

  test('tokens.login keeps a hundred live ones and ends the oldest', async () => {
    await using world = await makeWorld();
    const ada = await world.signIn('ada');
    const name = parsePersonName('ada');
    for (let number = 0; number < 104; number += 1)
      await world.room.store.tokens.add({ person: name, secretHash: `hash ${number}`, label: '', expiresMs: Date.now() + 1e6 });
    await world.people.tokens.login({ person: 'ada', password: passwordOf('ada') }, approach);
    assert.equal((await world.people.tokens.list(ada)).length, 100);
  });

  test('keys.add takes all keys of a text or none, and puts them into the servers named', async () => {
    const pushed: unknown[] = [];
    await using world = await makeWorld((_caller, id, lines) => {
      if (id === 9) return Promise.reject(fault('no-such-server', 'there is no server 9'));
      pushed.push([id, ...lines]);
      return Promise.resolve();
    });
    const { keys } = world.people;
    const ada = await world.signIn('ada');
    await assert.rejects(keys.add(ada, 'ada', `${keyLine}\nnonsense`), { code: 'bad-key' });
    assert.deepEqual(await keys.list(ada, 'ada'), []);
    const [key] = await keys.add(ada, 'ada', keyLine);
    assert.match(key?.fingerprint ?? '', /^SHA256:[\w+/]{43}$/u);
    await assert.rejects(keys.add(ada, 'ada', keyLine), { code: 'key-exists' });
    await keys.add(ada, 'ada', keyLine, [3, 3, 4]);
    assert.deepEqual(pushed, [
      [3, keyLine],
      [4, keyLine],
    ]);
    await assert.rejects(keys.add(ada, 'ada', keyLine, [9, 5]), {
      code: 'no-such-server',
      message: /the account has the keys now.*server 9/u,
    });
    assert.equal(pushed.length, 3, 'the others were tried');
    const eve = await world.signIn('eve');
    await assert.rejects(keys.list(eve, 'ada'), { code: 'not-allowed' });
    await keys.remove(ada, 'ada', key?.fingerprint ?? '');
    await assert.rejects(keys.remove(ada, 'ada', key?.fingerprint ?? ''), { code: 'no-such-key' });
  });

  test('groups.setMember lets those who lead add and remove ordinary users, and make nobody a leader', async () => {
    await using world = await makeWorld();
    const { groups } = world.people;
    for (const name of ['ada', 'eve']) await world.signIn(name);
    await world.signIn('boss', 'administrator');
    const first = await world.signIn('tutor', 'staff');
    const student = await world.signIn('student');
    await groups.add(rootCaller, { name: 'course', description: 'first term' });
    await groups.setMember(rootCaller, 'course', 'tutor', true);
    await groups.setMember(rootCaller, 'course', 'student');
    const tutor = await world.again(first);
    await groups.setMember(tutor, 'course', 'ada');
    for (const attempt of [
      () => groups.setMember(tutor, 'course', 'ada', true),
      () => groups.setMember(tutor, 'course', 'boss'),
      () => groups.removeMember(tutor, 'course', 'tutor'),
    ])
      await assert.rejects(attempt(), { code: 'not-allowed' });
    const member = await world.again(student);
    await assert.rejects(groups.setMember(member, 'course', 'eve'), { code: 'not-allowed' });
    await assert.rejects(groups.setMember(rootCaller, 'course', 'nobody-here'), { code: 'no-such-person' });
    await assert.rejects(groups.setMember(rootCaller, 'nowhere', 'ada'), { code: 'no-such-group' });
    assert.equal((await groups.setMember(rootCaller, 'course', 'tutor')).members.find(({ person }) => person === 'tutor')?.isLeader, true);
    await groups.removeMember(tutor, 'course', 'ada');
    await assert.rejects(groups.removeMember(tutor, 'course', 'ada'), { code: 'no-such-person' });
    assert.deepEqual(
      (await groups.list(member)).map(({ group }) => group.name),
      ['course'],
    );
    assert.deepEqual(await groups.list(await world.signIn('zoe')), []);
  });

  test('grants are given by whoever has all on the server, name its generation, and are seen by those they concern', async () => {
    await using world = await makeWorld();
    const { grants } = world.people;
    const [ada, eve, zoe] = [await world.signIn('ada'), await world.signIn('eve'), await world.signIn('zoe')];
    const { operations } = await world.room.control.servers.create(ada, { id: 7 });
    await world.room.control.operations.wait(ada, operations[0]?.id ?? '', 10_000);
    const target = { kind: 'server', id: 7 } as const;
    const toEve = { subject: { kind: 'person', name: 'eve' }, target } as const;
    await assert.rejects(grants.add(eve, { ...toEve, right: 'read' }), { code: 'no-such-server' });
    const given = await grants.add(ada, { ...toEve, right: 'control' });
    assert.equal(given.serverId, 7);
    await assert.rejects(grants.add(eve, { subject: { kind: 'person', name: 'zoe' }, target, right: 'list' }), { code: 'not-allowed' });
    await assert.rejects(grants.add(ada, { ...toEve, target: { kind: 'all' }, right: 'read' }), { code: 'not-allowed' });
    await assert.rejects(grants.add(ada, { ...toEve, right: 'everything' }), { code: 'bad-request' });
    await assert.rejects(grants.add(ada, { ...toEve, right: 'read', expiresMs: 5 }), { code: 'bad-request' });
    assert.equal((await grants.list(eve, {})).length, 1);
    assert.equal((await grants.list(zoe, {})).length, 0);
    assert.equal((await grants.list(ada, { server: 8 })).length, 0);
    await assert.rejects(grants.remove(zoe, given.record.id), { code: 'no-such-server' });
    await assert.rejects(grants.remove(eve, given.record.id), { code: 'not-allowed' });
    await grants.remove(ada, given.record.id);
    await assert.rejects(grants.remove(ada, given.record.id), { code: 'not-found' });
    await grants.add(ada, { ...toEve, right: 'read', expiresMs: Date.now() + 1000 });
    world.pass(2000);
    assert.deepEqual(await grants.list(eve, {}), []);
    assert.ok(world.changed.includes('eve'));
  });

  test('audit shows each their own deeds and administrators all', async () => {
    await using world = await makeWorld();
    const { audit } = world.people;
    const [ada, boss] = [await world.signIn('ada'), await world.signIn('boss', 'administrator')];
    await world.people.tokens.login({ person: 'ada', password: passwordOf('ada') }, approach);
    await assert.rejects(world.people.signIn.byPassword('ada', new Secret('the wrong password'), approach), { code: 'wrong-password' });
    await assert.rejects(world.people.signIn.byToken(new Secret('mys_guess'), approach), { code: 'not-signed-in' });
    await world.people.people.add(boss, { name: 'eve', password: passwordOf('eve') });
    await world.people.groups.add(rootCaller, { name: 'course' });
    const own = await audit.list(ada, {});
    assert.deepEqual(
      own.map(({ person, deed, allowed }) => `${person} ${deed} ${allowed}`),
      ['ada sign-in false', 'ada login true'],
    );
    await assert.rejects(audit.list(ada, { person: 'boss' }), { code: 'not-allowed' });
    assert.deepEqual(new Set((await audit.list(boss, {})).map(({ person }) => person)), new Set([undefined, 'ada', 'boss']));
    const text = JSON.stringify(await audit.list(boss, { limit: 1000 }));
    assert.ok(!text.includes('the password of') && !text.includes('the wrong password') && !text.includes('mys_'));
  });
});
