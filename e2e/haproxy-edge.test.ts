/** HAProxy with the gateway behind it: what every edge must do, and what is its own. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { makePasses } from '../src/control/web/passes.ts';
import { keepLocalCertificate } from '../src/host/certificates/local-authority.ts';
import { runProcess } from '../src/testing/run-process.ts';
import { memoryKeyring, privatePorts } from '../src/gateway/http/conformance-private-ports.testing.ts';
import { edgeAttacks } from '../src/network/conformance-edge-attacks.testing.ts';
import { edgeByHttp2 } from '../src/network/conformance-edge-http2.testing.ts';
import { edgeConformance } from '../src/network/conformance-edge.testing.ts';
import { rogueAnswers } from '../src/network/conformance-rogue-answers.testing.ts';
import { trustedProxies } from '../src/network/conformance-trusted-proxies.testing.ts';
import { clientOf, domain, makeBackend, mirrored, routeTo, stateOf } from '../src/network/edge-room.testing.ts';
import { makeRuntime } from '../src/network/haproxy/runtime.ts';
import { lacksHaproxy, makeHaproxyRoom } from './haproxy-room.ts';

const name = 'HAProxy with the gateway behind it';

suite('HAProxy', { skip: lacksHaproxy }, () => {
  edgeConformance(name, makeHaproxyRoom);
  edgeAttacks(name, makeHaproxyRoom);
  privatePorts(name, async (desk) => await makeHaproxyRoom({ desk, hasHttps: true }));

  edgeByHttp2(
    name,
    async () => await makeHaproxyRoom({ hasHttps: true }),
    'HAProxy 2.6 ends the stream of an answer that was cut short as it ends a whole one',
  );
  rogueAnswers(name, async () => await makeHaproxyRoom({ hasHttps: true }));
  trustedProxies(name, async (trusted) => await makeHaproxyRoom({ trustedProxies: trusted }));

  test('a balancer that speaks the PROXY protocol says where a client comes from; from others it is no request', async () => {
    for (const [trusted, wanted] of [
      [['127.0.0.1'], /"x-forwarded-for","203\.0\.113\.9"/u],
      [['192.0.2.1'], /^HTTP\/1\.[01] 400 /u],
    ] as const) {
      await using room = await makeHaproxyRoom({ trustedProxies: trusted, hasProxyProtocol: true });
      await using seven = await makeBackend(7);
      await room.edge.set(stateOf(routeTo(7, seven)));
      const said = await clientOf(room.port).say(
        'PROXY TCP4 203.0.113.9 127.0.0.1 4711 80\r\nGET /www/7/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n',
      );
      assert.match(said, wanted);
    }
  });

  test('killed, it is not in step, and the next set has it again with what is open now', async () => {
    await using room = await makeHaproxyRoom();
    await using seven = await makeBackend(7);
    const state = stateOf(routeTo(7, seven));
    await room.edge.set(state);
    await room.process.stop();
    assert.equal(await room.edge.matches(state), false);
    await room.edge.set(state);
    assert.ok(await room.edge.matches(state));
    assert.equal(mirrored(await clientOf(room.port).get('/www/7/')).id, 7);
  });

  test('a map that somebody changed is seen and put right, and no reload is needed for that', async () => {
    await using room = await makeHaproxyRoom();
    await using seven = await makeBackend(7);
    await using eight = await makeBackend(8);
    const state = stateOf(routeTo(7, seven), routeTo(8, eight, { policy: 'off' }));
    await room.edge.set(state);
    const runtime = makeRuntime(room.files.adminSocket);
    const [before] = await runtime.run(['show info']);
    await runtime.run([`add map ${room.files.routes} www/8 ${eight.address}|${eight.port}|public|x|auto`]);
    assert.equal(await room.edge.matches(state), false);
    await room.edge.set(state);
    assert.ok(await room.edge.matches(state));
    assert.equal((await clientOf(room.port).get('/www/8/')).status, 403);
    const pidOf = (info = '') => /^Pid: (\d+)/mu.exec(info)?.[1];
    assert.equal(pidOf((await runtime.run(['show info']))[0]), pidOf(before));
  });

  test('one that lives on is taken over by a control that was started anew, and served all the while', async () => {
    await using room = await makeHaproxyRoom();
    await using seven = await makeBackend(7);
    const state = stateOf(routeTo(7, seven));
    await room.edge.set(state);
    const [before] = await makeRuntime(room.files.adminSocket).run(['show info']);
    const again = room.again();
    assert.ok(await again.matches(state));
    await again.set(state);
    const [after] = await makeRuntime(room.files.adminSocket).run(['show info']);
    const pidOf = (info = '') => /^Pid: (\d+)/mu.exec(info)?.[1];
    assert.equal(pidOf(after), pidOf(before));
    assert.equal(mirrored(await clientOf(room.port).get('/www/7/')).id, 7);
  });

  test('with the gateway gone, what is open goes on, passes too; what needs thought waits for it', async () => {
    await using room = await makeHaproxyRoom({ hasHttps: true });
    await using seven = await makeBackend(7);
    const dir = await mkdtemp(join(tmpdir(), 'myserver-gone-'));
    const { certificate } = await keepLocalCertificate(dir, ['host.example', `*.www.${domain}`], Date.now());
    const passes = await makePasses(memoryKeyring(), () => Date.now());
    const route = routeTo(7, seven, { policy: 'shared' });
    await room.edge.set({
      ...stateOf(route, routeTo(8, seven)),
      certificates: [certificate],
      passKey: passes.publicKey,
      stamps: [{ subject: 'ada', stamp: 'one' }],
      readers: [{ generation: route.generation, subjects: ['ada'] }],
    });
    await room.endGateway();
    assert.equal((await clientOf(room.port).get('/www/8/')).status, 200);
    const { pass } = passes.give({ subject: 'ada', stamp: 'one', generation: route.generation, door: 'www', notAfterMs: undefined });
    const visit = async (cookie: string) => {
      const words = [
        '-s',
        '--cacert',
        join(dir, 'authority.pem'),
        '--resolve',
        `7.www.${domain}:${room.ports.https}:127.0.0.1`,
        '-H',
        `Cookie: ${cookie}`,
      ];
      const asked = [...words, '-w', String.raw`\n%{http_version} %{http_code}`, `https://7.www.${domain}:${room.ports.https}/`];
      return (await runProcess(['curl', ...asked])).stdout;
    };
    assert.match(await visit(`a=1; __Host-myserver=${pass}`), /"x-myserver-person","ada"[\s\S]*"cookie","a=1"[\s\S]*\n2 200$/u);
    assert.match(await visit('__Host-myserver=x'), /\n2 503$/u);
    await rm(dir, { recursive: true });
  });

  test('certificates are exchanged, added and taken away while it runs, and each name is shown its own', async () => {
    await using room = await makeHaproxyRoom({ hasHttps: true });
    const dir = await mkdtemp(join(tmpdir(), 'myserver-exchange-'));
    const made = async (label: string, ...names: readonly string[]) =>
      (await keepLocalCertificate(join(dir, label), names, Date.now())).certificate;
    const [plain, given, renewed, own] = [
      await made('plain', 'host.example', 'www.host.example'),
      await made('given', 'host.example'),
      await made('renewed', 'host.example'),
      await made('own', 'own.example'),
    ];
    const shown = async (name: string) => {
      const words = [
        'openssl',
        's_client',
        '-connect',
        `127.0.0.1:${room.ports.https}`,
        ...(name === '' ? ['-noservername'] : ['-servername', name]),
      ];
      const { stdout } = await runProcess(words, { input: '' });
      const pem = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/u.exec(stdout)?.[0] ?? '';
      return [plain, given, renewed, own].findIndex(({ chain }) => chain.includes(pem) && pem !== '');
    };
    const set = async (...certificates: readonly (typeof plain)[]) => await room.edge.set({ ...stateOf(), certificates });
    await set(plain);
    const [before] = await makeRuntime(room.files.adminSocket).run(['show info']);
    assert.deepEqual([await shown('host.example'), await shown('')], [0, 0]);
    await set(given, plain);
    assert.deepEqual([await shown('host.example'), await shown('www.host.example'), await shown('')], [1, 0, 1]);
    await set(renewed, plain, own);
    assert.deepEqual([await shown('host.example'), await shown('www.host.example'), await shown('own.example')], [2, 0, 3]);
    await set(renewed, own);
    assert.deepEqual([await shown('www.host.example'), await shown('own.example')], [2, 3]);
    await set(plain);
    assert.deepEqual([await shown('own.example'), await shown('www.host.example')], [0, 0]);
    const pidOf = (info = '') => /^Pid: (\d+)/mu.exec(info)?.[1];
    assert.equal(pidOf((await makeRuntime(room.files.adminSocket).run(['show info']))[0]), pidOf(before), 'it was never started anew');
    await rm(dir, { recursive: true });
  });

  test('attack: a value in the map that is no address of a server leads nowhere', async () => {
    await using room = await makeHaproxyRoom();
    await room.edge.set(stateOf());
    const runtime = makeRuntime(room.files.adminSocket);
    for (const value of [
      '|80|public|x|auto',
      'localhost|80|public|x|auto',
      '127.0.0.1|80|public|x|auto',
      '127.0.9.7||public|x|auto',
      '127.0.9.7|0|public|x|auto',
      '[::1]|80|public|x|auto',
      'x',
    ]) {
      await runtime.run([`clear map ${room.files.routes}`, `add map ${room.files.routes} www/7 ${value}`]);
      // It is nobody's, as the gateway knows.
      assert.equal((await clientOf(room.port).get('/www/7/')).status, 404, value);
    }
  });
});
