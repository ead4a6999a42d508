/** Fifty kills at random moments of twenty creates and drops: nothing is leaked or doubled. The seed is printed; MYSERVER_TEST_SEED runs it again. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { lacksImages, makeTestInstallation, type TestInstallation } from '../src/testing/test-installation.ts';
import { assertWhole, nameOf } from './host-view.ts';
import { type Root, rootOf, soon } from './root-client.ts';

const kills = 50;
const mostServers = 6;
/** Longer than a creation takes: some kills meet nothing going on, which is a moment too. */
const longestLifeMs = 1500;
const isLong = process.env['MYSERVER_TEST_LONG'] === '1';

suite(
  'control killed at random moments',
  { skip: lacksImages === false && !isLong ? 'takes minutes: set MYSERVER_TEST_LONG=1' : lacksImages },
  () => {
    test(
      `${kills} kills across creates and drops leave no leaked or doubled ID, address, rule, instance, cable or disk`,
      { timeout: 1_800_000 },
      async (t) => {
        const seed = Number(process.env['MYSERVER_TEST_SEED'] ?? randomInt(2 ** 31));
        t.diagnostic(`MYSERVER_TEST_SEED=${seed}`);
        const random = mulberry32(seed);
        await using installation = await makeTestInstallation();
        const root = rootOf(installation);
        await root.client.call('addPerson', { body: { name: 'ada', role: 'administrator' } });
        const everSeen = new Set<string>();
        let [creates, drops] = [0, 0];

        for (let kill = 1; kill <= kills; kill += 1) {
          const { servers } = await root.client.call('listServers', { query: {} });
          const there = servers.filter(({ status }) => status !== 'dropping');
          const some = there[Math.floor(random() * there.length)];
          const makes = servers.length < mostServers && (some === undefined || random() < 0.55);
          // An answer that a kill swallows is no answer: whether it was done, the store says.
          const told = makes
            ? root.begin({ count: random() < 0.3 ? 2 : 1 })
            : root.client.call('dropServer', { params: { id: some?.id ?? 0 }, query: {} });
          if (makes) creates += 1;
          else drops += 1;
          told.catch(() => {});
          await sleep(random() * longestLifeMs);
          await installation.endControl('SIGKILL');
          await installation.startControl();
          for (const server of (await root.client.call('listServers', { query: {} })).servers) everSeen.add(nameOf(server));
          if (random() < 0.3) await assertSettled(installation, root, `seed ${seed}, after kill ${kill}:`);
        }
        t.diagnostic(`${creates} creates, ${drops} drops`);
        assert.ok(creates >= 10 && drops >= 5, 'the dice were unkind: give another seed');
        await assertSettled(installation, root, `seed ${seed}, at the end:`);

        for (const { id } of (await root.client.call('listServers', { query: {} })).servers) await root.tell('dropServer', id);
        await assertSettled(installation, root, `seed ${seed}, all dropped:`);
        const left = [...everSeen].filter((name) =>
          ['memory/', 'pids/', ''].some((place) => existsSync(`/sys/fs/cgroup/${place}lxc.payload.${name}`)),
        );
        assert.deepEqual(left, [], 'control groups of servers that are gone');
        const audit = await root.client.call('doctor');
        assert.deepEqual(
          audit.findings.filter(({ code }) => /instance|server|rules|mismatch/u.test(code)),
          [],
        );
      },
    );
  },
);

async function assertSettled(installation: TestInstallation, root: Root, where: string): Promise<void> {
  await soon(`${where} all operations to end`, 120_000, async () => {
    const { operations } = await root.client.call('listOperations', { query: {} });
    return operations.every(({ endedAt }) => endedAt !== null) ? true : undefined;
  });
  const { operations } = await root.client.call('listOperations', { query: {} });
  const failed = operations.filter(({ state }) => state === 'failed');
  assert.deepEqual(
    failed.map(({ kind, subject, error }) => `${kind} ${subject}: ${error?.message}`),
    [],
    where,
  );
  for (const { id, status, problem } of (await root.client.call('listServers', { query: {} })).servers)
    assert.deepEqual([status, problem], ['running', null], `${where} server ${id}`);
  await assertWhole(installation, root, where);
}

/** A small generator whose whole state is the seed (public domain, Tommy Ettinger). */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
