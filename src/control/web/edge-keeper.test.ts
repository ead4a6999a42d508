import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLog } from '../../base/log.ts';
import type { WebState } from '../../core/web-route.ts';
import type { Edge } from '../../network/edge.ts';
import { makeControlRoom } from '../../testing/control-room.ts';
import { makeEdgeKeeper } from './edge-keeper.ts';

function makeEdge() {
  const told: WebState[] = [];
  const edge = {
    told,
    isWell: true,
    set(state: WebState) {
      if (!edge.isWell) return Promise.reject(new Error('HAProxy is not there'));
      told.push(state);
      return Promise.resolve();
    },
    matches: (state: WebState) => Promise.resolve(edge.isWell && told.at(-1) === state),
  };
  return edge satisfies Edge;
}

async function until(isSo: () => boolean): Promise<void> {
  for (let tries = 0; !isSo(); tries += 1) {
    assert.ok(tries < 300, 'it did not come to that');
    await sleep(10);
  }
}

suite('the keeper of an edge', () => {
  test('a change is at the edge when set has answered', async () => {
    await using room = await makeControlRoom();
    const edge = makeEdge();
    const keeper = makeEdgeKeeper({ web: room.control.web, edge, log: silentLog, lookEveryMs: 60_000 });
    await keeper.start();
    const ada = await room.as('ada');
    const { operations } = await room.control.servers.create(ada, { id: 3 });
    await room.control.operations.wait(ada, operations[0]?.id ?? '', 10_000);
    await room.control.servers.change(ada, 3, { ports: { www: 'off' } });
    assert.deepEqual(
      edge.told.at(-1)?.routes.map(({ door, policy }) => `${door} ${policy}`),
      ['www off', 'usr public'],
    );
    await keeper.stop();
  });

  test('an edge that fails, or is changed behind our back, is brought in step again, and nobody waits for it', async () => {
    await using room = await makeControlRoom();
    const edge = makeEdge();
    const keeper = makeEdgeKeeper({ web: room.control.web, edge, log: silentLog, lookEveryMs: 20 });
    edge.isWell = false;
    await keeper.start();
    const ada = await room.as('ada');
    const { operations } = await room.control.servers.create(ada, { id: 3 });
    assert.equal((await room.control.operations.wait(ada, operations[0]?.id ?? '', 10_000)).state, 'done');
    assert.equal(edge.told.length, 0);
    assert.equal(keeper.trouble(), 'HAProxy is not there');
    edge.isWell = true;
    await until(() => edge.told.at(-1)?.routes.length === 2);
    await until(() => keeper.trouble() === undefined);
    edge.told.push({ ...room.control.web.state(), routes: [] });
    await until(() => edge.told.at(-1)?.routes.length === 2);
    await keeper.stop();
  });
});
