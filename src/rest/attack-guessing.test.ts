/** Somebody tries passwords. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { basic, makeApiRoom, passwordOf } from './api-room.testing.ts';

suite('sign-in against guessing', () => {
  test('login answers 429 within 20 wrong tries, and then even the right password does not help', async () => {
    await using world = await makeApiRoom();
    await world.addPerson('ada');
    await world.addPerson('eve');
    const login = (person: string, password: string) => world.call('/api/v1/tokens', { body: { person, password } });
    const replies = [];
    for (let tries = 0; tries < 20; tries += 1) replies.push(await login('ada', `wrong password ${tries}`));
    assert.deepEqual(
      replies.slice(0, 5).map(({ status }) => status),
      [401, 401, 401, 401, 401],
    );
    const last = replies.at(-1);
    assert.equal(last?.status, 429);
    assert.equal(last?.problem().code, 'too-many-tries');
    assert.equal(String(last?.headers['retry-after']), String(last?.problem().details?.['retryAfterSeconds']));
    assert.equal((await login('ada', passwordOf('ada'))).status, 429);
    assert.equal((await world.call('/api/v1/me', { as: 'ada' })).status, 429);
    assert.equal((await login('eve', passwordOf('eve'))).status, 201, 'another person at the same address');
    assert.equal((await world.asRoot('/api/v1/me')).status, 200, 'root');
    const lines = await world.room.store.audit.list({ deed: 'login' });
    assert.ok(lines.filter(({ allowed, person }) => !allowed && person === 'ada').length >= 5);
    assert.ok(!JSON.stringify(await world.room.store.audit.list()).includes('wrong password 3'));
  });

  test('sign-in does not let guesses sent all at once slip past the lock', async () => {
    await using world = await makeApiRoom();
    await world.addPerson('ada');
    const guess = (number: number) => world.call('/api/v1/me', { headers: { authorization: basic('ada', `guess ${number}`) } });
    const replies = await Promise.all(Array.from({ length: 30 }, (_, number) => guess(number)));
    assert.equal(replies.filter(({ status }) => status === 401).length, 5);
    assert.equal(replies.filter(({ status }) => status === 429).length, 25);
  });

  test('a token goes on while guesses lock the password out', async () => {
    await using world = await makeApiRoom();
    await world.addPerson('ada');
    const { token } = (await world.call('/api/v1/tokens', { body: { person: 'ada', password: passwordOf('ada') } })).json<{
      token: string;
    }>();
    for (let tries = 0; tries < 8; tries += 1) await world.call('/api/v1/me', { headers: { authorization: basic('ada', 'guess') } });
    assert.equal((await world.call('/api/v1/me', { as: 'ada' })).status, 429);
    assert.equal((await world.call('/api/v1/me', { headers: { authorization: `Bearer ${token}` } })).status, 200);
  });

  test('sign-in answers alike for a wrong password, for nobody and for what is no name', async () => {
    await using world = await makeApiRoom();
    await world.addPerson('ada');
    const problems = [];
    for (const person of ['ada', 'nobodyhere', '../../etc/passwd', 'root', '-', 'A B'])
      problems.push((await world.call('/api/v1/tokens', { body: { person, password: 'not the password' } })).problem());
    for (const problem of problems) assert.deepEqual(problem, problems[0]);
  });

  test('login is limited for an address, other calls are not', async () => {
    await using world = await makeApiRoom({ config: { loginsPerMinute: 3 } });
    await world.addPerson('ada');
    const login = () => world.call('/api/v1/tokens', { body: { person: 'ada', password: passwordOf('ada') } });
    for (let times = 0; times < 3; times += 1) assert.equal((await login()).status, 201);
    const refused = await login();
    assert.equal(refused.status, 429);
    assert.equal(refused.problem().code, 'too-many-tries');
    assert.ok(Number(refused.headers['retry-after']) > 0);
    for (let times = 0; times < 5; times += 1) assert.equal((await world.call('/api/v1/me', { as: 'ada' })).status, 200);
  });

  test('sign-in takes a hundred logins at once, each answered', async () => {
    await using world = await makeApiRoom({ config: { loginsPerMinute: 1000 } });
    const names = Array.from({ length: 4 }, (_, index) => `person${'abcd'[index] ?? ''}`);
    for (const name of names) await world.addPerson(name);
    const replies = await Promise.all(
      Array.from({ length: 100 }, (_, index) => {
        const person = names[index % names.length] ?? '';
        return world.call('/api/v1/tokens', { body: { person, password: passwordOf(person) } });
      }),
    );
    assert.deepEqual(new Set(replies.map(({ status }) => status)), new Set([201]));
  });
});
