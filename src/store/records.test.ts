import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Secret } from '../base/secret.ts';
import { parsePersonName } from '../core/names.ts';
import type { AuditLine, NewOperation } from './records.ts';
import { alice, bob, makeTestStore, serverId, takeOne } from './store.testing.ts';

const build: NewOperation = {
  kind: 'image-build',
  person: undefined,
  server: undefined,
  subject: 'image debian12/web',
  params: { type: 'web' },
};

suite('operations', () => {
  test('operations go from pending through running to done, and every field outlives a restart', async () => {
    await using t = await makeTestStore();
    const { clock } = t;
    const added = await t.store.operations.add(build);
    assert.deepEqual(added, {
      ...build,
      id: added.id,
      state: 'pending',
      step: '',
      fraction: 0,
      error: undefined,
      result: null,
      createdMs: clock.nowMs,
      startedMs: undefined,
      endedMs: undefined,
    });
    const startedMs = (clock.nowMs += 5);
    assert.equal(await t.store.operations.start(added.id), true);
    assert.equal(await t.store.operations.progress(added.id, { step: 'unpacking', fraction: 0.25 }), true);
    const running = { ...added, state: 'running', step: 'unpacking', fraction: 0.25, startedMs };
    clock.nowMs += 5;
    const { operations } = await t.reopen();
    assert.deepEqual(await operations.unfinished(), [running]);
    assert.equal(await operations.start(added.id), true, 'taken up again');
    assert.deepEqual(await operations.get(added.id), running, 'the first start holds');
    assert.equal(await operations.finish(added.id, { state: 'done', result: { fingerprint: 'f' } }), true);
    assert.deepEqual(await operations.get(added.id), {
      ...running,
      state: 'done',
      fraction: 1,
      result: { fingerprint: 'f' },
      endedMs: clock.nowMs,
    });
    assert.deepEqual(await operations.unfinished(), []);
  });

  for (const state of ['failed', 'cancelled'] as const) {
    test(`operations.finish: what ${state} stays so, whatever comes later`, async () => {
      await using t = await makeTestStore();
      const { operations } = t.store;
      const { id } = await operations.add(build);
      const error = { code: 'engine-failed', message: 'a sentence' } as const;
      assert.equal(await operations.finish(id, { state, error }), true);
      const ended = await operations.get(id);
      assert.deepEqual([ended?.state, ended?.error], [state, error]);
      t.clock.nowMs += 1;
      assert.equal(await operations.finish(id, { state: 'done', result: 1 }), false);
      assert.equal(await operations.start(id), false);
      assert.equal(await operations.progress(id, { step: 'late', fraction: 1 }), false);
      assert.deepEqual(await operations.get(id), ended);
    });
  }

  test('operations.progress keeps the fraction between 0 and 1', async () => {
    await using t = await makeTestStore();
    const { operations } = t.store;
    const { id } = await operations.add(build);
    for (const [given, kept] of [
      [-1, 0],
      [7, 1],
      [1 / 3, 0.333_333],
    ] as const) {
      await operations.progress(id, { step: '', fraction: given });
      assert.equal((await operations.get(id))?.fraction, kept);
    }
  });

  test('operations.list is newest first, filtered and limited', async () => {
    await using t = await makeTestStore();
    const { operations } = t.store;
    const lease = await takeOne(t.store);
    const second = await operations.add({ ...build, person: bob });
    const third = await operations.add(build);
    await operations.finish(third.id, { state: 'done', result: null });
    const ids = async (filter?: Parameters<typeof operations.list>[0]) => (await operations.list(filter)).map(({ id }) => id);
    assert.deepEqual(await ids(), [third.id, second.id, lease.operation.id]);
    assert.deepEqual(await ids({ limit: 1 }), [third.id]);
    assert.deepEqual(await ids({ person: bob }), [second.id]);
    assert.deepEqual(await ids({ generation: lease.server.generation }), [lease.operation.id]);
    assert.deepEqual(await ids({ kind: 'image-build', states: ['pending', 'running'] }), [second.id]);
  });

  test('operations.prune removes what ended before and never what is unfinished', async () => {
    await using t = await makeTestStore();
    const { operations } = t.store;
    const [old, unfinished, young] = [await operations.add(build), await operations.add(build), await operations.add(build)];
    await operations.finish(old.id, { state: 'done', result: null });
    t.clock.nowMs += 1000;
    await operations.finish(young.id, { state: 'done', result: null });
    assert.equal(await operations.prune(t.clock.nowMs), 1);
    assert.deepEqual(
      (await operations.list()).map(({ id }) => id),
      [young.id, unfinished.id],
    );
    assert.equal(await operations.get(old.id), undefined);
  });
});

suite('idempotency', () => {
  test('idempotency.put keeps a key until it expires; root’s keys are apart from people’s', async () => {
    await using t = await makeTestStore();
    const { idempotency } = t.store;
    const record = { person: undefined, key: 'k', requestHash: 'h', operationIds: ['a', 'b'], expiresMs: t.clock.nowMs + 10 };
    await idempotency.put(record);
    assert.deepEqual(await idempotency.get(undefined, 'k'), record);
    assert.equal(await idempotency.get(alice, 'k'), undefined);
    await assert.rejects(idempotency.put(record), { code: 'key-reused' });
    await idempotency.put({ ...record, person: alice });
    t.clock.nowMs += 10;
    assert.equal(await idempotency.get(undefined, 'k'), undefined);
    await idempotency.put({ ...record, requestHash: 'h2', expiresMs: t.clock.nowMs + 10 });
    assert.equal((await idempotency.get(undefined, 'k'))?.requestHash, 'h2');
    assert.equal(await idempotency.prune(), 1, 'alice’s expired one');
  });
});

suite('audit', () => {
  const line: Omit<AuditLine, 'number' | 'atMs'> = {
    person: alice,
    via: 'ssh',
    fromAddress: '2001:db8::1',
    deed: 'login',
    server: undefined,
    allowed: false,
    detail: 'wrong password',
  };

  test('audit.append and list: every field, newest first, numbered without a gap', async () => {
    await using t = await makeTestStore();
    await t.store.audit.append(line);
    const { server } = await takeOne(t.store);
    const { audit } = await t.reopen();
    await audit.append({ ...line, person: undefined, via: 'control', fromAddress: undefined, allowed: true });
    const lines = await audit.list();
    assert.deepEqual(
      lines.map(({ number, deed, server: about }) => [number, deed, about?.generation]),
      [
        [3, 'login', undefined],
        [2, 'create', server.generation],
        [1, 'login', undefined],
      ],
    );
    assert.deepEqual(lines[2], { ...line, number: 1, atMs: t.clock.nowMs });
  });

  test('audit.list filters and pages without losing or doubling a line', async () => {
    await using t = await makeTestStore();
    const { audit } = t.store;
    const { server } = await takeOne(t.store);
    const fromMs = (t.clock.nowMs += 100);
    for (let i = 0; i < 5; i += 1) await audit.append({ ...line, detail: String(i), allowed: i > 2 });
    const numbers = async (filter?: Parameters<typeof audit.list>[0]) => (await audit.list(filter)).map(({ number }) => number);
    assert.deepEqual(await numbers({ deed: 'login' }), [6, 5, 4, 3, 2]);
    assert.deepEqual(await numbers({ allowed: false }), [4, 3, 2]);
    assert.deepEqual(await numbers({ person: bob }), []);
    assert.deepEqual(await numbers({ serverId: serverId(0) }), [1]);
    assert.deepEqual(await numbers({ generation: server.generation }), [1]);
    assert.deepEqual(await numbers({ untilMs: fromMs }), [1]);
    assert.deepEqual(await numbers({ fromMs, limit: 2 }), [6, 5]);
    assert.deepEqual(await numbers({ before: 5, limit: 2 }), [4, 3]);
  });

  test('audit.prune removes the oldest lines in batches, whatever a wrong clock wrote among them, and numbers go on', async () => {
    await using t = await makeTestStore();
    const { audit } = t.store;
    const startMs = t.clock.nowMs;
    for (const atMs of [0, 10, 900, 20, 30, 500]) {
      t.clock.nowMs = startMs + atMs;
      await audit.append(line);
    }
    const numbers = async () => (await audit.list()).map(({ number }) => number);
    assert.equal(await audit.prune(startMs + 100, 2), 2);
    assert.deepEqual(await numbers(), [6, 5, 4, 3]);
    assert.equal(await audit.prune(startMs + 100, 3), 2);
    assert.equal(await audit.prune(startMs + 100, 3), 0);
    assert.deepEqual(await numbers(), [6, 3]);
    assert.equal(await audit.prune(startMs + 5000, 100), 1);
    await audit.append(line);
    assert.deepEqual(await numbers(), [7, 6]);
  });

  test('audit.thin takes the oldest lines of who writes most now, keeps everybody else’s, and numbers go on', async () => {
    await using t = await makeTestStore();
    const { audit } = t.store;
    const by = async (person: typeof alice | undefined, times: number) => {
      for (let each = 0; each < times; each += 1) await audit.append({ ...line, person });
    };
    await by(bob, 3);
    await by(alice, 2);
    await by(undefined, 1);
    await by(alice, 4);
    assert.equal(await audit.thin(10, 100), 0);
    assert.equal(await audit.thin(7, 2), 2);
    assert.equal(await audit.thin(7, 2), 1);
    assert.equal(await audit.thin(7, 2), 0);
    const left = async () => (await audit.list()).map(({ number, person }) => `${number} ${person ?? 'nobody'}`);
    assert.deepEqual(await left(), ['10 alice', '9 alice', '8 alice', '6 nobody', '3 bob', '2 bob', '1 bob']);
    assert.equal(await audit.thin(1, 100), 2);
    assert.deepEqual(await left(), ['10 alice', '6 nobody', '3 bob', '2 bob', '1 bob']);
    await audit.append(line);
    assert.match((await left())[0] ?? '', /^11 /u);
  });

  test('audit.append cuts what a stranger made endless', async () => {
    await using t = await makeTestStore();
    await t.store.audit.append({ ...line, detail: 'x'.repeat(100_000) });
    assert.equal((await t.store.audit.list())[0]?.detail.length, 2000);
  });
});

suite('tokens', () => {
  test('tokens.live knows a token until it expires, is revoked, or its person is disabled', async () => {
    await using t = await makeTestStore();
    const { tokens, people } = t.store;
    const add = async (secretHash: string) =>
      await tokens.add({ person: alice, secretHash, label: 'laptop', expiresMs: t.clock.nowMs + 100 });
    const first = await add('one');
    assert.deepEqual(first, {
      id: first.id,
      person: alice,
      label: 'laptop',
      createdMs: t.clock.nowMs,
      expiresMs: t.clock.nowMs + 100,
      lifetimeMs: 100,
      lastUsedMs: undefined,
      revoked: false,
    });
    const second = await add('two');
    assert.deepEqual(await tokens.live('one'), first);
    assert.equal(await tokens.live('three'), undefined);
    assert.equal(await tokens.live(''), undefined);
    await people.update(alice, { disabled: true });
    assert.equal(await tokens.live('one'), undefined);
    await people.update(alice, { disabled: false });
    await tokens.revoke(first.id);
    assert.equal(await tokens.live('one'), undefined);
    assert.equal((await tokens.get(first.id))?.revoked, true);
    assert.deepEqual(
      (await tokens.list(alice)).map(({ id }) => id),
      [second.id, first.id],
    );
    await assert.rejects(tokens.revoke('no such'), { code: 'no-such-token' });
    t.clock.nowMs += 100;
    assert.equal(await tokens.live('two'), undefined);
    assert.equal(await tokens.prune(), 2);
    assert.deepEqual(await tokens.list(alice), []);
  });

  test('tokens.renew gives another secret; the former one is good until a time, and after it tells of a copy', async () => {
    await using t = await makeTestStore();
    const { tokens } = t.store;
    const { id } = await tokens.add({ person: alice, secretHash: 'a', label: '', expiresMs: t.clock.nowMs + 100 });
    const renewed = await tokens.renew(id, { secretHash: 'b', expiresMs: t.clock.nowMs + 500, formerUntilMs: t.clock.nowMs + 10 });
    assert.deepEqual([renewed.id, renewed.expiresMs, renewed.lifetimeMs], [id, t.clock.nowMs + 500, 100]);
    for (const good of ['a', 'b']) assert.equal((await tokens.live(good))?.id, id);
    assert.equal(await tokens.outlived('a'), undefined);
    t.clock.nowMs += 10;
    assert.equal(await tokens.live('a'), undefined);
    assert.equal((await tokens.outlived('a'))?.id, id);
    assert.equal(await tokens.outlived('b'), undefined);
    assert.equal((await tokens.live('b'))?.id, id);
    await tokens.revoke(id);
    assert.equal(await tokens.outlived('a'), undefined);
    await assert.rejects(tokens.renew(id, { secretHash: 'c', expiresMs: 0, formerUntilMs: 0 }), { code: 'no-such-token' });
  });

  test('tokens.revokeAll ends all of one person’s and says how many were live', async () => {
    await using t = await makeTestStore();
    const { tokens } = t.store;
    for (const [person, secretHash, lifetimeMs] of [
      [alice, 'a', 5],
      [alice, 'b', 100],
      [alice, 'c', 100],
      [bob, 'd', 100],
    ] as const) {
      await tokens.add({ person, secretHash, label: '', expiresMs: t.clock.nowMs + lifetimeMs });
    }
    t.clock.nowMs += 10;
    assert.equal(await tokens.revokeAll(alice), 2);
    assert.equal(await tokens.live('b'), undefined);
    assert.equal((await tokens.live('d'))?.person, bob);
    await assert.rejects(tokens.add({ person: parsePersonName('nobody7'), secretHash: 'x', label: '', expiresMs: 0 }), {
      code: 'no-such-person',
    });
  });

  test('tokens.touch notes the use once a minute', async () => {
    await using t = await makeTestStore();
    const { tokens } = t.store;
    const { id } = await tokens.add({ person: alice, secretHash: 'a', label: '', expiresMs: t.clock.nowMs + 1e9 });
    const first = t.clock.nowMs;
    for (const [afterMs, expected] of [
      [0, first],
      [59_999, first],
      [60_000, first + 60_000],
    ] as const) {
      t.clock.nowMs = first + afterMs;
      await tokens.touch(id);
      assert.equal((await tokens.get(id))?.lastUsedMs, expected);
    }
  });
});

suite('keyring', () => {
  test('keyring.keep holds the first pair of a name until it is replaced or removed', async () => {
    await using t = await makeTestStore();
    const pair = (text: string) => ({ privateKey: new Secret(`private ${text}`), publicKey: `public ${text}` });
    assert.equal(await t.store.keyring.get('gateway-ssh'), undefined);
    await t.store.keyring.keep('gateway-ssh', pair('1'));
    assert.equal((await t.store.keyring.keep('gateway-ssh', pair('2'))).publicKey, 'public 1');
    const { keyring } = await t.reopen();
    assert.equal((await keyring.get('gateway-ssh'))?.privateKey.reveal(), 'private 1');
    await keyring.replace('gateway-ssh', pair('3'));
    assert.equal((await keyring.get('gateway-ssh'))?.privateKey.reveal(), 'private 3');
    await keyring.remove('gateway-ssh');
    await keyring.remove('gateway-ssh');
    assert.equal(await keyring.get('gateway-ssh'), undefined);
  });
});
