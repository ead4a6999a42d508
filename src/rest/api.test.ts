import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { suite, test } from 'node:test';
import { Value } from 'typebox/value';
import { apiPrefix } from '../contract/route.ts';
import { type RouteName, routes } from '../contract/routes.ts';
import type * as wire from '../contract/schemas.ts';
import { makeClient } from '../client/client.ts';
import type { OperationVerbs } from '../control/control.ts';
import { basic, makeApiRoom, passwordOf, type Reply } from './api-room.testing.ts';
import { hostKeysOf } from './known-hosts.ts';
import { bind, makeHandlers } from './routes.ts';
import { makeViews } from './views.ts';

function fits(name: RouteName, reply: Reply): void {
  const route = routes[name];
  assert.equal(reply.status, route.status, reply.text);
  const response = 'response' in route ? route.response : undefined;
  if (response === undefined) assert.equal(reply.text, '');
  else assert.deepEqual(Value.Errors(response, reply.json()), []);
}

suite('api', () => {
  test('bind gives every route of the contract one handler and leaves none over', async () => {
    await using world = await makeApiRoom();
    const { control } = world.room;
    const views = makeViews(() => control.facts);
    const hostKeys = () => hostKeysOf(world.room.store.hostKeys, control.facts);
    const handlers = makeHandlers({ control, people: world.people, gateway: world.gateway, views, hostKeys });
    assert.deepEqual(Object.keys(handlers).toSorted(), Object.keys(routes).toSorted());
    const bound = bind(handlers);
    assert.deepEqual(bound.map(({ route }) => route.name).toSorted(), Object.keys(routes).toSorted());
    for (const [name, route] of Object.entries(routes)) assert.equal(route.name, name);
    for (const door of [world.api.rootDoor, world.api.localDoor]) {
      for (const { method, path } of Object.values(routes))
        assert.ok(door.hasRoute({ method, url: apiPrefix + path }), `${method} ${path}`);
    }
  });

  test('api answers in the shapes of the contract, from a server made to a server dropped', async () => {
    await using world = await makeApiRoom();
    await world.addPerson('ada');
    await world.addPerson('boss', { role: 'administrator' });
    const as = (name: string) => ({ as: name });
    fits('health', await world.call('/api/v1/health'));
    fits('me', await world.call('/api/v1/me', as('ada')));
    const created = await world.call('/api/v1/servers', { as: 'ada', body: { id: 123, notes: 'mine' } });
    fits('createServers', created);
    const { servers, operations, passwords } = created.json<wire.CreatedServers>();
    assert.equal(servers[0]?.id, 123);
    assert.match(passwords[0]?.password ?? '', /^\S{10,}$/u);
    const waited = await world.call(`/api/v1/operations/${operations[0]?.id ?? ''}?waitSeconds=10`, as('ada'));
    fits('getOperation', waited);
    assert.equal(waited.json<{ operation: wire.OperationView }>().operation.state, 'done', waited.text);
    const detail = await world.call('/api/v1/servers/123', as('ada'));
    fits('getServer', detail);
    assert.deepEqual(
      detail.json<wire.ServerDetail>().waysIn.map(({ text }) => text),
      ['ssh -p 2123 ada@host.example', 'http://host.example:8123/', 'http://host.example:58123/'],
    );
    assert.match(detail.json<wire.ServerDetail>().hostKeyFingerprint ?? '', /^SHA256:[\w+/]{43}$/u);
    fits('listServers', await world.call('/api/v1/servers?owner=ada', as('ada')));
    fits('changeServer', await world.call('/api/v1/servers/123', { as: 'ada', method: 'PATCH', body: { notes: 'new' } }));
    fits('serverPassword', await world.call('/api/v1/servers/123/password', { as: 'ada', method: 'POST' }));
    fits('stopServer', await world.call('/api/v1/servers/123/stop', { as: 'ada', method: 'POST' }));
    fits('listImages', await world.call('/api/v1/images', as('ada')));
    fits('getPlan', await world.call('/api/v1/plan', as('ada')));
    fits('checkPlan', await world.call('/api/v1/plan/check', as('boss')));
    fits('doctor', await world.call('/api/v1/doctor', as('boss')));
    fits('listOperations', await world.call('/api/v1/operations?limit=5', as('ada')));
    fits('listPeople', await world.call('/api/v1/people', as('boss')));
    fits('addGroup', await world.call('/api/v1/groups', { as: 'boss', body: { name: 'course' } }));
    fits('setMember', await world.call('/api/v1/groups/course/members/ada', { as: 'boss', method: 'PUT', body: { isLeader: true } }));
    fits('listGroups', await world.call('/api/v1/groups', as('ada')));
    const share = {
      subject: { kind: 'person', name: 'boss' },
      target: { kind: 'server', id: 123 },
      right: 'read',
      expiresAt: '2999-01-01T00:00:00Z',
    };
    fits('addGrant', await world.call('/api/v1/grants', { as: 'ada', body: share }));
    const grants = await world.call('/api/v1/grants?server=123', as('ada'));
    fits('listGrants', grants);
    const grantId = grants.json<{ grants: wire.GrantView[] }>().grants[0]?.id ?? '';
    fits('removeGrant', await world.call(`/api/v1/grants/${grantId}`, { as: 'ada', method: 'DELETE' }));
    fits('listAudit', await world.call('/api/v1/audit?limit=50', as('boss')));
    fits('removeGatewayKey', await world.call('/api/v1/servers/123/gateway-key', { as: 'ada', method: 'DELETE' }));
    fits('addGatewayKey', await world.call('/api/v1/servers/123/gateway-key', { as: 'ada', method: 'PUT' }));
    const dropped = await world.call('/api/v1/servers/123', { as: 'ada', method: 'DELETE' });
    fits('dropServer', dropped);
    const end = dropped.json<{ operation: wire.OperationView }>().operation.id;
    await world.call(`/api/v1/operations/${end}?waitSeconds=10`, as('ada'));
    assert.equal((await world.call('/api/v1/servers/123', as('ada'))).problem().code, 'no-such-server');
  });

  test('api serves the typed client, with a token that it gave', async () => {
    await using world = await makeApiRoom();
    await world.addPerson('ada');
    let token: string | undefined;
    const client = makeClient({ baseUrl: world.url, fetch, authorization: () => (token === undefined ? undefined : `Bearer ${token}`) });
    const login = await client.call('login', { body: { person: 'ada', password: passwordOf('ada'), label: 'laptop' } });
    assert.match(login.token, /^mys_[\w-]{43}$/u);
    token = login.token;
    assert.equal((await client.call('me')).name, 'ada');
    const { tokens } = await client.call('listTokens');
    assert.deepEqual(
      tokens.map(({ label, current }) => ({ label, current })),
      [{ label: 'laptop', current: true }],
    );
    await client.call('revokeToken', { params: { id: 'current' } });
    await assert.rejects(client.call('me'), { code: 'not-signed-in' });
  });

  test('api writes a backup for root, and for no administrator', async () => {
    await using world = await makeApiRoom();
    await world.addPerson('boss', { role: 'administrator' });
    const path = join(dirname(world.socketPath), 'copy.db');
    const refused = await world.call('/api/v1/backup', { as: 'boss', body: { path } });
    assert.deepEqual([refused.status, refused.problem().code], [403, 'not-allowed']);
    await assert.rejects(stat(path), { code: 'ENOENT' });
    fits('backup', await world.asRoot('/api/v1/backup', { body: { path } }));
    assert.ok((await stat(path)).size > 0);
    const { lines } = (await world.asRoot('/api/v1/audit')).json<{ lines: wire.AuditLineView[] }>();
    assert.deepEqual(
      lines.filter(({ deed }) => deed === 'backup').map(({ person, allowed }) => [person, allowed]),
      [
        [null, true],
        ['boss', false],
      ],
    );
  });

  test('api lets whoever has a one-time password do nothing but change it', async () => {
    await using world = await makeApiRoom();
    const added = await world.asRoot('/api/v1/people', { body: { name: 'new' } });
    fits('addPerson', added);
    const { password } = added.json<{ password: string }>();
    const authorization = basic('new', password);
    const login = await world.call('/api/v1/tokens', { body: { person: 'new', password } });
    fits('login', login);
    const { token, passwordMustChange } = login.json<{ token: string; passwordMustChange: boolean }>();
    assert.equal(passwordMustChange, true);
    const bearer = { authorization: `Bearer ${token}` };
    for (const headers of [{ authorization }, bearer]) {
      assert.equal((await world.call('/api/v1/me', { headers })).status, 200);
      for (const path of ['/api/v1/servers', '/api/v1/people', '/api/v1/tokens', '/api/v1/plan']) {
        const reply = await world.call(path, { headers });
        assert.equal(reply.status, 403);
        assert.equal(reply.problem().code, 'password-expired');
        assert.match(reply.problem().message, /myserver password/u);
      }
    }
    const body = { current: password, next: 'a password of my own' };
    fits('personPassword', await world.call('/api/v1/people/new/password', { headers: bearer, body }));
    assert.equal((await world.call('/api/v1/servers', { headers: bearer })).status, 200);
    assert.equal((await world.call('/api/v1/servers', { headers: { authorization } })).status, 401);
  });

  test('createServers with an Idempotency-Key makes one server, however often it is sent', async () => {
    await using world = await makeApiRoom();
    await world.addPerson('ada');
    const sent = { as: 'ada', body: { notes: 'once' }, headers: { 'idempotency-key': 'key-1' } };
    const replies = [await world.call('/api/v1/servers', sent), await world.call('/api/v1/servers', sent)];
    const [first, second] = replies.map((reply) => reply.json<wire.CreatedServers>());
    assert.equal(first?.servers[0]?.generation, second?.servers[0]?.generation);
    assert.deepEqual(second?.passwords, []);
    assert.equal((await world.call('/api/v1/servers', { ...sent, body: { notes: 'other' } })).status, 422);
    assert.equal((await world.call('/api/v1/servers', { ...sent, headers: { 'idempotency-key': 'a b' } })).problem().code, 'bad-request');
  });

  test('getOperation with waitSeconds ends for the server when the client leaves', async () => {
    await using world = await makeApiRoom();
    await world.addPerson('ada');
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const { promise: began, resolve: begin } = Promise.withResolvers<void>();
    const { operations } = world.room.control;
    const former = { ...operations };
    const watched: OperationVerbs['wait'] = async (caller, id, waitMs, signal) => {
      begin();
      const operation = await former.wait(caller, id, waitMs, signal);
      if (signal?.aborted === true) resolve();
      return operation;
    };
    Object.assign(operations, { wait: watched });
    world.room.engine.hangNext('create');
    const created = await world.call('/api/v1/servers', { as: 'ada', body: {} });
    const id = created.json<wire.CreatedServers>().operations[0]?.id ?? '';
    const client = new AbortController();
    const waiting = fetch(`${world.url}/api/v1/operations/${id}?waitSeconds=60`, {
      headers: { authorization: basic('ada', passwordOf('ada')) },
      signal: client.signal,
    });
    await began;
    client.abort();
    await assert.rejects(waiting);
    await ended;
    await world.call(`/api/v1/operations/${id}/cancel`, { as: 'ada', method: 'POST' });
  });

  test('api closes its doors in good order and leaves no socket behind', async () => {
    const world = await makeApiRoom();
    await world.api.stop();
    await assert.rejects(world.call('/api/v1/health'), { code: 'ECONNREFUSED' });
    await assert.rejects(world.asRoot('/api/v1/health'), { code: 'ENOENT' });
    await world[Symbol.asyncDispose]();
  });
});
