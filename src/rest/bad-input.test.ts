import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { suite, test } from 'node:test';
import type { LogFields } from '../base/log.ts';
import { silentLog } from '../base/log.ts';
import { errorCatalogue, isErrorCode } from '../core/errors.ts';
import { type ApiRoom, basic, makeApiRoom, passwordOf } from './api-room.testing.ts';

async function nothingWasMade(world: ApiRoom): Promise<void> {
  assert.deepEqual(await world.room.store.servers.list(), []);
  assert.deepEqual(await world.room.store.operations.list(), []);
}

suite('bad input', () => {
  test('door refuses a body of 10 MB at its header, and goes on', async () => {
    await using world = await makeApiRoom();
    await world.addPerson('ada');
    const raw = JSON.stringify({ notes: 'x'.repeat(10_000_000) });
    const asked = request(`${world.url}/api/v1/servers`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': raw.length, authorization: basic('ada', passwordOf('ada')) },
    });
    asked.flushHeaders();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    assert.equal(response.statusCode, 413);
    asked.destroy();
    await nothingWasMade(world);
    assert.equal((await world.call('/api/v1/health')).status, 200);
  });

  test('door hangs up on nobody who still sends what is too large: they see why', async () => {
    await using world = await makeApiRoom();
    await world.addPerson('ada');
    const { hostname, port } = new URL(world.url);
    const socket = connect(Number(port), hostname);
    let said = '';
    socket.on('data', (piece: Buffer) => (said += String(piece))).on('error', () => {});
    const head = `Content-Type: application/json\r\nAuthorization: ${basic('ada', passwordOf('ada'))}\r\nContent-Length: 10000000`;
    socket.write(`POST /api/v1/servers HTTP/1.1\r\nHost: ${hostname}:${port}\r\n${head}\r\n\r\n`);
    for (let sent = 0; sent < 10_000_000; sent += 100_000) {
      if (!socket.write(Buffer.alloc(100_000, 'x'))) await Promise.race([once(socket, 'drain'), once(socket, 'close')]);
      assert.equal(socket.destroyed, false, `hung up on after ${sent} bytes`);
    }
    while (said === '') await once(socket, 'data');
    assert.match(said, /^HTTP\/1\.1 413 /u);
    socket.destroy();
    await nothingWasMade(world);
  });

  test('door stops reading a body of unknown length at 1 MiB', async () => {
    await using world = await makeApiRoom();
    await world.addPerson('ada');
    const asked = request(`${world.url}/api/v1/servers`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked', authorization: basic('ada', passwordOf('ada')) },
    });
    const answered = once(asked, 'response') as Promise<[IncomingMessage]>;
    // A little more than the limit, and then nothing: an answer shows that no end was waited for.
    for (let sent = 0; sent <= 2 ** 20; sent += 2 ** 16) {
      const { promise, resolve } = Promise.withResolvers<void>();
      asked.write(' '.repeat(2 ** 16), () => resolve());
      await promise;
    }
    const [response] = await answered;
    assert.equal(response.statusCode, 413);
    asked.on('error', () => {});
    asked.destroy();
    await nothingWasMade(world);
  });

  test("door does not read a stranger's body at all", async () => {
    await using world = await makeApiRoom();
    const reply = await world.call('/api/v1/servers', { raw: '{"broken' });
    assert.equal(reply.problem().code, 'not-signed-in');
  });

  const bodies: readonly (readonly [string, string | Buffer, RegExp])[] = [
    ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0x6e, 0xff, 0xfe, 0x22, 0x7d]), /not valid UTF-8/u],
    ['JSON cut short', '{"notes": "x', /not valid JSON/u],
    ['a key that would reach into prototypes', '{"__proto__": {"role": "administrator"}}', /not valid JSON/u],
    ['an array', '[]', /the body must be an object, not a list/u],
    ['null', 'null', /the body must be an object, not null/u],
    ['an unknown field', '{"colour": "red"}', /the body has "colour", which this call does not take/u],
    ['a text for a number', '{"memoryBytes": "512M"}', /"memoryBytes" in the body must be a whole number, not a text of 4 characters/u],
    ['a fraction', '{"cpus": 1.5}', /"cpus" in the body must be a whole number/u],
    ['notes too long', JSON.stringify({ notes: 'x'.repeat(501) }), /"notes" in the body is too long: at most 500/u],
    ['deep nesting', `${'['.repeat(200_000)}${']'.repeat(200_000)}`, /the body must be an object/u],
  ];
  for (const [what, raw, sentence] of bodies) {
    test(`createServers refuses ${what} with a sentence that names it`, async () => {
      await using world = await makeApiRoom();
      await world.addPerson('ada');
      const reply = await world.call('/api/v1/servers', { as: 'ada', raw });
      assert.equal(reply.status, 400, reply.text);
      assert.match(reply.problem().message, sentence);
      await nothingWasMade(world);
    });
  }

  test('createServers refuses names with shell and path characters, absurd sizes and impossible IDs, each with its own code', async () => {
    await using world = await makeApiRoom();
    await world.addPerson('ada');
    await world.addPerson('boss', { role: 'administrator' });
    const cases: readonly (readonly [object, string])[] = [
      [{ name: '$(reboot)' }, 'bad-name'],
      [{ name: '../../etc' }, 'bad-name'],
      [{ admin: 'a;rm -rf /' }, 'bad-name'],
      [{ admin: 'root' }, 'bad-name'],
      [{ owner: "o'brien" }, 'bad-name'],
      [{ system: '../debian12' }, 'bad-name'],
      [{ system: 'plan9' }, 'no-such-image'],
      [{ memoryBytes: 1 }, 'bad-size'],
      [{ memoryBytes: 2 ** 52 }, 'bad-size'],
      [{ diskBytes: -1 }, 'bad-size'],
      [{ cpus: 0 }, 'bad-size'],
      [{ id: 1000 }, 'bad-id'],
      [{ id: -1 }, 'bad-id'],
      [{ count: 6 }, 'quota-reached'],
      [{ keys: ['not a key'] }, 'bad-key'],
    ];
    for (const [body, code] of cases) {
      const reply = await world.call('/api/v1/servers', { as: 'owner' in body ? 'boss' : 'ada', body });
      assert.equal(reply.problem().code, code, `${JSON.stringify(body)}: ${reply.text}`);
      assert.ok(isErrorCode(code) && reply.status === errorCatalogue[code].httpStatus);
    }
    await nothingWasMade(world);
  });

  test("getServer takes only whole numbers for IDs: nothing else is guessed to be somebody's server", async () => {
    await using world = await makeApiRoom();
    await world.addPerson('ada');
    await world.call('/api/v1/servers', { as: 'ada', body: { id: 1 } });
    await world.call('/api/v1/servers', { as: 'ada', body: { id: 0 } });
    for (const id of ['true', '1.5', '0x1', '1e0', '%20', '-0', '-1', 'null', '99999', '%2e%2e', "1'--", '１']) {
      for (const method of ['GET', 'DELETE']) {
        const reply = await world.call(`/api/v1/servers/${encodeURIComponent(decodeURIComponent(id))}`, { as: 'ada', method });
        assert.equal(reply.problem().code, 'bad-id', `${method} ${id}: ${reply.text}`);
      }
    }
    assert.equal((await world.room.store.servers.list()).length, 2);
    assert.equal((await world.call('/api/v1/servers/001', { as: 'ada' })).status, 200);
  });

  test('door answers unknown paths, wrong methods and broken encodings in the shape of the contract', async () => {
    await using world = await makeApiRoom();
    await world.addPerson('ada');
    const cases: readonly (readonly [string, string, string])[] = [
      ['GET', '/', 'not-found'],
      ['GET', '/api/v2/servers', 'not-found'],
      ['GET', '/api/v1/servers/1/2/3', 'not-found'],
      ['PUT', '/api/v1/servers', 'wrong-method'],
      ['HEAD', '/api/v1/servers', ''],
      ['POST', '/api/v1/servers/1', 'wrong-method'],
      ['GET', '/api/v1/servers/%ff', 'bad-request'],
      ['GET', `/api/v1/people/${'a'.repeat(400)}/keys`, 'not-found'],
      ['GET', '/api/v1/operations?limit=abc', 'bad-request'],
      ['GET', '/api/v1/operations?limit=1&limit=2', 'bad-request'],
      ['GET', '/api/v1/operations?limit=100000', 'bad-request'],
    ];
    for (const [method, path, code] of cases) {
      const reply = await world.call(path, { as: 'ada', method });
      if (code === '') assert.equal(reply.status, 405);
      else assert.equal(reply.problem().code, code, `${method} ${path}: ${reply.text}`);
    }
    assert.equal((await world.call('/api/v1/servers', { as: 'ada', method: 'PUT' })).headers['allow'], 'GET, POST');
  });

  test('door answers what is no HTTP, and headers without end, and closes', async () => {
    await using world = await makeApiRoom();
    const { port } = new URL(world.url);
    for (const text of ['SSH-2.0-OpenSSH_9.2\r\n', `GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`]) {
      const socket = connect(Number(port), '127.0.0.1');
      socket.on('error', () => {});
      socket.write(text);
      let answer = '';
      socket.on('data', (chunk) => (answer += chunk.toString()));
      await once(socket, 'close');
      assert.match(answer, /^HTTP\/1\.1 400 [^]*"code":"bad-request"/u);
    }
  });

  test('login does not repeat a password in its answer, wherever it was put', async () => {
    await using world = await makeApiRoom();
    const secret = 'correct horse battery';
    for (const body of [
      { person: 5, password: secret },
      { person: 'ada', password: [secret] },
      { person: 'ada', password: 'x', label: { secret } },
    ]) {
      const reply = await world.call('/api/v1/tokens', { body });
      assert.equal(reply.status, 400);
      assert.ok(!reply.text.includes(secret), reply.text);
    }
  });

  test('answerTo tells a stranger nothing of an inner failure but a number to ask for, and the log all', async () => {
    const lines: LogFields[] = [];
    await using world = await makeApiRoom({ log: { ...silentLog, error: (fields) => lines.push(fields) } });
    await world.addPerson('ada');
    Object.assign(world.room.control.images, { list: () => Promise.reject(new Error('secret path /var/lib/x')) });
    const reply = await world.call('/api/v1/images', { as: 'ada' });
    assert.equal(reply.status, 500);
    assert.ok(!reply.text.includes('/var/lib/x'));
    const id = reply.problem().details?.['requestId'];
    const logged = lines.find(({ requestId }) => requestId === id);
    assert.match(String(logged?.['err']), /secret path/u);
  });
});
