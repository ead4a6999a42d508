/** The API over 127.0.0.1, asked by curl on the host: by a person with a credential, never by root. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { EventView } from '../src/contract/events.ts';
import type { CreatedServers, OperationView, ServerDetail, ServerView } from '../src/contract/schemas.ts';
import { runProcess } from '../src/testing/run-process.ts';
import { lacksImages, makeTestInstallation, type TestInstallation } from '../src/testing/test-installation.ts';
import { type Caller, callerOf, signedIn } from './curl.ts';
import { localUrl } from './person.ts';

interface Begun {
  readonly operation: OperationView;
}

const password = (name: string) => `three words of ${name} here`;

suite('REST x HTTP', { skip: lacksImages }, () => {
  let installation: TestInstallation;
  let root: Caller;
  let jbond: Caller;
  let mm: Caller;
  /** `METHOD /path` of all calls of this file. */
  const asked = new Set<string>();
  /** By jbond, running. */
  let server: ServerView;

  before(async () => {
    installation = await makeTestInstallation({ config: { web: { nameServers: ['127.0.0.1:5353'] } } });
    root = callerOf(installation, ['--unix-socket', join(installation.runDir, 'root.sock')], asked);
  });
  after(() => installation[Symbol.asyncDispose]());

  async function become(name: string): Promise<Caller> {
    const added = await root.ok<{ readonly password: string }>('POST', '/people', { name });
    const newcomer = await signedIn(installation, name, added.password, asked);
    const { code, message } = await newcomer.refused(403, 'GET', '/servers');
    assert.equal(code, 'password-expired');
    assert.match(message, /myserver password/u);
    await newcomer.ok('POST', `/people/${name}/password`, { current: added.password, next: password(name) });
    return await signedIn(installation, name, password(name), asked);
  }

  test('a person signs in with the one-time password, must change it, and then gets a token that works', async () => {
    [jbond, mm] = await Promise.all([become('jbond007'), become('mm')]);
    const me = await jbond.ok<{ readonly name: string; readonly isRoot: boolean }>('GET', '/me');
    assert.deepEqual([me.name, me.isRoot], ['jbond007', false]);
    const basic = callerOf(installation, ['-u', `jbond007:${password('jbond007')}`], asked);
    assert.equal((await basic.ok<{ readonly name: string }>('GET', '/me')).name, 'jbond007');
  });

  test('nobody without a credential learns anything but that the API is there', async () => {
    const nobody = callerOf(installation, [], asked);
    assert.equal((await nobody.ok<{ readonly ok: boolean }>('GET', '/health')).ok, true);
    for (const path of ['/servers', '/servers/0', '/people', '/plan', '/operations', '/events', '/audit'])
      assert.equal((await nobody.refused(401, 'GET', path)).code, 'not-signed-in', path);
    const forged = callerOf(installation, ['-H', 'Authorization: Bearer mys_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'], asked);
    assert.equal((await forged.refused(401, 'GET', '/me')).code, 'not-signed-in');
  });

  test('the event stream tells a create from its lease to its running server, in order', async () => {
    const listener = listen(installation, ['-u', `jbond007:${password('jbond007')}`]);
    await listener.until((_events, text) => text.startsWith('HTTP/1.1 200'));
    const created = await jbond.ok<CreatedServers>('POST', '/servers', { notes: 'made by curl' });
    const [operation] = created.operations;
    assert.ok(operation !== undefined && created.servers[0] !== undefined);
    await jbond.done(operation);
    await listener.until((events) => events.some((event) => event.kind === 'server' && event.server.status === 'running'));
    await listener.until((events) => events.some((event) => event.kind === 'operation' && event.operation.state === 'done'));
    const events = listener.end();
    const states = events.flatMap((event) => (event.kind === 'operation' && event.operation.id === operation.id ? [event.operation] : []));
    assert.equal(states.at(-1)?.state, 'done');
    assert.ok(states.length >= 3, `only ${states.length} events of the operation`);
    const fractions = states.map(({ fraction }) => fraction);
    assert.deepEqual(
      fractions,
      fractions.toSorted((a, b) => a - b),
    );
    const statuses = events.flatMap((event) => (event.kind === 'server' ? [event.server.status] : []));
    assert.equal(statuses[0], 'creating');
    assert.equal(statuses.at(-1), 'running');
    assert.deepEqual(events[0]?.kind, 'server', 'the lease comes first');
    assert.deepEqual([...new Set(events.flatMap((event) => (event.kind === 'server' ? [event.server.id] : [])))], [0]);
    ({ server } = await jbond.ok<ServerDetail>('GET', '/servers/0'));
    assert.ok(Array.isArray((await jbond.ok<{ readonly points: unknown }>('GET', '/servers/0/usage')).points));
    assert.deepEqual([server.status, server.notes, server.owner], ['running', 'made by curl', 'jbond007']);
  });

  test('a create sent twice with one idempotency key makes one server, and tells its password once', async () => {
    const headers = ['Idempotency-Key: 5a0c3f0e-one-create'];
    const body = { notes: 'once', start: false };
    const [first, second] = await Promise.all([
      jbond.ask<CreatedServers>('POST', '/servers', { body, headers }),
      jbond.ask<CreatedServers>('POST', '/servers', { body, headers }),
    ]);
    const third = await jbond.ask<CreatedServers>('POST', '/servers', { body, headers });
    const answers = [first, second, third];
    assert.deepEqual(
      answers.map(({ status, body: made }) => [status, made.servers.map(({ id }) => id)]),
      answers.map(() => [202, [1]]),
    );
    assert.equal(answers.flatMap(({ body: made }) => made.passwords).length, 1);
    const other = await jbond.refused(422, 'POST', '/servers', { body: { ...body, notes: 'another' }, headers });
    assert.equal(other.code, 'key-reused');
    await Promise.all(first.body.operations.map((operation) => jbond.done(operation)));
    assert.equal((await jbond.ok<{ readonly servers: readonly ServerView[] }>('GET', '/servers')).servers.length, 2);
    await jbond.done((await jbond.ok<Begun>('DELETE', '/servers/1')).operation);
  });

  test('stop, start, kill, restart, change, password: each does what it says to the real server', async () => {
    const status = async () => (await jbond.ok<ServerDetail>('GET', '/servers/0')).server.status;
    for (const [verb, then] of [
      ['stop', 'stopped'],
      ['start', 'running'],
      ['kill', 'stopped'],
      ['restart', 'running'],
    ]) {
      await jbond.done((await jbond.ok<Begun>('POST', `/servers/0/${verb}`)).operation);
      assert.equal(await status(), then, verb);
    }
    const changed = await jbond.ok<{ readonly server: ServerView }>('PATCH', '/servers/0', { memoryBytes: 2 ** 30, name: 'thesis' });
    assert.deepEqual([changed.server.memoryBytes, changed.server.name], [2 ** 30, 'thesis']);
    const renewed = await jbond.ok<{ readonly user: string; readonly password: string }>('POST', '/servers/0/password', {});
    assert.equal(renewed.user, 'jbond007');
    assert.match(renewed.password, /^[a-z\d]{4}(?:-[a-z\d]{4}){3}$/u);
    await jbond.ok('DELETE', '/servers/0/gateway-key');
    assert.equal((await jbond.ok<ServerDetail>('GET', '/servers/0')).gatewayKey, false);
    await jbond.ok('PUT', '/servers/0/gateway-key');
    assert.equal((await jbond.ok<ServerDetail>('GET', '/servers/0')).gatewayKey, true);
  });

  test("another person's server is invisible, under every verb as one that is not there", async () => {
    assert.deepEqual(await mm.ok('GET', '/servers'), { servers: [] });
    const verbs: readonly (readonly [string, string, object?])[] = [
      ['GET', ''],
      ['PATCH', '', { notes: 'mine' }],
      ['DELETE', ''],
      ['POST', '/start'],
      ['POST', '/stop'],
      ['POST', '/kill'],
      ['POST', '/restart'],
      ['POST', '/password', {}],
      ['DELETE', '/gateway-key'],
      ['PUT', '/gateway-key'],
    ];
    for (const [method, verb, body] of verbs) {
      const question = body === undefined ? {} : { body };
      const [there, nowhere] = [
        await mm.refused(404, method, `/servers/0${verb}`, question),
        await mm.refused(404, method, `/servers/77${verb}`, question),
      ];
      assert.equal(there.code, 'no-such-server');
      assert.equal(there.message, nowhere.message.replace('77', '0'), 'the sentence tells one from the other');
    }
    const { operations } = await jbond.ok<{ readonly operations: readonly OperationView[] }>('GET', '/operations');
    const id = operations[0]?.id ?? '';
    assert.equal((await mm.refused(404, 'GET', `/operations/${id}`)).code, 'no-such-operation');
    assert.equal((await mm.refused(404, 'POST', `/operations/${id}/cancel`)).code, 'no-such-operation');
    assert.deepEqual(await mm.ok('GET', '/operations'), { operations: [] });
    assert.equal((await jbond.ok<ServerDetail>('GET', '/servers/0')).server.status, 'running');
  });

  test('a grant makes it visible as far as it goes, and taken back it is invisible again', async () => {
    const subject = { kind: 'person', name: 'mm' };
    const { grant } = await jbond.ok<{ readonly grant: { readonly id: string } }>('POST', '/grants', {
      subject,
      target: { kind: 'server', id: 0 },
      right: 'read',
    });
    assert.equal((await mm.ok<ServerDetail>('GET', '/servers/0')).server.right, 'read');
    assert.equal((await mm.refused(403, 'POST', '/servers/0/stop')).code, 'not-allowed');
    assert.equal((await mm.ok<{ readonly grants: readonly object[] }>('GET', '/grants')).grants.length, 1);
    await jbond.ok('DELETE', `/grants/${grant.id}`);
    assert.equal((await mm.refused(404, 'GET', '/servers/0')).code, 'no-such-server');
  });

  test('keys and tokens are managed by their person, and nobody else', async () => {
    const { publicKey } = await testKey(installation);
    const { keys } = await jbond.ok<{ readonly keys: readonly { readonly fingerprint: string }[] }>('POST', '/people/jbond007/keys', {
      text: publicKey,
    });
    const path = `/people/jbond007/keys/${encodeURIComponent(keys[0]?.fingerprint ?? '')}`;
    assert.equal((await mm.refused(403, 'DELETE', path)).code, 'not-allowed');
    assert.equal((await mm.refused(403, 'GET', '/people/jbond007/keys')).code, 'not-allowed');
    assert.equal((await jbond.ok<{ readonly keys: readonly object[] }>('GET', '/people/jbond007/keys')).keys.length, 1);
    await jbond.ok('DELETE', path);
    const extra = await signedIn(installation, 'jbond007', password('jbond007'), asked);
    const { tokens } = await extra.ok<{ readonly tokens: readonly { readonly id: string; readonly current: boolean }[] }>('GET', '/tokens');
    const current = tokens.find((token) => token.current)?.id ?? '';
    assert.equal((await mm.refused(404, 'DELETE', `/tokens/${current}`)).code, 'no-such-token');
    const renewed = await extra.ok<{ readonly id: string; readonly token: string }>('POST', '/tokens/current/renewal', {});
    assert.equal(renewed.id, current);
    const again = callerOf(installation, ['-H', `Authorization: Bearer ${renewed.token}`], asked);
    assert.match((await again.ok<{ readonly ticket: string }>('POST', '/servers/0/terminal', {})).ticket, /^[\w-]{32}$/u);
    await jbond.ok('DELETE', `/tokens/${current}`);
    assert.equal((await extra.refused(401, 'GET', '/me')).code, 'not-signed-in');
  });

  test('what is for administrators alone is refused to a person, and seen to be refused in the audit', async () => {
    const calls: readonly (readonly [string, string, object?])[] = [
      ['POST', '/people', { name: 'q' }],
      ['PATCH', '/people/mm', { role: 'administrator' }],
      ['DELETE', '/people/mm'],
      ['POST', '/groups', { name: 'web2026' }],
      ['DELETE', '/groups/web2026'],
      ['POST', '/images/build', { system: 'debian12', type: 'minimal' }],
      ['POST', '/images/import', { system: 'debian12', type: 'lab', remote: 'images:debian/12' }],
      ['DELETE', '/images/debian12/minimal'],
      ['GET', '/doctor'],
      ['POST', '/doctor/instance-unknown%3As1-0/discard', {}],
      ['GET', '/plan/check'],
    ];
    for (const [method, path, body] of calls) {
      const { code } = await jbond.refused(403, method, path, body === undefined ? {} : { body });
      assert.equal(code, 'not-allowed', `${method} ${path}`);
    }
    const { lines } = await jbond.ok<{ readonly lines: readonly { readonly allowed: boolean; readonly deed: string }[] }>('GET', '/audit');
    assert.ok(lines.some(({ allowed, deed }) => !allowed && deed === 'removePerson'));
  });

  test('groups are made by an administrator and looked after by who leads them', async () => {
    await root.ok('POST', '/groups', { name: 'web2026' });
    await root.ok('PUT', '/groups/web2026/members/jbond007', { isLeader: true });
    await jbond.ok('PUT', '/groups/web2026/members/mm', {});
    const { groups } = await mm.ok<{ readonly groups: readonly { readonly name: string; readonly members: readonly object[] }[] }>(
      'GET',
      '/groups',
    );
    assert.deepEqual(
      groups.map(({ name, members }) => [name, members.length]),
      [['web2026', 2]],
    );
    assert.equal((await mm.refused(403, 'DELETE', '/groups/web2026/members/jbond007')).code, 'not-allowed');
    await jbond.ok('DELETE', '/groups/web2026/members/mm');
  });

  test('images, plan and people can be looked at', async () => {
    const { images } = await jbond.ok<{ readonly images: readonly { readonly reference: string }[] }>('GET', '/images');
    assert.deepEqual(
      images.map(({ reference }) => reference),
      ['debian12/minimal'],
    );
    assert.equal((await jbond.ok<{ readonly publicHost: string }>('GET', '/plan')).publicHost, installation.engine.publicAddress);
    const { people } = await jbond.ok<{ readonly people: readonly { readonly name: string }[] }>('GET', '/people');
    assert.deepEqual(
      people.map(({ name }) => name),
      ['jbond007'],
    );
  });

  test('host keys are told to everybody; sessions and recordings to whom they concern; a backup to root alone', async () => {
    const { hostKeys } = await jbond.ok<{ readonly hostKeys: readonly { readonly serverId: number | null }[] }>('GET', '/host-keys');
    assert.ok(hostKeys.some(({ serverId }) => serverId === 0));
    assert.deepEqual(await jbond.ok('GET', '/sessions'), { sessions: [] });
    assert.equal((await jbond.refused(404, 'DELETE', '/sessions/1f0c9a2b')).code, 'not-found');
    assert.deepEqual(await jbond.ok('GET', '/recordings'), { recordings: [] });
    for (const method of ['GET', 'DELETE']) assert.equal((await jbond.refused(400, method, '/recordings/nothing')).code, 'bad-request');
    assert.equal((await jbond.refused(403, 'POST', '/backup', { body: { path: '/tmp/x' } })).code, 'not-allowed');
  });

  test('links and domains of a server: asked for, listed and taken back', async () => {
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    assert.equal((await jbond.refused(501, 'POST', '/servers/0/links', { body: { door: 'usr', expiresAt } })).code, 'cannot-here');
    assert.deepEqual(await jbond.ok('GET', '/links'), { links: [] });
    assert.equal((await jbond.refused(404, 'DELETE', '/links/nothing')).code, 'not-found');
    const { domain } = await jbond.ok<{ readonly domain: { readonly isProven: boolean } }>('POST', '/servers/0/domains', {
      name: 'own.example.com',
      door: 'www',
    });
    assert.equal(domain.isProven, false);
    assert.equal((await jbond.ok<{ readonly domains: readonly unknown[] }>('GET', '/domains')).domains.length, 1);
    assert.equal((await jbond.refused(501, 'POST', '/domains/own.example.com/check')).code, 'cannot-here', 'there is no DNS here');
    await jbond.ok('DELETE', '/domains/own.example.com');
  });

  suite('bad input', () => {
    test('a body of 10 MB is refused, and the API goes on', async () => {
      const body = Buffer.from(JSON.stringify({ notes: 'x'.repeat(10_000_000) }));
      const { code, message } = await jbond.refused(413, 'POST', '/servers', { body });
      assert.equal(code, 'body-too-large');
      assert.match(message, /1 MiB/u);
      await jbond.ok('GET', '/servers');
    });

    const bodies: readonly (readonly [string, Uint8Array])[] = [
      ['invalid UTF-8', Buffer.concat([Buffer.from('{"notes":"'), Buffer.from([0xc3, 0x28, 0xff]), Buffer.from('"}')])],
      ['half a JSON text', Buffer.from('{"notes":')],
      ['a field that does not exist', Buffer.from('{"memorybytes":5}')],
      ['text for a number', Buffer.from('{"cpus":"2"}')],
      ['a NUL byte in the notes', Buffer.from(String.raw`{"notes":"a\u0000b"}`)],
    ];
    for (const [what, body] of bodies) {
      test(`${what} is a bad request with a sentence`, async () => {
        const { code, message } = await jbond.refused(400, 'POST', '/servers', { body });
        assert.equal(code, 'bad-request');
        assert.match(message, /\w+ \w+/u);
      });
    }

    test('nothing half-made is left of all that', async () => {
      const { servers } = await jbond.ok<{ readonly servers: readonly ServerView[] }>('GET', '/servers');
      assert.deepEqual(
        servers.map(({ id }) => id),
        [0],
      );
    });
  });

  test('OpenAPI is served, and this file has asked every call that it lists', async () => {
    const document = await callerOf(installation, []).ok<OpenApi>('GET', '/openapi.json');
    assert.match(document.openapi, /^3\.1\./u);
    const patterns = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => {
        const shape = path.replace(/^\/api\/v1/u, '').replaceAll(/\{\w+\}/gu, '[^/]+');
        return { method: method.toUpperCase(), path, pattern: new RegExp(`^${method.toUpperCase()} ${shape}$`, 'u') };
      }),
    );
    assert.ok(patterns.length > 30, `only ${patterns.length} calls are listed`);
    const missing = patterns.filter(({ pattern }) => ![...asked].some((call) => pattern.test(call)));
    assert.deepEqual(
      missing.map(({ method, path }) => `${method} ${path}`),
      [],
    );
  });

  test('drop gives the ID back and ends what was granted with it', async () => {
    await jbond.done((await jbond.ok<Begun>('DELETE', `/servers/0?generation=${server.generation}`)).operation);
    assert.deepEqual(await jbond.ok('GET', '/servers'), { servers: [] });
    assert.equal((await jbond.refused(404, 'GET', '/servers/0')).code, 'no-such-server');
  });

  test('a wrong password 20 times is answered with 429, a sentence and the time to wait; others go on', async () => {
    const urls = Array.from({ length: 20 }, () => ['-o', '/dev/null', `${localUrl}/api/v1/me`]).flat();
    const ran = await installation.run('host', ['curl', '-sS', '-u', 'mm:wrong', '-w', String.raw`%{http_code}\n`, ...urls]);
    const codes = ran.stdout.trim().split('\n');
    assert.equal(codes[0], '401');
    assert.equal(codes.at(-1), '429');
    const { code, message } = await callerOf(installation, ['-u', `mm:${password('mm')}`]).refused(429, 'GET', '/me');
    assert.equal(code, 'too-many-tries');
    assert.match(message, /try again in \d+ s/u);
    await mm.ok('GET', '/me');
    assert.equal((await callerOf(installation, ['-u', `jbond007:${password('jbond007')}`]).ask('GET', '/me')).status, 200);
  });
});

interface OpenApi {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, object>>>>;
}

async function testKey(installation: TestInstallation): Promise<{ readonly publicKey: string }> {
  const file = join(installation.engine.dir, 'rest-key');
  await runProcess(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', file]);
  return { publicKey: (await runProcess(['cat', `${file}.pub`])).stdout };
}

interface Listener {
  until(isSo: (events: readonly EventView[], text: string) => boolean): Promise<void>;
  /** All that was heard. */
  end(): readonly EventView[];
}

function listen(installation: TestInstallation, credential: readonly string[]): Listener {
  const [program = '', ...args] = installation.engine.enter;
  const words = ['-sSNi', '--max-time', '60', ...credential, `${localUrl}/api/v1/events`];
  const child = spawn(program, [...args, 'curl', ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  const heard = () =>
    text
      .split('\n\n')
      .slice(0, -1)
      .flatMap((block) => {
        const data = /^data: (.*)$/mu.exec(block)?.[1];
        return data === undefined ? [] : [JSON.parse(data) as EventView];
      });
  return {
    async until(isSo) {
      while (!isSo(heard(), text)) await once(child.stdout, 'data', { signal: AbortSignal.timeout(20_000) });
    },
    end() {
      child.kill();
      return heard();
    },
  };
}
