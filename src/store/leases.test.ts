import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import type { Generation } from '../core/ids.ts';
import { parsePersonName, parseServerName } from '../core/names.ts';
import { defaultLimits } from '../core/server.ts';
import { alice, bob, makeTestStore, serverId, type TakeChange, takeOne, takeRequest } from './store.testing.ts';

const gigabyte = 2 ** 30;

suite('leases.take', () => {
  test('leases.take gives the lowest free ID, and a released one again', async () => {
    await using t = await makeTestStore();
    const { store } = t;
    const taken = await store.leases.take(takeRequest({ count: 4 }));
    assert.ok(taken.kind === 'taken');
    assert.deepEqual(
      taken.leases.map((lease) => lease.server.id),
      [0, 1, 2, 3],
    );
    const middle = taken.leases[1]?.server ?? assert.fail();
    assert.equal(await store.leases.release(middle.generation), true);
    const again = await takeOne(store);
    assert.equal(again.server.id, 1);
    assert.notEqual(again.server.generation, middle.generation, 'the same ID is another generation');
    assert.equal((await takeOne(store)).server.id, 4);
  });

  test('leases.take writes the server, its operation and its audit line together', async () => {
    await using t = await makeTestStore();
    const { store, clock } = t;
    const name = parseServerName('web1');
    const lease = await takeOne(store, {
      wantedId: serverId(123),
      name,
      notes: 'a note',
      imageFingerprint: 'f00',
      params: { type: 'minimal' },
    });
    assert.deepEqual(lease.server, {
      id: 123,
      generation: lease.server.generation,
      owner: alice,
      admin: alice,
      name,
      system: 'debian12',
      type: 'minimal',
      limits: defaultLimits,
      notes: 'a note',
      wanted: 'creating',
      problem: undefined,
      gatewayKey: false,
      isRecorded: false,
      ports: {},
      repair: {},
      imageFingerprint: 'f00',
      createdMs: clock.nowMs,
    });
    const again = await t.reopen();
    assert.deepEqual(await again.servers.get(serverId(123)), lease.server);
    assert.deepEqual(await again.servers.byGeneration(lease.server.generation), lease.server);
    assert.deepEqual(await again.servers.byName(name), lease.server);
    assert.deepEqual(await again.operations.unfinished(), [lease.operation]);
    assert.deepEqual(lease.operation.server, { id: 123, generation: lease.server.generation });
    assert.deepEqual(
      [lease.operation.kind, lease.operation.subject, lease.operation.params],
      ['create', 'server 123', { type: 'minimal' }],
    );
    const [line, ...more] = await again.audit.list();
    assert.deepEqual(more, []);
    assert.deepEqual(
      { ...line, number: 0 },
      {
        number: 0,
        atMs: clock.nowMs,
        person: alice,
        via: 'rest',
        fromAddress: '198.51.100.7',
        deed: 'create',
        server: lease.operation.server,
        allowed: true,
        detail: 'debian12 minimal for alice',
      },
    );
  });

  test('leases.take passes over unusable IDs and refuses one asked for by number', async () => {
    await using t = await makeTestStore();
    const unusable = new Set([0, 1, 49]);
    assert.equal((await takeOne(t.store, { unusable })).server.id, 2);
    await assert.rejects(takeOne(t.store, { unusable, wantedId: serverId(49) }), { code: 'id-unusable' });
  });

  test('leases.take with a count and an ID gives the first free from there on', async () => {
    await using t = await makeTestStore();
    await takeOne(t.store, { wantedId: serverId(101) });
    const taken = await t.store.leases.take(takeRequest({ count: 3, wantedId: serverId(100), unusable: new Set([102]) }));
    assert.ok(taken.kind === 'taken');
    assert.deepEqual(
      taken.leases.map((lease) => lease.server.id),
      [100, 103, 104],
    );
  });

  const limits = { memoryBytes: gigabyte, cpus: 2, diskBytes: 5 * gigabyte };
  const roomy = { servers: 10, cpus: 20, memoryBytes: 10 * gigabyte, diskBytes: 50 * gigabyte };
  const none = { memoryBytes: undefined, cpus: undefined, diskBytes: undefined };
  const refusals: readonly (readonly [string, TakeChange, string, RegExp])[] = [
    ['an ID that is taken', { wantedId: serverId(0) }, 'id-taken', /\b0 is taken/u],
    ['an ID beyond the plan', { wantedId: serverId(1000) }, 'bad-id', /from 0 to 999/u],
    ['more servers than there are free IDs', { count: 3, idRange: { first: 0, last: 2 } }, 'no-free-id', /3 servers.*only 2/u],
    ['one server where all IDs are taken or unusable', { idRange: { first: 0, last: 1 }, unusable: new Set([1]) }, 'no-free-id', /only 0/u],
    ['a name that is taken', { name: parseServerName('first') }, 'name-taken', /first/u],
    ['one name for several servers', { name: parseServerName('other'), count: 2 }, 'bad-request', /other/u],
    ['no server at all', { count: 0 }, 'bad-request', /not 0/u],
    ['half a server', { count: 1.5 }, 'bad-request', /not 1\.5/u],
    ['an owner who does not exist', { owner: parsePersonName('nobody7') }, 'no-such-person', /nobody7/u],
    [
      'more servers than the quota',
      { quota: { ...roomy, servers: 2 }, count: 2 },
      'quota-reached',
      /servers.*1 used, 2 more asked for, 2 allowed/u,
    ],
    ['more CPUs than the quota', { quota: { ...roomy, cpus: 3 } }, 'quota-reached', /CPUs.*2 used, 2 more asked for, 3 allowed/u],
    [
      'more memory than the quota',
      { quota: { ...roomy, memoryBytes: 1.5 * gigabyte } },
      'quota-reached',
      /memory.*1G used, 1G more asked for, 1536M allowed/u,
    ],
    [
      'more disk than the quota',
      { quota: { ...roomy, diskBytes: 9 * gigabyte } },
      'quota-reached',
      /disk.*5G used, 5G more asked for, 9G allowed/u,
    ],
    ['more memory than the host has', { capacity: { ...none, memoryBytes: 2 * gigabyte - 1 } }, 'pool-full', /memory/u],
    ['more CPUs than the host has', { capacity: { ...none, cpus: 3 } }, 'pool-full', /CPUs/u],
    ['more disk than the host has', { capacity: { ...none, diskBytes: 9 * gigabyte }, owner: bob }, 'pool-full', /disk/u],
  ];
  for (const [title, change, code, sentence] of refusals) {
    test(`leases.take refuses ${title} with ${code}, and leaves nothing behind`, async () => {
      await using t = await makeTestStore();
      const { store } = t;
      await takeOne(store, { name: parseServerName('first'), limits });
      const before = [await store.servers.list(), await store.operations.list(), await store.audit.list()];
      const idempotency = { key: 'k', requestHash: 'h', expiresMs: t.clock.nowMs + 1000 };
      await assert.rejects(store.leases.take(takeRequest({ limits, idempotency, ...change })), (error: Error & { code?: string }) => {
        assert.equal(error.code, code);
        assert.match(error.message, sentence);
        return true;
      });
      assert.deepEqual([await store.servers.list(), await store.operations.list(), await store.audit.list()], before);
      assert.equal(await store.idempotency.get(alice, 'k'), undefined);
    });
  }

  test('leases.take for several people gives each their number of IDs in order, or nobody any', async () => {
    await using t = await makeTestStore();
    const { store } = t;
    const quota = { servers: 2, cpus: 99, memoryBytes: 2 ** 50, diskBytes: 2 ** 50 };
    const recipients = [bob, alice].map((owner) => ({ owner, admin: owner, quota }));
    await takeOne(store, { wantedId: serverId(1) });
    await assert.rejects(store.leases.take({ ...takeRequest({ count: 2 }), recipients }), { code: 'quota-reached', message: /alice/u });
    assert.equal((await store.servers.list()).length, 1);
    await store.leases.take({ ...takeRequest(), recipients });
    assert.deepEqual(
      (await store.servers.list()).map(({ id, owner }) => [id, owner]),
      [
        [0, bob],
        [1, alice],
        [2, alice],
      ],
    );
    const twice = [bob, bob].map((owner) => ({ owner, admin: owner, quota }));
    await assert.rejects(store.leases.take({ ...takeRequest(), recipients: twice }), { code: 'quota-reached' }, 'what comes before counts');
    await assert.rejects(store.leases.take({ ...takeRequest(), recipients: [] }), { code: 'bad-request' });
  });

  test('leases.take lets a quota and a capacity be used to the last byte, and counts only the own servers for a quota', async () => {
    await using t = await makeTestStore();
    const quota = { servers: 2, cpus: 4, memoryBytes: 2 * gigabyte, diskBytes: 10 * gigabyte };
    const capacity = { cpus: 6, memoryBytes: 3 * gigabyte, diskBytes: 15 * gigabyte };
    await takeOne(t.store, { owner: bob, limits });
    await t.store.leases.take(takeRequest({ count: 2, limits, quota, capacity }));
    assert.deepEqual(await t.store.leases.used(alice), quota);
    assert.deepEqual(await t.store.leases.used(), { servers: 3, ...capacity });
  });

  test('leases.take adds sizes beyond exact numbers without failing', async () => {
    await using t = await makeTestStore();
    const huge = { memoryBytes: 2 ** 52, cpus: 1, diskBytes: 2 ** 52 };
    await t.store.leases.take(takeRequest({ count: 8, limits: huge }));
    await assert.rejects(takeOne(t.store, { limits: huge, capacity: { ...none, diskBytes: 2 ** 53 } }), { code: 'pool-full' });
  });

  test('leases.take of the same ID many times at once gives it to exactly one', async () => {
    await using t = await makeTestStore();
    const all = await Promise.allSettled(Array.from({ length: 20 }, () => takeOne(t.store, { wantedId: serverId(7) })));
    assert.equal(all.filter((one) => one.status === 'fulfilled').length, 1);
    for (const one of all) if (one.status === 'rejected') assert.equal((one.reason as { code: string }).code, 'id-taken');
    assert.equal((await t.store.servers.list()).length, 1);
  });

  test('leases.take many times at once gives different IDs without a gap, and no quota is overdrawn', async () => {
    await using t = await makeTestStore();
    const quota = { servers: 25, cpus: 999, memoryBytes: 2 ** 50, diskBytes: 2 ** 50 };
    const all = await Promise.allSettled(Array.from({ length: 40 }, () => takeOne(t.store, { quota })));
    const ids = all.flatMap((one) => (one.status === 'fulfilled' ? [one.value.server.id as number] : []));
    assert.deepEqual(
      ids.toSorted((a, b) => a - b),
      Array.from({ length: 25 }, (_, id) => id),
    );
  });

  test('leases.take with an idempotency key is done once, however often and however close it is sent', async () => {
    await using t = await makeTestStore();
    const { store, clock } = t;
    const idempotency = { key: 'k', requestHash: 'h', expiresMs: clock.nowMs + 1000 };
    const all = await Promise.all(Array.from({ length: 5 }, () => store.leases.take(takeRequest({ count: 2, idempotency }))));
    assert.deepEqual(all.map(({ kind }) => kind).toSorted(), ['replayed', 'replayed', 'replayed', 'replayed', 'taken']);
    assert.equal((await store.servers.list()).length, 2);
    const unfinished = await store.operations.unfinished();
    for (const one of all) if (one.kind === 'replayed') assert.deepEqual(one.operations, unfinished);
    await assert.rejects(store.leases.take(takeRequest({ idempotency: { ...idempotency, requestHash: 'other' } })), { code: 'key-reused' });
    const byBob = takeRequest({ idempotency, origin: { person: bob, via: 'rest', fromAddress: undefined } });
    assert.equal((await store.leases.take(byBob)).kind, 'taken', "another person's key of the same text is another key");
    clock.nowMs += 1000;
    assert.equal(
      (await store.leases.take(takeRequest({ idempotency: { ...idempotency, expiresMs: clock.nowMs + 1 } }))).kind,
      'taken',
      'an expired key is free',
    );
  });

  test('leases follow a model under any sequence of takes, resizes, drops and releases', async () => {
    type Deed =
      | { readonly kind: 'take'; readonly id: number | undefined; readonly count: number }
      | { readonly kind: 'release' | 'drop' | 'bare'; readonly pick: number };
    const last = 9;
    const unusable = new Set([3]);
    const pick = fc.nat({ max: last });
    const deed: fc.Arbitrary<Deed> = fc.oneof(
      fc.record({ kind: fc.constant('take' as const), id: fc.option(pick, { nil: undefined }), count: fc.integer({ min: 1, max: 3 }) }),
      fc.record({ kind: fc.constantFrom('release' as const, 'drop' as const, 'bare' as const), pick }),
    );
    await using t = await makeTestStore();
    const { store } = t;
    await fc.assert(
      fc.asyncProperty(fc.array(deed, { maxLength: 30 }), async (sequence) => {
        const model = new Map<number, { generation: Generation; isDropping: boolean }>();
        for (const one of sequence) {
          if (one.kind === 'take') {
            const expected = expectedIds(model, one, last, unusable);
            const request = takeRequest({
              count: one.count,
              wantedId: one.id === undefined ? undefined : serverId(one.id),
              idRange: { first: 0, last },
              unusable,
            });
            const taken = await store.leases.take(request).catch((error: unknown) => (error as { code: string }).code);
            if (typeof taken === 'string') {
              assert.ok(['id-taken', 'id-unusable', 'no-free-id'].includes(taken));
              assert.equal(expected, undefined);
              continue;
            }
            assert.ok(taken.kind === 'taken');
            const ids = taken.leases.map(({ server }) => server.id as number);
            assert.deepEqual(ids, expected);
            for (const { server } of taken.leases) model.set(server.id, { generation: server.generation, isDropping: false });
            await Promise.all(taken.leases.map(({ server }) => store.servers.setWanted(server.generation, 'running')));
          } else {
            const held = model.get(one.pick);
            if (held === undefined) continue;
            if (one.kind === 'bare' && !held.isDropping) {
              await assert.rejects(store.leases.release(held.generation), { code: 'wrong-state' });
              continue;
            }
            await store.servers.setWanted(held.generation, 'dropping');
            held.isDropping = true;
            if (one.kind === 'drop') continue;
            assert.equal(await store.leases.release(held.generation), true);
            assert.equal(await store.leases.release(held.generation), false, 'a second time finds nothing');
            model.delete(one.pick);
          }
        }
        const listed = await store.servers.list();
        assert.deepEqual(
          listed.map(({ id, generation }) => [id, generation]),
          [...model].toSorted(([a], [b]) => a - b).map(([id, { generation }]) => [id, generation]),
        );
        for (const { generation } of listed) {
          await store.servers.setWanted(generation, 'dropping');
          await store.leases.release(generation);
        }
      }),
      { numRuns: 40 },
    );
  });
});

function expectedIds(
  model: ReadonlyMap<number, unknown>,
  { id, count }: { readonly id: number | undefined; readonly count: number },
  last: number,
  unusable: ReadonlySet<number>,
): number[] | undefined {
  const isFree = (one: number) => !model.has(one) && !unusable.has(one);
  if (id !== undefined && count === 1) return isFree(id) ? [id] : undefined;
  const free = Array.from({ length: last + 1 }, (_, one) => one).filter((one) => one >= (id ?? 0) && isFree(one));
  return free.length < count ? undefined : free.slice(0, count);
}

suite('leases.resize', () => {
  test('leases.resize asks quota and capacity for what grows and lets everything shrink', async () => {
    await using t = await makeTestStore();
    const { store } = t;
    const { server } = await takeOne(store);
    const quota = { servers: 1, cpus: 2, memoryBytes: gigabyte, diskBytes: 5 * gigabyte };
    const capacity = { cpus: undefined, memoryBytes: undefined, diskBytes: undefined };
    const larger = { ...defaultLimits, cpus: 2, memoryBytes: gigabyte };
    assert.deepEqual((await store.leases.resize(server.generation, larger, { quota, capacity })).limits, larger);
    await assert.rejects(store.leases.resize(server.generation, { ...larger, cpus: 3 }, { quota, capacity }), { code: 'quota-reached' });
    await assert.rejects(
      store.leases.resize(
        server.generation,
        { ...larger, diskBytes: 6 * gigabyte },
        { quota: undefined, capacity: { ...capacity, diskBytes: 5 * gigabyte } },
      ),
      {
        code: 'pool-full',
      },
    );
    assert.deepEqual((await store.servers.get(server.id))?.limits, larger);
    const nothing = { servers: 0, cpus: 0, memoryBytes: 0, diskBytes: 0 };
    await store.leases.resize(
      server.generation,
      { ...larger, cpus: 1 },
      { quota: nothing, capacity: { cpus: 0, memoryBytes: 0, diskBytes: 0 } },
    );
    const again = await t.reopen();
    assert.equal((await again.servers.get(server.id))?.limits.cpus, 1);
  });

  test('leases.resize refuses a server that is gone or being dropped', async () => {
    await using t = await makeTestStore();
    const { server } = await takeOne(t.store);
    const checks = { quota: undefined, capacity: { cpus: undefined, memoryBytes: undefined, diskBytes: undefined } };
    await t.store.servers.setWanted(server.generation, 'dropping');
    await assert.rejects(t.store.leases.resize(server.generation, defaultLimits, checks), { code: 'wrong-state' });
    await t.store.leases.release(server.generation);
    await assert.rejects(t.store.leases.resize(server.generation, defaultLimits, checks), { code: 'no-such-server' });
  });
});

suite('leases.release', () => {
  for (const wanted of ['running', 'stopped'] as const) {
    test(`leases.release refuses a server that is wanted ${wanted}: no operation said that it be dropped`, async () => {
      await using t = await makeTestStore();
      const { server } = await takeOne(t.store);
      await t.store.servers.setWanted(server.generation, wanted);
      await assert.rejects(t.store.leases.release(server.generation), { code: 'wrong-state' });
      assert.equal((await t.store.servers.list()).length, 1);
    });
  }
});

suite('leases.adopt', () => {
  test('leases.adopt takes a server in with the ID and generation it carries, once', async () => {
    await using t = await makeTestStore();
    const generation = (await takeOne(t.store)).server.generation;
    await t.store.leases.release(generation);
    const found = {
      id: serverId(42),
      generation,
      owner: alice,
      admin: bob,
      system: 'debian12',
      type: 'web',
      limits: defaultLimits,
      wanted: 'stopped' as const,
      origin: { person: undefined, via: 'root' as const, fromAddress: undefined },
    };
    const adopted = await t.store.leases.adopt(found);
    assert.deepEqual([adopted.id, adopted.generation, adopted.wanted, adopted.admin], [42, generation, 'stopped', bob]);
    assert.deepEqual(await t.store.servers.get(serverId(42)), adopted);
    await assert.rejects(t.store.leases.adopt(found), { code: 'id-taken' });
    await assert.rejects(t.store.leases.adopt({ ...found, id: serverId(43) }), { code: 'id-taken' }, 'the generation is leased already');
    await t.store.servers.setWanted(generation, 'dropping');
    await t.store.leases.release(generation);
    await assert.rejects(t.store.leases.adopt({ ...found, owner: parsePersonName('nobody7') }), { code: 'no-such-person' });
    assert.deepEqual(
      (await t.store.audit.list({ deed: 'adopt' })).map((line) => line.server?.id),
      [42],
    );
  });
});
