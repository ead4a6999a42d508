import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog } from '../base/log.ts';
import { alice, makeTestStore } from '../store/store.testing.ts';
import { makeHousekeeping } from './housekeeping.ts';

const dayMs = 86_400_000;

test('makeHousekeeping removes lines of the audit that are older than they are kept, in several batches, and no others', async () => {
  await using t = await makeTestStore();
  const append = async (detail: string) =>
    await t.store.audit.append({
      person: alice,
      via: 'cli',
      fromAddress: undefined,
      deed: 'login',
      server: undefined,
      allowed: true,
      detail,
    });
  for (let i = 0; i < 1201; i += 1) await append('old');
  t.clock.nowMs += dayMs;
  await append('young');
  t.clock.nowMs += 400 * dayMs - 1;
  await append('new');
  const housekeeping = makeHousekeeping({
    store: t.store,
    auditKeptMs: 400 * dayMs,
    auditKeptLines: 10,
    recordingFiles: { prune: () => Promise.resolve(0) },
    clock: t.clock,
    log: silentLog,
  });
  await housekeeping.start();
  const details = async () => (await t.store.audit.list({ limit: 5000 })).map(({ detail }) => detail);
  for (let tries = 0; tries < 1000 && (await details()).includes('old'); tries += 1);
  await housekeeping.stop();
  assert.deepEqual(await details(), ['new', 'young']);
});
