/** Guessing through the bastion is slowed, and shuts nobody out who was there before: not by name, not by `123`, not from a classroom behind one address. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { passwordOf } from '../../rest/api-room.testing.ts';
import { giveKey, makeSigner, makeStrangeGateway, type Signer, type StrangeGateway } from './strange-gateway.testing.ts';

const office = '192.0.2.10';
const stranger = '203.0.113.9';

async function makeScene() {
  const clock = { nowMs: 1_800_000_000_000, now: () => clock.nowMs };
  const strange = await makeStrangeGateway({ clock });
  await strange.room.addPerson('ada');
  const key = makeSigner();
  await giveKey(strange, 'ada', key);
  return { strange, link: strange.link, clock, key };
}

async function byPassword({ link }: StrangeGateway, person: string, password: string, fromAddress: string): Promise<string> {
  return await link.call('signInByPassword', { body: { person, password, fromAddress } }).then(() => 'in', codeOf);
}

async function byKey({ link }: StrangeGateway, key: Signer, typed: string, fromAddress: string): Promise<string> {
  const person = typed === '0' ? null : typed;
  const body = { person, mayBeServer: person !== null, fromAddress, algorithm: 'ssh-ed25519', key: key.key, proof: key.proof(typed) };
  return await link.call('signInByKey', { body }).then(({ kind }) => kind, codeOf);
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

suite('guessing by SSH', () => {
  test('wrong passwords lock for a time that grows, known and unknown names alike', { timeout: 60_000 }, async () => {
    const { strange, clock } = await makeScene();
    await using _strange = strange;
    for (const person of ['ada', 'nobody-here']) {
      const codes = [];
      for (let each = 0; each < 6; each += 1) codes.push(await byPassword(strange, person, 'wrong', stranger));
      assert.deepEqual(codes, [...Array.from({ length: 5 }, () => 'wrong-password'), 'too-many-tries'], person);
    }
    assert.equal(await byPassword(strange, 'ada', passwordOf('ada'), stranger), 'too-many-tries', 'the right one, too');
    const waits: number[] = [];
    for (let each = 0; each < 3; each += 1) {
      let seconds = 0;
      while ((await byPassword(strange, 'ada', 'wrong', stranger)) === 'too-many-tries' && seconds < 100) {
        clock.nowMs += 1000;
        seconds += 1;
      }
      waits.push(seconds);
    }
    assert.ok((waits[2] ?? 0) > (waits[1] ?? 0) && (waits[1] ?? 0) > (waits[0] ?? 0), waits.join(', '));
  });

  test(
    'a lock on the name does not shut the owner out at a place where they signed in before, nor their key anywhere',
    { timeout: 60_000 },
    async () => {
      const { strange, key } = await makeScene();
      await using _strange = strange;
      assert.equal(await byPassword(strange, 'ada', passwordOf('ada'), office), 'in');
      for (let each = 0; each < 60; each += 1) await byPassword(strange, 'ada', 'wrong', `203.0.113.${each}`);
      assert.equal(await byPassword(strange, 'ada', passwordOf('ada'), '203.0.113.200'), 'too-many-tries');
      assert.equal(await byPassword(strange, 'ada', passwordOf('ada'), office), 'in');
      assert.equal(await byKey(strange, key, 'ada', '203.0.113.201'), 'signed-in');
    },
  );

  test('many connections that show wrong keys lock their address, and a key that has come in from there before is still good', async () => {
    const { strange, link, key } = await makeScene();
    await using _strange = strange;
    assert.equal(await byKey(strange, key, 'ada', stranger), 'signed-in');
    for (let each = 0; each < 205; each += 1)
      await link.call('signInFailed', { body: { person: each % 2 === 0 ? 'ada' : null, fromAddress: stranger, tries: 3 } });
    const second = makeSigner();
    await giveKey(strange, 'ada', second);
    assert.equal(await byKey(strange, second, 'ada', stranger), 'too-many-tries');
    assert.equal(await byKey(strange, key, 'ada', stranger), 'signed-in');
    assert.equal(await byKey(strange, second, 'ada', office), 'signed-in');
  });

  test('wrong keys without a name, or for a server’s name, shut out nobody who has the right one', async () => {
    const { strange, link, key } = await makeScene();
    await using _strange = strange;
    // A classroom behind one address, and the world beside it.
    for (let each = 0; each < 20; each += 1) await link.call('signInFailed', { body: { person: null, fromAddress: office, tries: 1 } });
    for (let each = 0; each < 20; each += 1) await link.call('signInFailed', { body: { person: 'gold', fromAddress: office, tries: 1 } });
    for (let each = 0; each < 100; each += 1)
      await link.call('signInFailed', { body: { person: null, fromAddress: `198.18.7.${each}`, tries: 1 } });
    assert.equal(await byKey(strange, key, '0', office), 'signed-in');
    assert.equal(await byKey(strange, key, 'gold', office), 'signed-in');
    assert.equal(await byKey(strange, key, '0', '192.0.2.77'), 'signed-in');
  });

  test('who has an IPv6 network has one try less for each try, not 2^64 of them: passwords and keys alike', async () => {
    const { strange, link, key } = await makeScene();
    await using _strange = strange;
    const codes = [];
    for (let each = 1; each <= 6; each += 1) codes.push(await byPassword(strange, 'ada', 'wrong', `2001:db8:66:1::${each}`));
    assert.deepEqual(codes, [...Array.from({ length: 5 }, () => 'wrong-password'), 'too-many-tries']);
    assert.equal(await byPassword(strange, 'ada', passwordOf('ada'), '2001:db8:66:2::1'), 'in');
    for (let each = 0; each < 205; each += 1)
      await link.call('signInFailed', { body: { person: null, fromAddress: `2001:db8:77:1:${each}::1`, tries: 1 } });
    assert.equal(await byKey(strange, key, 'ada', '2001:db8:77:1:ffff::1'), 'too-many-tries');
    assert.equal(await byKey(strange, key, 'ada', '2001:db8:77:2::1'), 'signed-in');
  });

  test('a good key signs in while the password is locked, at the very address where it was guessed, too', { timeout: 60_000 }, async () => {
    const { strange, key } = await makeScene();
    await using _strange = strange;
    for (let each = 0; each < 6; each += 1) await byPassword(strange, 'ada', 'wrong', stranger);
    for (let each = 0; each < 60; each += 1) await byPassword(strange, `person${each}`, 'wrong', stranger);
    assert.equal(await byPassword(strange, 'anybody', 'wrong', stranger), 'too-many-tries', 'the whole address');
    assert.equal(await byPassword(strange, 'ada', passwordOf('ada'), stranger), 'too-many-tries');
    assert.equal(await byKey(strange, key, 'ada', stranger), 'signed-in');
    assert.equal(await byPassword(strange, 'ada', passwordOf('ada'), stranger), 'too-many-tries', 'the key opens no way to guess on');
  });

  test(
    'keys that were only shown never lock a password: not the person’s, nor anybody’s at that address',
    { timeout: 60_000 },
    async () => {
      const { strange, link, key } = await makeScene();
      await using _strange = strange;
      const wrong = makeSigner();
      const asked = { person: 'ada', mayBeServer: true, fromAddress: stranger, algorithm: 'ssh-ed25519', proof: null };
      for (let each = 0; each < 300; each += 1) {
        // As a client that has a key which is not known here, and gives up then.
        await assert.rejects(link.call('signInByKey', { body: { ...asked, key: wrong.key } }));
        await link.call('signInFailed', { body: { person: 'ada', fromAddress: stranger, tries: 1 } });
      }
      assert.equal(await byPassword(strange, 'ada', passwordOf('ada'), stranger), 'in');
      await strange.room.addPerson('bob');
      assert.equal(await byPassword(strange, 'bob', passwordOf('bob'), stranger), 'in');
      assert.equal(await byKey(strange, key, 'ada', office), 'signed-in', 'nor her key elsewhere');
    },
  );

  test('a class behind one address that shows wrong keys first is not kept from the right ones', async () => {
    const { strange, link, key } = await makeScene();
    await using _strange = strange;
    for (let each = 0; each < 150; each += 1)
      await link.call('signInFailed', { body: { person: `person${each}`, fromAddress: office, tries: 3 } });
    assert.equal(await byKey(strange, key, 'ada', office), 'signed-in');
  });

  test('who comes again and again with wrong keys fills the audit with no more than the lines up to the lock', async () => {
    const { strange, link } = await makeScene();
    await using _strange = strange;
    for (let each = 0; each < 100; each += 1) await link.call('signInFailed', { body: { person: 'ada', fromAddress: stranger, tries: 1 } });
    const lines = await strange.room.room.store.audit.list({ deed: 'sign-in', allowed: false, limit: 1000 });
    assert.ok(lines.length >= 5 && lines.length < 10, String(lines.length));
    assert.match(lines[0]?.detail ?? '', /further tries are refused/u);
  });
});
