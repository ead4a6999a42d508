/** Who is not who they say gets nothing at the bastion, and learns nothing: not even whether there is such a person. With OpenSSH and what it tells with -v. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { lacksImages } from '../src/testing/test-installation.ts';
import { type BastionRoom, makeBastionRoom, until, type Visitor } from './bastion-room.ts';
import { makeKeyPair } from './secure-shell.ts';

suite('posing as somebody else x bastion', { skip: lacksImages }, () => {
  let room: BastionRoom;
  let ada: Visitor;
  let eve: Visitor;

  before(async () => {
    room = await makeBastionRoom();
    [ada, eve] = [await room.person('ada'), await room.person('eve')];
    await ada.ok('create');
  });
  after(async () => await room?.[Symbol.asyncDispose]());

  /** What `ssh -v` tells, without what differs between any two connections. */
  function transcript(text: string, name: string): string {
    return text
      .replaceAll(name, 'NAME')
      .replaceAll(/ after \d+ ms| \d+\.\d+ seconds|SHA256:\S+|port \d+|bytes per second.*|Transferred:.*/gu, '')
      .replaceAll('\r', '');
  }

  test(
    'an unknown person, a known one with a wrong key and with a wrong password: the same words in the same number of steps',
    { timeout: 60_000 },
    async () => {
      const strange = await makeKeyPair(room.installation, 'a-strange-key');
      const byKey = async (name: string) => {
        const argv = eve.argv(name, ['list'], ['-v']).map((word) => (word === eve.key.path ? strange.path : word));
        const ran = await room.installation.run('client', argv, { env: { ...process.env, SSH_AUTH_SOCK: '' } });
        assert.equal(ran.exitCode, 255);
        return transcript(ran.stderr, name);
      };
      const byPassword = async (name: string) => transcript((await eve.byPassword(name, 'wrong', ['list'], ['-v'])).stderr, name);
      for (const way of [byKey, byPassword]) {
        const [known, unknown] = [await way('ada'), await way('zoe')];
        assert.match(known, /Authentications that can continue/u);
        assert.match(known, /Permission denied/u);
        assert.equal(unknown, known);
      }
    },
  );

  test('one’s own key under the name of another is one’s own self at most, and never the other', async () => {
    for (const user of ['ada+0', 'ada+lobby', 'ada+ada@0', 'ada@0', '0', 'server-0']) {
      const ran = await eve.ssh(user, ['id', '-un']);
      assert.deepEqual([ran.exitCode, ran.stdout], [255, ''], user);
    }
    const ran = await eve.ssh('ada', ['whoami']);
    assert.doesNotMatch(ran.stdout, /ada/u);
  });

  test('signatures of strange keys that were never asked about count as tries, and end the connection', { timeout: 60_000 }, async () => {
    const strange = await makeKeyPair(room.installation, 'another-strange-key');
    const program = fileURLToPath(new URL('rogue.ts', import.meta.url));
    const before = (await refusedSignIns()).length;
    const words = [
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      program,
      'strange-signatures',
      room.host,
      'zoe',
      strange.path,
      '50',
    ];
    const ran = await room.installation.run('client', words);
    assert.match(ran.stdout, /^answered (?:[1-9]|10)$/mu, ran.stdout + ran.stderr);
    await until('a line in the audit', async () => (await refusedSignIns()).length > before);
  });

  test(
    'a key that is removed, a person who is disabled: sessions and forwards that live are ended within seconds',
    { timeout: 90_000 },
    async () => {
      const [, blob = ''] = (await readFile(ada.key.publicPath, 'utf8')).split(' ');
      assert.ok(blob.length > 40);
      for (const [end, undo] of [
        [
          async () => await room.installation.ok('user', 'set', 'ada', '--disable'),
          async () => await room.installation.ok('user', 'set', 'ada', '--enable'),
        ],
        [
          async () => await room.installation.ok('key', 'remove', '--person', 'ada', await fingerprint(ada)),
          async () => await room.installation.ok('key', 'add', '--person', 'ada', ada.key.publicPath),
        ],
      ] as const) {
        await using session = ada.background('0', ['-L', '7021:0:22'], ['cat']);
        session.child.stdin?.write('here\n');
        await until('the session', () => session.output() === 'here\n');
        await end();
        await until('its end', () => session.child.exitCode !== null, 10_000);
        assert.equal((await ada.ssh('0', ['true'])).exitCode, 255);
        await undo();
        assert.equal((await ada.ssh('0', ['true'])).exitCode, 0);
      }
    },
  );

  async function fingerprint(visitor: Visitor): Promise<string> {
    const ran = await room.installation.run('host', ['ssh-keygen', '-lf', visitor.key.publicPath]);
    return ran.stdout.split(' ')[1] ?? '';
  }

  async function refusedSignIns(): Promise<readonly object[]> {
    const rows = JSON.parse(await room.installation.ok('audit', '--limit', '1000', '-f', 'json')) as readonly {
      readonly deed: string;
      readonly allowed: boolean;
    }[];
    return rows.filter(({ deed, allowed }) => deed === 'sign-in' && !allowed);
  }
});
