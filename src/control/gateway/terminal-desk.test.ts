import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Caller } from '../caller.ts';
import { parsePersonName } from '../../core/names.ts';
import { fault } from '../../core/errors.ts';
import { makeTerminalDesk, type TerminalDeskOptions } from './terminal-desk.ts';

function makeRoom() {
  const clock = { nowMs: 1_000_000, now: () => clock.nowMs };
  const issued: unknown[] = [];
  const options = {
    clock,
    credentials: { issue: (statement: unknown) => `mygw_${issued.push(statement)}`, read: () => undefined },
    access: {
      require: (_caller: Caller, id: number, deed: string) =>
        id === 3 && deed === 'enter'
          ? Promise.resolve({ record: { id: 3, generation: 'g3' }, right: 'all' })
          : Promise.reject(fault('no-such-server', 'there is none')),
    },
  } as unknown as TerminalDeskOptions;
  const actor = { kind: 'person', name: parsePersonName('ada'), role: 'user', disabled: false, groups: [] };
  const caller = { actor, via: 'web', fromAddress: '192.0.2.1', tokenId: 't1' } as unknown as Caller;
  return { desk: makeTerminalDesk(options), clock, issued, caller };
}

suite('tickets for browser terminals', () => {
  test('a ticket is good once, and for what lives by the token that asked', async () => {
    const { desk, caller, issued } = makeRoom();
    const ticket = await desk.ticket(caller, 3, undefined);
    const { credential, ...entered } = desk.enter(ticket, '192.0.2.2');
    assert.deepEqual([credential, entered], ['mygw_1', { person: 'ada', id: 3, generation: 'g3', user: undefined }]);
    assert.deepEqual(issued, [{ person: 'ada', fromAddress: '192.0.2.2', proof: { kind: 'token', id: 't1' }, sinceMs: 1_000_000 }]);
    assert.throws(() => desk.enter(ticket, '192.0.2.2'), { code: 'not-signed-in' });
  });

  test('half a minute later it is good for nothing', async () => {
    const { desk, caller, clock } = makeRoom();
    const ticket = await desk.ticket(caller, 3, 'root');
    clock.nowMs += 30_000;
    assert.throws(() => desk.enter(ticket, ''), { code: 'not-signed-in' });
  });

  test('there is none for who may not enter, who is root, or who shows no token', async () => {
    const { desk, caller } = makeRoom();
    await assert.rejects(desk.ticket(caller, 4, undefined), { code: 'no-such-server' });
    await assert.rejects(desk.ticket({ ...caller, tokenId: undefined }, 3, undefined), { code: 'not-allowed' });
    await assert.rejects(desk.ticket({ ...caller, actor: { kind: 'root' } }, 3, undefined), { code: 'bad-request' });
  });

  test('attack: thousands drawn without end leave no memory of the oldest', async () => {
    const { desk, caller } = makeRoom();
    const first = await desk.ticket(caller, 3, undefined);
    for (let drawn = 0; drawn < 10_001; drawn += 1) await desk.ticket(caller, 3, undefined);
    assert.throws(() => desk.enter(first, ''), { code: 'not-signed-in' });
  });
});
