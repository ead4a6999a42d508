import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type ControlRoom, makeControlRoom } from '../../testing/control-room.ts';
import type { Caller } from '../caller.ts';

async function makeOne(room: ControlRoom, caller: Caller, id: number): Promise<void> {
  const { operations } = await room.control.servers.create(caller, { id });
  const operation = await room.control.operations.wait(caller, operations[0]?.id ?? '', 10_000);
  assert.equal(operation.state, 'done', operation.error?.message);
}

const publicPorts = (room: ControlRoom) => room.firewall.standing?.forwards.map(({ publicPort }) => publicPort);
const policies = (room: ControlRoom) => room.control.web.state().routes.map(({ id, door, policy }) => `${id} ${door} ${policy}`);

suite('who may come to a port', () => {
  test('by default all are public, in the kernel and on the web', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    await makeOne(room, ada, 3);
    assert.deepEqual(publicPorts(room), [2003, 8003, 58_003]);
    assert.deepEqual(policies(room), ['3 www public', '3 usr public']);
  });

  test('a port made off has no forward and no page once set has answered, and whoever was in is cut off; the others stay', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    await makeOne(room, ada, 3);
    await room.control.servers.change(ada, 3, { ports: { www: 'off' } });
    assert.deepEqual(publicPorts(room), [2003, 58_003]);
    assert.deepEqual(policies(room), ['3 www off', '3 usr public']);
    assert.deepEqual(room.firewall.cuts, ['192.168.10.103:80']);
    await room.control.servers.change(ada, 3, { ports: { www: 'default' } });
    assert.deepEqual(publicPorts(room), [2003, 8003, 58_003]);
  });

  test('what a kernel refuses is told, kept in the store, and made so at the next look', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    await makeOne(room, ada, 3);
    const { fault } = await import('../../core/errors.ts');
    room.firewall.failNext(fault('firewall-failed', 'nft is not well'));
    await assert.rejects(room.control.servers.change(ada, 3, { ports: { usr: 'shared' } }), /nft is not well/u);
    assert.deepEqual(policies(room), ['3 www public', '3 usr shared'], 'the web follows all the same');
    await room.control.rules.check();
    assert.deepEqual(publicPorts(room), [2003, 8003]);
  });

  test('an ID that is made again begins with public ports', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    await makeOne(room, ada, 3);
    await room.control.servers.change(ada, 3, { ports: { www: 'off', ssh: 'off' } });
    const operation = await room.control.servers.drop(ada, 3);
    await room.control.operations.wait(ada, operation.id, 10_000);
    assert.deepEqual(policies(room), []);
    await makeOne(room, ada, 3);
    assert.deepEqual(publicPorts(room), [2003, 8003, 58_003]);
  });

  test('a port that the plan does not have, a word that is no policy, and a person who may not set are each refused', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    await makeOne(room, ada, 3);
    await assert.rejects(room.control.servers.change(ada, 3, { ports: { ftp: 'off' } }), {
      code: 'bad-request',
      message: /ssh, www, usr/u,
    });
    await assert.rejects(room.control.servers.change(ada, 3, { ports: { www: 'closed' } }), {
      code: 'bad-request',
      message: /public, signed-in/u,
    });
    await assert.rejects(room.control.servers.change(await room.as('bob'), 3, { ports: { www: 'off' } }), { code: 'no-such-server' });
    assert.deepEqual(policies(room), ['3 www public', '3 usr public']);
  });
});
