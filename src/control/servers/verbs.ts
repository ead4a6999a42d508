/** All verbs about servers, put together. */
import type { ServerRecord } from '../../store/servers.ts';
import { parsePersonName } from '../../core/names.ts';
import { usagePoints } from '../../core/usage-rates.ts';
import { instanceNameOf } from '../../engines/engine.ts';
import type { Caller } from '../caller.ts';
import type { ServerVerbs, ShownDetail, ShownServer } from '../control.ts';
import { changeServer, newPassword, pushKeys, setGatewayKey } from './change.ts';
import { usageEveryMs, usageKeptMs } from '../usage-sampler.ts';
import { createServers } from './create.ts';
import { beginDrop, beginLife } from './life.ts';
import type { ServerParts } from './settings.ts';

export function makeServerVerbs(parts: ServerParts): ServerVerbs {
  const { store, world, access, engine, clock } = parts;

  async function shown(caller: Caller, record: ServerRecord): Promise<ShownServer> {
    const judge = await access.judge(caller);
    return { record, seen: world.seenOf(record.generation), right: judge(record) };
  }

  return {
    async list(caller, { owner }) {
      const judge = await access.judge(caller);
      const records = await store.servers.list(owner === undefined ? {} : { owner: parsePersonName(owner) });
      return records
        .map((record) => ({ record, seen: world.seenOf(record.generation), right: judge(record) }))
        .filter(({ right }) => right !== 'none');
    },

    async get(caller, id): Promise<ShownDetail> {
      const { record, right } = await access.require(caller, id, 'info');
      const seen = world.seenOf(record.generation);
      const hostKey = await store.hostKeys.get(record.owner, record.id);
      const usage = seen === 'running' ? await engine.usage(instanceNameOf(record.id, record.generation)).catch(() => {}) : undefined;
      return { record, seen, right, hostKey: hostKey?.publicKey, usage: usage ?? undefined };
    },

    async usage(caller, id) {
      const { record } = await access.require(caller, id, 'info');
      return usagePoints(await store.usage.of(record.generation, clock.now() - usageKeptMs), 3 * usageEveryMs);
    },

    create: async (caller, request, idempotencyKey) => await createServers(parts, caller, request, idempotencyKey),

    async change(caller, id, change) {
      const needsRestart = await changeServer(parts, caller, id, change);
      const { record } = await access.require(caller, id, 'notes');
      return { server: await shown(caller, record), needsRestart };
    },

    start: async (caller, id) => await beginLife(parts, caller, id, 'start'),
    stop: async (caller, id) => await beginLife(parts, caller, id, 'stop'),
    kill: async (caller, id) => await beginLife(parts, caller, id, 'kill'),
    restart: async (caller, id) => await beginLife(parts, caller, id, 'restart'),
    drop: async (caller, id, generation) => await beginDrop(parts, caller, id, generation),
    password: async (caller, id, user) => await newPassword(parts, caller, id, user),
    setGatewayKey: async (caller, id, isThere) => await setGatewayKey(parts, caller, id, isThere),
    pushKeys: async (caller, id, lines) => await pushKeys(parts, caller, id, lines),
  };
}
