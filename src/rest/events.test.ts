import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Value } from 'typebox/value';
import { EventSchema, type EventView } from '../contract/events.ts';
import { Secret } from '../base/secret.ts';
import { parsePersonName } from '../core/names.ts';
import { rootCaller } from '../testing/control-room.ts';
import type { ControlEvent } from '../control/control.ts';
import { type ApiRoom, basic, makeApiRoom, passwordOf } from './api-room.testing.ts';

interface Heard {
  readonly events: { readonly id: string | undefined; readonly view: EventView }[];
  readonly asked: ClientRequest;
  readonly response: IncomingMessage;
  text(): string;
  until(what: string, isSo: () => boolean): Promise<void>;
  ended: Promise<unknown>;
}

async function listen(world: ApiRoom, authorization: string | undefined, lastEventId?: string): Promise<Heard> {
  const headers = {
    ...(authorization === undefined ? {} : { authorization }),
    ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
  };
  const asked = request(`${world.url}/api/v1/events`, { headers, agent: false });
  asked.on('error', () => {});
  asked.end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  response.on('error', () => {});
  assert.equal(response.statusCode, 200);
  const events: { id: string | undefined; view: EventView }[] = [];
  let all = '';
  let rest = '';
  response.on('data', (chunk: Buffer) => {
    all += chunk.toString();
    const blocks = (rest + chunk.toString()).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const data = /^data: (.*)$/mu.exec(block)?.[1];
      if (data !== undefined) events.push({ id: /^id: (.*)$/mu.exec(block)?.[1], view: JSON.parse(data) as EventView });
    }
  });
  const ended = new Promise((resolve) => response.once('close', resolve));
  return {
    events,
    asked,
    response,
    ended,
    text: () => all,
    async until(what, isSo) {
      const deadline = Date.now() + 10_000;
      while (!isSo()) {
        assert.ok(Date.now() < deadline, `waited in vain for ${what}; heard ${all}`);
        await sleep(5);
      }
    },
  };
}

const auth = (name: string) => basic(name, passwordOf(name));

suite('events', () => {
  test('events asked for by somebody who has gone before they were let in leave nothing behind', async () => {
    await using world = await makeApiRoom();
    await world.addPerson('ada');
    let listening = 0;
    const { events } = world.room.control;
    const { subscribe } = events;
    Reflect.set(events, 'subscribe', (...given: Parameters<typeof subscribe>) => {
      const { complete, unsubscribe } = subscribe(...given);
      listening += 1;
      return { complete, unsubscribe: () => ((listening -= 1), unsubscribe()) };
    });
    const signedIn = async () => (await world.room.store.audit.list({ person: parsePersonName('ada') })).length;
    const asked = request(`${world.url}/api/v1/events`, { headers: { authorization: auth('ada') }, agent: false });
    asked.on('error', () => {});
    asked.end();
    await once(asked, 'finish');
    asked.destroy();
    const deadline = Date.now() + 10_000;
    while ((await signedIn()) === 0) {
      assert.ok(Date.now() < deadline, 'the request never came in');
      await sleep(5);
    }
    await sleep(50);
    assert.equal(listening, 0);
  });

  test('events tell each listener of what they may see, and of nothing else', async () => {
    await using world = await makeApiRoom();
    for (const name of ['ada', 'eve']) await world.addPerson(name);
    await world.addPerson('tutor', { role: 'staff' });
    const [ada, eve, tutor] = [await listen(world, auth('ada')), await listen(world, auth('eve')), await listen(world, auth('tutor'))];
    await world.call('/api/v1/servers', { as: 'ada', body: { id: 7 } });
    const isDone = (heard: Heard, kind: string) =>
      heard.events.some(({ view }) => view.kind === 'operation' && view.operation.kind === kind && view.operation.state === 'done');
    await ada.until('the creation', () => isDone(ada, 'create'));
    await world.call('/api/v1/servers/7', { as: 'ada', method: 'DELETE' });
    await ada.until('the end', () => ada.events.some(({ view }) => view.kind === 'server-gone' && view.id === 7));
    await tutor.until('the end', () => tutor.events.some(({ view }) => view.kind === 'server-gone'));
    assert.ok(ada.events.some(({ view }) => view.kind === 'server' && view.server.status === 'running' && view.server.right === 'all'));
    assert.ok(tutor.events.some(({ view }) => view.kind === 'server' && view.server.right === 'read'));
    for (const { view } of ada.events) assert.ok(Value.Check(EventSchema, view), JSON.stringify(view));
    await world.call('/api/v1/servers', { as: 'eve', body: { id: 8 } });
    await eve.until('her own', () => isDone(eve, 'create'));
    assert.ok(!eve.text().includes('"id":7,'));
    for (const heard of [ada, eve, tutor]) heard.asked.destroy();
  });

  test('events take up after Last-Event-ID, and say resync where they cannot', async () => {
    await using world = await makeApiRoom();
    await world.addPerson('ada');
    const first = await listen(world, auth('ada'));
    await world.call('/api/v1/servers', { as: 'ada', body: { id: 7 } });
    await first.until('events', () => first.events.length >= 3);
    first.asked.destroy();
    const [one, two] = first.events;
    const again = await listen(world, auth('ada'), one?.id);
    await again.until('what was missed', () => again.events.length > 0);
    assert.equal(again.events[0]?.id, two?.id);
    again.asked.destroy();
    for (const id of ['ffffffff-1', one?.id?.replace(/\d+$/u, '999999') ?? '', 'nonsense', '-1']) {
      const other = await listen(world, auth('ada'), id);
      await other.until('resync', () => other.events.length > 0);
      assert.equal(other.events[0]?.view.kind, 'resync', id);
      other.asked.destroy();
    }
  });

  test('events end when the token is revoked, when the person is disabled and when the password changes', async () => {
    await using world = await makeApiRoom({ config: { heartbeatMs: 20 } });
    for (const name of ['ada', 'bob', 'cyd']) await world.addPerson(name);
    const { token } = (await world.call('/api/v1/tokens', { body: { person: 'ada', password: passwordOf('ada') } })).json<{
      token: string;
    }>();
    const [ada, bob, cyd] = [await listen(world, `Bearer ${token}`), await listen(world, auth('bob')), await listen(world, auth('cyd'))];
    await ada.until('a heartbeat', () => ada.text().includes(': still here'));
    await world.call('/api/v1/tokens/current', { method: 'DELETE', headers: { authorization: `Bearer ${token}` } });
    await world.people.people.change(rootCaller, 'bob', { disabled: true });
    await world.people.people.password(rootCaller, 'cyd', { next: new Secret('another password') });
    await Promise.all([ada.ended, bob.ended, cyd.ended]);
  });

  test('events need a sign-in, and end when the server stops', async () => {
    const world = await makeApiRoom();
    await world.addPerson('ada');
    await world.addPerson('new', { mustChange: true });
    assert.equal((await world.call('/api/v1/events')).status, 401);
    assert.equal((await world.call('/api/v1/events', { as: 'new' })).problem().code, 'password-expired');
    const heard = await listen(world, auth('ada'));
    await world.api.stop();
    await heard.ended;
    assert.ok(heard.response.complete, 'ended in good order');
    await world[Symbol.asyncDispose]();
  });

  test('events drop a listener that does not read, and hold little for it', async () => {
    const world = await makeApiRoom();
    await world.addPerson('boss', { role: 'administrator' });
    const { events } = world.room.control;
    let tell: ((number: number, event: ControlEvent) => void) | undefined;
    let subscribers = 0;
    Object.assign(events, {
      subscribe(onEvent: typeof tell) {
        tell = onEvent;
        subscribers += 1;
        return { complete: true, unsubscribe: () => (subscribers -= 1) };
      },
    });
    const heard = await listen(world, auth('boss'));
    heard.response.pause();
    const created = await world.call('/api/v1/servers', { as: 'boss', body: { notes: 'x'.repeat(500) } });
    const [operation] = await world.room.store.operations.list();
    assert.ok(operation !== undefined && created.status === 202);
    const big: ControlEvent = { kind: 'operation', operation: { ...operation, step: 'x'.repeat(10_000) } };
    const deadline = Date.now() + 20_000;
    for (let number = 1; subscribers > 0; number += 1) {
      assert.ok(Date.now() < deadline, 'was never dropped');
      tell?.(number, big);
      if (number % 50 === 0) await sleep(1);
    }
    heard.asked.destroy();
    await world[Symbol.asyncDispose]();
  });
});
