/** A gateway that a stranger has taken over speaks to control directly: it can pass on proofs that people gave it, once, and pose as nobody. */
import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { suite, test } from 'node:test';
import { Secret } from '../../base/secret.ts';
import type { Input } from '../../contract/route.ts';
import type { InternalRoutes } from '../../contract/internal.ts';
import { parseGroupName, parsePersonName } from '../../core/names.ts';
import { passwordOf } from '../../rest/api-room.testing.ts';
import { rootCaller } from '../../testing/control-room.ts';
import { hashPassword } from '../people/password-hash.ts';
import { giveKey, makeSigner, makeStrangeGateway, type Signer, type StrangeGateway, userauthRequest } from './strange-gateway.testing.ts';

type KeyBody = Input<InternalRoutes['signInByKey']>['body'];
const fromAddress = '203.0.113.9';

function offer(signer: Signer, person: string | null, change: Partial<KeyBody> = {}): { readonly body: KeyBody } {
  const proof = person === null ? null : signer.proof(person);
  return { body: { person, mayBeServer: person !== null, fromAddress, algorithm: 'ssh-ed25519', key: signer.key, proof, ...change } };
}

async function signIn({ link }: StrangeGateway, signer: Signer, person: string): Promise<string> {
  const answer = await link.call('signInByKey', offer(signer, person));
  assert.equal(answer.kind, 'signed-in');
  return answer.kind === 'signed-in' ? answer.session.credential : '';
}

async function withAda(options: Parameters<typeof makeStrangeGateway>[0] = {}) {
  const strange = await makeStrangeGateway(options);
  for (const name of ['ada', 'eve']) await strange.room.addPerson(name);
  const [ada, eve] = [makeSigner(), makeSigner()];
  await giveKey(strange, 'ada', ada);
  await giveKey(strange, 'eve', eve);
  return { strange, link: strange.link, ada, eve, store: strange.room.room.store };
}

async function makeServer({ room }: StrangeGateway, owner: string): Promise<{ readonly id: number; readonly generation: string }> {
  const { control } = room.room;
  const created = await control.servers.create(await room.room.as(owner), {});
  const id = created.servers[0]?.record.id ?? -1;
  for (let each = 0; each < 500; each += 1) {
    const { record } = await control.servers.get(rootCaller, id);
    if (record.wanted === 'running') return { id, generation: record.generation };
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('the server does not come up');
}

async function gatewayKeyFor(link: StrangeGateway['link'], credential: string, id: number): Promise<Buffer> {
  const { gatewayKey } = await link.call('place', { body: { credential, server: String(id) } });
  return Buffer.from(gatewayKey?.split(' ')[1] ?? '', 'base64');
}

suite('credentials', () => {
  test('one that was altered, cut, signed with another secret or made up opens nothing', async () => {
    const { strange, link, ada } = await withAda();
    await using _strange = strange;
    const good = await signIn(strange, ada, 'ada');
    const [body = '', mac = ''] = good.slice('mygw_'.length).split('.');
    const statement = JSON.parse(Buffer.from(body, 'base64url').toString()) as Record<string, unknown>;
    const asEve = Buffer.from(JSON.stringify({ ...statement, person: 'eve' })).toString('base64url');
    const own = createHmac('sha256', randomBytes(32)).update(asEve).digest('base64url');
    const flipped = `${mac.startsWith('A') ? 'B' : 'A'}${mac.slice(1)}`;
    for (const credential of [
      `mygw_${asEve}.${mac}`,
      `mygw_${asEve}.${own}`,
      `mygw_${asEve}.`,
      `mygw_${asEve}`,
      `mygw_${body}.${flipped}`,
      good.slice(0, -1),
      good.replace('mygw_', 'mys_'),
      '',
      'mygw_.',
      'mygw_e30.e30',
    ]) {
      await assert.rejects(link.call('place', { body: { credential, server: '0' } }), { code: 'not-signed-in' }, credential);
      await assert.rejects(link.clientFor(credential).call('listServers', { query: {} }), { code: 'not-signed-in' }, credential);
    }
    await assert.rejects(link.call('place', { body: { credential: good, server: '0' } }), { code: 'no-such-server' });
  });

  test('it is worth nothing any more at once when the person is disabled, the key removed or the password changed', async () => {
    const { strange, link, ada, store } = await withAda();
    await using _strange = strange;
    const name = parsePersonName('ada');
    const byKey = await signIn(strange, ada, 'ada');
    const { session } = await link.call('signInByPassword', { body: { person: 'ada', password: passwordOf('ada'), fromAddress } });
    const counts = async (credential: string) =>
      await link
        .clientFor(credential)
        .call('listServers', { query: {} })
        .then(
          () => true,
          (error: unknown) => !(error instanceof Error && 'code' in error && error.code === 'not-signed-in'),
        );
    const both = async () => [await counts(byKey), await counts(session.credential)];
    assert.deepEqual(await both(), [true, true]);
    await store.people.update(name, { disabled: true });
    assert.deepEqual(await both(), [false, false]);
    await store.people.update(name, { disabled: false });
    assert.deepEqual(await both(), [true, true]);
    await store.people.setPassword(name, await hashPassword(new Secret('another one, and longer')), { mustChange: false });
    assert.deepEqual(await both(), [true, false]);
    await store.personKeys.remove(name, ada.fingerprint);
    assert.deepEqual(await both(), [false, false]);
  });

  test('a live session whose credential is worth nothing, or another’s server, is told to end', async () => {
    const { strange, link, ada, eve, store } = await withAda();
    await using _strange = strange;
    const { generation } = await makeServer(strange, 'ada');
    const [adas, eves] = [await signIn(strange, ada, 'ada'), await signIn(strange, eve, 'eve')];
    const line = { kind: 'shell', detail: '', sinceMs: 1, bytesIn: 0, bytesOut: 0, generation };
    const sessions = [
      { ...line, id: 'a', credential: adas },
      { ...line, id: 'b', credential: eves },
      { ...line, id: 'c', credential: 'mygw_made.up' },
    ];
    const ends = async () =>
      (await link.call('live', { params: { worker: 'w' }, body: { sessions, bastion: null } })).end.map(({ id }) => id);
    assert.deepEqual(await ends(), ['b', 'c']);
    await store.personKeys.remove(parsePersonName('ada'), ada.fingerprint);
    assert.deepEqual(await ends(), ['a', 'b', 'c']);
  });

  test('a live forward to a listed destination is told to end when the person is in none of its groups any more, or it is listed no more', async () => {
    const [group, person] = [parseGroupName('intranet'), parsePersonName('ada')];
    const page = { address: '198.51.100.7', port: 8088, names: ['intranet.example'] };
    const { strange, link, ada, store } = await withAda({ destinations: [{ ...page, group }] });
    await using _strange = strange;
    const credential = await signIn(strange, ada, 'ada');
    const line = { credential, kind: 'forward', generation: null, detail: '', sinceMs: 1, bytesIn: 0, bytesOut: 0 };
    const sessions = [
      { ...line, id: 'listed', listed: { address: page.address, port: page.port } },
      { ...line, id: 'other port', listed: { address: page.address, port: 8089 } },
      { ...line, id: 'other address', listed: { address: '198.51.100.8', port: page.port } },
      { ...line, id: 'lobby' },
    ];
    const ends = async () => (await link.call('live', { params: { worker: 'w' }, body: { sessions, bastion: null } })).end;
    const ids = async () => (await ends()).map(({ id }) => id);
    assert.deepEqual(await ids(), ['listed', 'other port', 'other address']);
    await store.groups.add({ name: group, description: '' });
    await store.groups.setMember({ group, person, isLeader: false });
    assert.deepEqual(await ids(), ['other port', 'other address']);
    await store.groups.removeMember(group, person);
    assert.deepEqual(await ids(), ['listed', 'other port', 'other address']);
    assert.match((await ends())[0]?.reason ?? '', /may not reach 198\.51\.100\.7:8088 .* any more/u);
  });
});

suite('sign-in by key', () => {
  test('a proof is taken once: the same session a second time is refused, for whoever and with whatever key', async () => {
    const { strange, link, ada, store } = await withAda();
    await using _strange = strange;
    const seen = offer(ada, 'ada');
    assert.equal((await link.call('signInByKey', seen)).kind, 'signed-in');
    await assert.rejects(link.call('signInByKey', seen), { code: 'not-signed-in' });
    const second = makeSigner();
    await giveKey(strange, 'ada', second);
    const sessionId = randomBytes(32);
    assert.equal((await link.call('signInByKey', offer(second, 'ada', { proof: second.proof('ada', { sessionId }) }))).kind, 'signed-in');
    await assert.rejects(link.call('signInByKey', offer(ada, 'ada', { proof: ada.proof('ada', { sessionId }) })), {
      code: 'not-signed-in',
    });
    const both = await Promise.allSettled(
      [1, 2, 3].map(
        async () => await link.call('signInByKey', offer(ada, 'ada', { proof: ada.proof('ada', { sessionId: Buffer.alloc(32, 7) }) })),
      ),
    );
    assert.equal(both.filter(({ status }) => status === 'fulfilled').length, 1, 'at the same moment, too');
    const lines = await store.audit.list({ person: parsePersonName('ada'), deed: 'sign-in', allowed: false });
    assert.ok(lines.some(({ detail }) => detail.includes('second time')));
  });

  test('the key of one is not good for the name of another, and a signature for one name not for another', async () => {
    const { strange, link, ada, eve } = await withAda();
    await using _strange = strange;
    const refused = { code: 'not-signed-in' };
    // Not as a server's name either: `ada+0` names the person for good.
    const notServer = { mayBeServer: false };
    await assert.rejects(link.call('signInByKey', offer(eve, 'ada', { ...notServer, proof: eve.proof('ada+0') })), refused);
    await assert.rejects(link.call('signInByKey', offer(eve, 'ada', { ...notServer, proof: null })), refused);
    await assert.rejects(link.call('signInByKey', offer(ada, 'ada', { proof: ada.proof('eve') })), refused);
    await assert.rejects(link.call('signInByKey', offer(ada, 'ada', { ...notServer, proof: ada.proof('eve+0') })), refused);
    await assert.rejects(link.call('signInByKey', offer(ada, 'ada', { ...notServer, proof: ada.proof('ada') })), refused);
    await assert.rejects(link.call('signInByKey', offer(ada, null, { mayBeServer: false, proof: ada.proof('ada') })), refused);
    // A bare name that is not the key's owner's is a server's: it is eve who comes in, never ada.
    const answer = await link.call('signInByKey', offer(eve, 'ada'));
    assert.equal(answer.kind === 'signed-in' && answer.session.person, 'eve');
  });

  test('what was signed otherwise, by another key, or is no login at all, is refused', async () => {
    const { strange, link, ada, eve } = await withAda();
    await using _strange = strange;
    const blob = Buffer.from(ada.key, 'base64');
    const good = ada.proof('ada');
    const flipped = Buffer.from(good.signature, 'base64');
    flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1;
    const code = (one: string) => ({ code: one });
    for (const [why, proof, expected] of [
      ['a flipped bit', { ...good, signature: flipped.toString('base64') }, 'not-signed-in'],
      ['eve’s signature', { ...good, signature: eve.proof('ada').signature }, 'not-signed-in'],
      ['eve’s login', eve.proof('ada'), 'bad-request'],
      ['another service', ada.proof('ada', { service: 'ssh-userauth' }), 'bad-request'],
      ['host-based', ada.proof('ada', { method: 'hostbased' }), 'bad-request'],
      ['another message', ada.proof('ada', { messageNumber: 51 }), 'bad-request'],
      ['more behind it', ada.proof('ada', { after: Buffer.from('x') }), 'bad-request'],
      ['a short session', ada.proof('ada', { sessionId: randomBytes(8) }), 'bad-request'],
      ['nothing', { signedData: '', signature: '' }, 'bad-request'],
    ] as const)
      await assert.rejects(link.call('signInByKey', offer(ada, 'ada', { proof })), code(expected), why);
    // `would-do` is no sign-in: there is no credential in it.
    assert.deepEqual(await link.call('signInByKey', offer(ada, 'ada', { proof: null })), { kind: 'would-do' });
    assert.equal(userauthRequest('ada', { key: blob })[36], 50);
  });

  test('a certificate counts nowhere while no authority is configured', async () => {
    const { strange, link, ada } = await withAda();
    await using _strange = strange;
    const algorithm = 'ssh-ed25519-cert-v01@openssh.com';
    const proof = ada.proof('ada', { algorithm });
    for (const given of [null, proof])
      await assert.rejects(link.call('signInByKey', offer(ada, 'ada', { algorithm, proof: given })), { code: 'not-signed-in' });
  });

  test('unknown person, wrong key and disabled person are answered alike before the signature', async () => {
    const { strange, link, store } = await withAda();
    await using _strange = strange;
    await store.people.update(parsePersonName('eve'), { disabled: true });
    const told = await Promise.all(
      ['ada', 'eve', 'nobody-here'].map(
        async (person) => await link.call('signInByKey', offer(makeSigner(), person, { proof: null })).catch((error: unknown) => error),
      ),
    );
    const texts = told.map((error) => (error instanceof Error ? error.message : 'let in'));
    assert.deepEqual(new Set(texts).size, 1, texts.join('\n'));
  });

  test('a key of two people names neither to somebody who has shown no signature', async () => {
    const { strange, link, ada } = await withAda();
    await using _strange = strange;
    await giveKey(strange, 'eve', ada);
    const body = { ...offer(ada, null).body, proof: null };
    await assert.rejects(
      link.call('signInByKey', { body }),
      (error: Error) => !/ada|eve/u.test(error.message) && /say who you are/u.test(error.message),
    );
  });
});

suite('signing into servers', () => {
  test('only for a server that this person may enter, its own first user, and nothing but a login with the gateway’s key for that server', async () => {
    const { strange, link, ada, eve } = await withAda();
    await using _strange = strange;
    const [{ id, generation }, other] = [await makeServer(strange, 'ada'), await makeServer(strange, 'ada')];
    const [adas, eves] = [await signIn(strange, ada, 'ada'), await signIn(strange, eve, 'eve')];
    const key = await gatewayKeyFor(link, adas, id);
    const sign = async (credential: string, signedData: Buffer, of = generation) =>
      await link.call('sign', { body: { credential, generation: of, signedData: signedData.toString('base64') } });
    const login = userauthRequest('ada', { key });
    assert.match((await sign(adas, login)).signature, /^[\w+/=]+$/u);
    await assert.rejects(sign(eves, login), { code: 'no-such-server' });
    await assert.rejects(sign('mygw_made.up', login), { code: 'not-signed-in' });
    await assert.rejects(sign(adas, login, '0f3cfd5f-5d6f-4f0e-9f64-7c7b8e9d2a11'), { code: 'no-such-server' });
    for (const [why, data] of [
      ['root', userauthRequest('root', { key })],
      ['eve', userauthRequest('eve', { key })],
      ['another key', userauthRequest('ada', { key: Buffer.from(ada.key, 'base64') })],
      ['a key of another server', userauthRequest('ada', { key: await gatewayKeyFor(link, adas, other.id) })],
      ['more behind it', userauthRequest('ada', { key, after: Buffer.from('x') })],
      ['a file', Buffer.from('SSHSIG\0\0\0\u0004file')],
      ['a random text', randomBytes(200)],
      ['nothing', Buffer.alloc(0)],
    ] as const)
      await assert.rejects(sign(adas, data), { code: 'bad-request' }, why);
  });
});

suite('the doors', () => {
  test('internal calls are not there on the local door nor on root’s, and REST over the gateway’s wants a credential', async () => {
    const { strange } = await withAda();
    await using _strange = strange;
    const { room, raw } = strange;
    for (const path of ['hello', 'sign-ins/key', 'sign-ins/password', 'places', 'signatures', 'reports', 'gateway-key']) {
      const sent = { method: path === 'gateway-key' ? 'GET' : 'POST', body: {}, as: 'ada' };
      assert.equal((await room.call(`/internal/v1/${path}`, sent)).status, 404, path);
      assert.equal((await room.asRoot(`/internal/v1/${path}`, { method: sent.method, body: {} })).status, 404, path);
    }
    for (const headers of [
      {},
      { authorization: `Basic ${Buffer.from(`ada:${passwordOf('ada')}`).toString('base64')}` },
      { authorization: 'Bearer mys_x' },
    ])
      assert.equal(await raw('/api/v1/servers', { method: 'GET', headers }), 401);
    assert.equal(await raw('/api/v1/people', { method: 'POST', body: '{"name":"mallory","role":"administrator"}' }), 401);
  });

  test('no token is made over the gateway’s door: not with a credential, not with the password that a person typed, not with both', async () => {
    const { strange, link, ada, store } = await withAda();
    await using _strange = strange;
    const person = { person: 'ada', password: passwordOf('ada') };
    const byKey = await signIn(strange, ada, 'ada');
    const byPassword = (await link.call('signInByPassword', { body: { ...person, fromAddress } })).session.credential;
    for (const credential of [byKey, byPassword])
      await assert.rejects(
        link.clientFor(credential).call('login', { body: person }),
        (error: Error) =>
          'code' in error && error.code === 'not-allowed' && error.message.includes('"myserver login URL" on a machine of your own'),
      );
    for (const authorization of [undefined, 'Bearer mygw_made.up', `Basic ${Buffer.from(`ada:${passwordOf('ada')}`).toString('base64')}`])
      assert.equal(
        await strange.raw('/api/v1/tokens', {
          headers: authorization === undefined ? {} : { authorization },
          body: JSON.stringify(person),
        }),
        401,
      );
    assert.deepEqual(await store.tokens.list(parsePersonName('ada')), []);
    const refusals = await store.audit.list({ person: parsePersonName('ada'), deed: 'login', allowed: false });
    assert.deepEqual(
      refusals.map(({ fromAddress: from, via }) => [from, via]),
      [
        [fromAddress, 'ssh'],
        [fromAddress, 'ssh'],
      ],
    );
    assert.equal((await strange.room.call('/api/v1/tokens', { method: 'POST', body: person })).status, 201, 'at the door that is for it');
  });

  test('oversized and malformed bodies are refused, and control goes on', async () => {
    const { strange, link } = await withAda();
    await using _strange = strange;
    const { raw } = strange;
    const good = { person: 'ada', mayBeServer: true, fromAddress, algorithm: 'ssh-ed25519', key: '', proof: null };
    for (const body of [
      '',
      '{',
      'null',
      '[]',
      '"x"',
      JSON.stringify({ ...good, key: 'A'.repeat(24_001) }),
      JSON.stringify({ ...good, key: '!!' }),
      JSON.stringify({ ...good, more: 1 }),
      JSON.stringify({ ...good, person: 'x'.repeat(65) }),
      JSON.stringify({ ...good, fromAddress: 'x'.repeat(65) }),
      JSON.stringify({ ...good, fromAddress: 'not an address\n' }),
      JSON.stringify({ ...good, __proto__: { person: 'root' }, constructor: 1 }),
      `${'['.repeat(100_000)}${']'.repeat(100_000)}`,
    ])
      assert.equal(await raw('/internal/v1/sign-ins/key', { body }), 400, body.slice(0, 60));
    assert.equal(await raw('/internal/v1/sign-ins/key', { body: 'x'.repeat(40 * 2 ** 20) }).catch(() => 413), 413);
    assert.equal((await link.call('hello')).version, 'test');
  });

  test('a worker with twenty thousand sessions is heard, for only then can what must end be told', { timeout: 60_000 }, async () => {
    const { strange, link, ada } = await withAda();
    await using _strange = strange;
    const credential = await signIn(strange, ada, 'ada');
    const sessions = Array.from({ length: 20_000 }, (_none, each) => ({
      id: String(each),
      credential: each === 19_999 ? 'mygw_made.up' : credential,
      kind: 'forward',
      generation: null,
      detail: 'd'.repeat(200),
      sinceMs: 1,
      bytesIn: 0,
      bytesOut: 0,
    }));
    const { end } = await link.call('live', { params: { worker: 'w' }, body: { sessions, bastion: null } });
    assert.deepEqual(
      end.map(({ id }) => id),
      ['19999'],
    );
    const lines = Array.from({ length: 500 }, () => ({ credential, deed: 'ssh-forward', server: null, detail: '\u0001'.repeat(500) }));
    await link.call('report', { body: { lines } });
  });
});

suite('the audit', () => {
  test('who did it is taken from the credential, and only what a gateway does can be said', async () => {
    const { strange, link, ada, store } = await withAda();
    await using _strange = strange;
    const credential = await signIn(strange, ada, 'ada');
    const line = { credential, deed: 'ssh-shell', server: null, detail: 'person: eve' };
    await link.call('report', { body: { lines: [line, { ...line, credential: 'mygw_made.up' }] } });
    assert.deepEqual(
      (await store.audit.list({ deed: 'ssh-shell' })).map(({ person }) => person),
      ['ada'],
    );
    for (const deed of ['drop', 'create', 'sign-in', 'ssh-', 'ssh-shell\n', '', 'ssh-x'.repeat(10)])
      await assert.rejects(link.call('report', { body: { lines: [{ ...line, deed }] } }), { code: 'bad-request' }, deed);
    assert.deepEqual(await store.audit.list({ deed: 'drop' }), []);
  });
});
