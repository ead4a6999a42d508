/** Through control's socket for the gateway, as the gateway asks. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, suite, test } from 'node:test';
import { Secret } from '../../base/secret.ts';
import { parsePersonName } from '../../core/names.ts';
import { makeVisitors, type PassClaims } from '../../core/web-pass.ts';
import { parseGeneration } from '../../core/ids.ts';
import { passwordOf } from '../../rest/api-room.testing.ts';
import { rootCaller } from '../../testing/control-room.ts';
import { hashPassword } from '../people/password-hash.ts';
import { makeStrangeGateway, type StrangeGateway } from '../gateway/strange-gateway.testing.ts';

const fromAddress = '203.0.113.9';
const id = 3;

suite('the web’s desk', () => {
  let strange: StrangeGateway;
  let generation: string;
  const control = () => strange.room.room.control;
  const store = () => strange.room.room.store;
  const password = passwordOf;

  before(async () => {
    strange = await makeStrangeGateway();
    for (const name of ['ada', 'bob', 'eve']) await strange.room.addPerson(name);
    const ada = await strange.room.room.as('ada');
    const { operations } = await control().servers.create(ada, { id });
    await control().operations.wait(ada, operations[0]?.id ?? '', 10_000);
    generation = (await control().servers.get(ada, id)).record.generation;
    const grant = { subject: { kind: 'person', name: 'bob' }, target: { kind: 'server', id }, right: 'read' } as const;
    await strange.room.people.grants.add(ada, grant);
  });
  after(() => strange[Symbol.asyncDispose]());
  beforeEach(async () => {
    await control().servers.change(rootCaller, id, { ports: { usr: 'shared' } });
  });

  const signIn = async (person: string, change: object = {}) =>
    (
      await strange.link.call('webSignIn', {
        body: { person, password: password(person), fromAddress, generation, door: 'usr', ...change },
      })
    ).ticket;
  const enter = async (ticket: string, change: object = {}) =>
    await strange.link.call('webEnter', { body: { ticket, fromAddress, generation, door: 'usr', ...change } });
  const claimsOf = (pass: string) => JSON.parse(Buffer.from(pass.split('.')[1] ?? '', 'base64url').toString()) as PassClaims;
  /** As the gateway would decide by what it knows now. */
  async function isLetIn(claims: PassClaims): Promise<boolean> {
    await control().web.settle();
    const state = control().web.state();
    const route = state.routes.find(({ generation: of, door }) => of === claims.gen && door === claims.door);
    return route !== undefined && makeVisitors(state).mayVisit(route, claims);
  }

  test('the owner and who has the right "read" get a ticket, and for it one pass', async () => {
    for (const person of ['ada', 'bob']) {
      const ticket = await signIn(person);
      const { pass, seconds } = await enter(ticket);
      const claims = claimsOf(pass);
      assert.deepEqual([claims.sub, claims.gen, claims.door, seconds], [person, generation, 'usr', 12 * 3600]);
      assert.ok(await isLetIn(claims));
      await assert.rejects(enter(ticket), { code: 'not-signed-in' });
    }
  });

  test('a stranger learns the same of a port that is not for them, one that is off and one that is not there', async () => {
    const refusal = { code: 'not-allowed', message: /you may not visit this page/u };
    await assert.rejects(signIn('eve'), refusal);
    await control().servers.change(rootCaller, id, { ports: { usr: 'off' } });
    await assert.rejects(signIn('ada'), refusal);
    await assert.rejects(signIn('eve', { generation: '99999999-9999-4999-8999-999999999999' }), refusal);
    const lines = await store().audit.list({});
    assert.ok(lines.some(({ person, deed, allowed }) => person === 'eve' && deed === 'visit' && !allowed));
  });

  test('a port for who has signed in is for everybody with a name, and for nobody else', async () => {
    await control().servers.change(rootCaller, id, { ports: { usr: 'signed-in' } });
    assert.equal(claimsOf((await enter(await signIn('eve'))).pass).sub, 'eve');
    await assert.rejects(signIn('mallory', { password: 'x' }), { code: 'wrong-password' });
    await assert.rejects(signIn('eve', { password: 'wrong' }), { code: 'wrong-password' });
  });

  test('a ticket is for one place', async () => {
    await assert.rejects(enter(await signIn('ada'), { door: 'www' }), { code: 'not-signed-in' });
    await assert.rejects(enter(await signIn('ada'), { generation: '99999999-9999-4999-8999-999999999999' }), { code: 'not-signed-in' });
    await assert.rejects(enter('made-up'), { code: 'not-signed-in' });
  });

  test('a right that is taken back, a new password, a person who is disabled and one made anew end what passes are good for', async () => {
    const passFor = async (person: string) => claimsOf((await enter(await signIn(person))).pass);
    const bob = await passFor('bob');
    const [grant] = await strange.room.people.grants.list(rootCaller, {});
    await strange.room.people.grants.remove(rootCaller, grant?.record.id ?? '');
    assert.equal(await isLetIn(bob), false);
    const ada = await passFor('ada');
    await store().people.setPassword(parsePersonName('ada'), await hashPassword(new Secret('another-one-now')), { mustChange: false });
    assert.equal(await isLetIn(ada), false);
    await control().servers.change(rootCaller, id, { ports: { usr: 'signed-in' } });
    const eve = await passFor('eve');
    assert.ok(await isLetIn(eve));
    await store().people.update(parsePersonName('eve'), { disabled: true });
    assert.equal(await isLetIn(eve), false);
    await store().people.remove(parsePersonName('eve'));
    await strange.room.addPerson('eve');
    assert.equal(await isLetIn(eve), false);
  });

  test('a person who must change the password first is told so', async () => {
    await strange.room.addPerson('new', { mustChange: true });
    await assert.rejects(signIn('new'), { code: 'password-expired' });
  });

  test('a stopped server is started by who may, and by nobody else', async () => {
    await strange.room.addPerson('dora', { role: 'administrator' });
    await strange.room.addPerson('carl');
    const stopping = await control().servers.stop(rootCaller, id);
    await control().operations.wait(rootCaller, stopping.id, 10_000);
    const start = async (person: string) =>
      await strange.link.call('webStart', { body: { person, password: password(person), fromAddress, id } });
    await assert.rejects(start('carl'), { code: 'no-such-server' });
    await start('dora');
    assert.equal((await store().servers.byGeneration(parseGeneration(generation)))?.wanted, 'running');
  });
});
