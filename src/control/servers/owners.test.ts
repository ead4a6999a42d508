import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parseGroupName, parsePersonName } from '../../core/names.ts';
import { type ControlRoom, makeControlRoom, rootCaller } from '../../testing/control-room.ts';
import type { Caller } from '../caller.ts';

const course = parseGroupName('course');

/** Two students in a group, and their lecturer `mm`, who is staff. */
async function makeClass(room: ControlRoom): Promise<Caller> {
  await room.as('mm', 'staff');
  await room.store.groups.add({ name: course, description: '' });
  for (const name of ['zoe', 'ada']) {
    await room.as(name);
    await room.store.groups.setMember({ group: course, person: parsePersonName(name), isLeader: false });
  }
  return await room.as('mm', 'staff');
}

const ownersIn = async (room: ControlRoom) => (await room.store.servers.list()).map(({ id, owner, admin }) => [id, owner, admin]);

suite('create for others', () => {
  test('create by staff gives each member of a group a server with a password, and the audit says by whom and for whom', async () => {
    await using room = await makeControlRoom();
    const lecturer = await makeClass(room);
    const created = await room.control.servers.create(lecturer, { group: 'course', count: 2 });
    for (const { id } of created.operations)
      assert.equal((await room.control.operations.wait(lecturer, id, 10_000)).state, 'done', 'who asked may follow it');
    assert.deepEqual(await ownersIn(room), [
      [0, 'ada', 'ada'],
      [1, 'ada', 'ada'],
      [2, 'zoe', 'zoe'],
      [3, 'zoe', 'zoe'],
    ]);
    assert.deepEqual(
      created.passwords.map(({ id, user }) => [id, user]),
      [
        [0, 'ada'],
        [1, 'ada'],
        [2, 'zoe'],
        [3, 'zoe'],
      ],
    );
    assert.deepEqual(new Set(created.servers.map(({ right }) => right)), new Set(['read']), 'they are the owners’, not whose deed it was');
    const lines = await room.store.audit.list({ person: parsePersonName('mm'), deed: 'create' });
    assert.deepEqual(
      lines.map(({ server, detail }) => [server?.id, detail]),
      [
        [3, 'debian12 minimal for zoe'],
        [2, 'debian12 minimal for zoe'],
        [1, 'debian12 minimal for ada'],
        [0, 'debian12 minimal for ada'],
      ],
    );
  });

  test('create by staff stays within the quota of each owner, or nobody gets anything; administrators are not bound by it', async () => {
    await using room = await makeControlRoom();
    const lecturer = await makeClass(room);
    await room.store.people.update(parsePersonName('zoe'), { quota: { servers: 1 } });
    const asked = { owners: ['ada', 'zoe'], count: 2 };
    await assert.rejects(room.control.servers.create(lecturer, asked), { code: 'quota-reached', message: /zoe's quota/u });
    assert.deepEqual(await ownersIn(room), []);
    await room.control.servers.create(lecturer, { owners: ['zoe', 'ada', 'zoe'] });
    assert.deepEqual(await ownersIn(room), [
      [0, 'zoe', 'zoe'],
      [1, 'ada', 'ada'],
    ]);
    await assert.rejects(room.control.servers.create(lecturer, { owner: 'zoe' }), { code: 'quota-reached' });
    await room.control.servers.create(await room.as('boss', 'administrator'), asked);
    await room.control.servers.create(rootCaller, { owner: 'zoe', admin: 'tutor' });
    assert.deepEqual((await ownersIn(room)).at(-1), [6, 'zoe', 'tutor']);
  });

  test('create for others is refused, and the refusal audited, for users and for staff who may not create', async () => {
    await using room = await makeControlRoom();
    await makeClass(room);
    await room.store.people.update(parsePersonName('mm'), { canCreate: false });
    for (const name of ['ada', 'mm']) {
      for (const asked of [{ owner: 'zoe' }, { owners: [name, 'zoe'] }, { group: 'course' }])
        await assert.rejects(
          room.control.servers.create(await room.as(name), asked),
          { code: 'not-allowed' },
          JSON.stringify([name, asked]),
        );
      const refused = await room.store.audit.list({ person: parsePersonName(name), deed: 'create', allowed: false });
      assert.equal(refused.length, 3);
      assert.match(refused[0]?.detail ?? '', /zoe/u);
    }
    assert.deepEqual(await ownersIn(room), []);
  });

  test('create refuses owners who are nobody, groups that are not there or empty, and two ways of naming owners', async () => {
    await using room = await makeControlRoom();
    const lecturer = await makeClass(room);
    await room.store.groups.add({ name: parseGroupName('empty'), description: '' });
    const refusals = [
      [{ owners: ['ada', 'nobody7'] }, 'no-such-person'],
      [{ owners: ['ada', ''] }, 'bad-name'],
      [{ group: 'lab' }, 'no-such-group'],
      [{ group: 'empty' }, 'bad-request'],
      [{ group: 'course', owner: 'ada' }, 'bad-request'],
      [{ owners: ['ada'], owner: 'zoe' }, 'bad-request'],
      [{ group: 'course', name: 'web' }, 'bad-request'],
    ] as const;
    for (const [asked, code] of refusals)
      await assert.rejects(room.control.servers.create(lecturer, asked), { code }, JSON.stringify(asked));
    assert.deepEqual(await ownersIn(room), []);
  });
});
