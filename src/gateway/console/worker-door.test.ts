import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { makeWorkerDoor } from './worker-door.ts';

/** A worker that people come to, which hands everything on by the name in the query. */
async function makeRoom() {
  await using undo = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), 'myserver-consoles-'));
  undo.defer(async () => await rm(dir, { recursive: true }));
  const [first, second] = [makeWorkerDoor(dir, 'w1'), makeWorkerDoor(dir, 'w2')];
  const heard: string[] = [];
  await second.listen({
    request(request, response, fromAddress) {
      response.writeHead(201, { 'x-told': 'yes' });
      response.write(`${request.method} ${request.url} of ${request.headers.origin} from ${fromAddress}: `);
      request.pipe(response);
    },
    connection({ request, client, first: early, fromAddress }) {
      heard.push(`${request.url} from ${fromAddress}, ${String(request.headers['x-kept'])}`);
      client.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
      client.write(early);
      client.pipe(client);
    },
  });
  undo.defer(async () => await second.close());
  const gone: string[] = [];
  const server = createServer().on('upgrade', (request: IncomingMessage, client: Socket, early: Buffer) => {
    const session = new URL(request.url ?? '/', 'http://own').searchParams.get('session') ?? '';
    const isHandedOn = first.handOn(session, { request, client, first: early, fromAddress: '192.0.2.9' }, () => {
      gone.push(session);
      client.destroy();
    });
    if (!isHandedOn) client.end('HTTP/1.1 404 Here\r\n\r\n');
  });
  server.on('request', (request: IncomingMessage, response) => {
    const name = (request.url ?? '').slice(1);
    if (!first.passOn(name, request, response, () => response.writeHead(410).end())) response.writeHead(404).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  undo.defer(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const kept = undo.move();
  return {
    dir,
    heard,
    gone,
    port,
    async ask(session: string) {
      const socket = connect(port, '127.0.0.1').setEncoding('latin1');
      let text = '';
      socket.on('data', (data: string) => void (text += data));
      const head = 'Host: own\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Kept: yes\r\nX-Myserver-Client: 203.0.113.1\r\n';
      socket.write(`GET /console/terminal?session=${session} HTTP/1.1\r\n${head}\r\nearly`);
      const closed = once(socket, 'close');
      await Promise.race([closed, once(socket, 'data').then(() => socket.write(' late'))]);
      while (!socket.destroyed && !text.endsWith('late') && !text.includes('404')) await Promise.race([once(socket, 'data'), closed]);
      socket.destroy();
      return text;
    },
    [Symbol.asyncDispose]: async () => await kept.disposeAsync(),
  };
}

suite('the door between workers', () => {
  test('a connection for another’s session is handed on whole, with the address by our word alone', async () => {
    await using room = await makeRoom();
    assert.match(await room.ask('w2-abc'), /^HTTP\/1\.1 101 [^]*early late$/u);
    assert.deepEqual(room.heard, ['/console/terminal?session=w2-abc from 192.0.2.9, yes']);
  });

  test('one’s own, and names that are none, are not handed on', async () => {
    await using room = await makeRoom();
    for (const name of ['w1-abc', 'abc', '', '..%2Fw2-abc', 'w2', 'w-1-x']) assert.match(await room.ask(name), /^HTTP\/1\.1 404/u, name);
    assert.deepEqual(room.heard, []);
  });

  test('a worker that is there no more is told of, with nothing answered yet', async () => {
    await using room = await makeRoom();
    assert.equal(await room.ask('w3-abc'), '');
    assert.deepEqual(room.gone, ['w3-abc']);
  });

  test('a request for another’s transfer is passed on with its body, and its answer comes back', async () => {
    await using room = await makeRoom();
    const put = async (name: string) =>
      await fetch(`http://127.0.0.1:${room.port}/${name}`, {
        method: 'PUT',
        body: 'the body',
        headers: { origin: 'https://own', 'x-myserver-client': '203.0.113.1' },
      });
    const answer = await put('w2-abc');
    assert.deepEqual([answer.status, answer.headers.get('x-told')], [201, 'yes']);
    assert.equal(await answer.text(), 'PUT /w2-abc of https://own from 127.0.0.1: the body');
    assert.equal((await put('w1-abc')).status, 404);
    assert.equal((await put('w3-abc')).status, 410);
  });

  test('the socket is made anew where one was left behind', async () => {
    await using room = await makeRoom();
    const again = makeWorkerDoor(room.dir, 'w2');
    await again.listen({ connection: () => {}, request: () => {} });
    assert.ok((await stat(join(room.dir, 'w2.sock'))).isSocket());
    await again.close();
  });
});
