/** The command line as people type it, against real servers: what it prints, what it refuses and with which exit code. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { parse as parseYaml } from 'yaml';
import type { CreatedServers, OperationView, ServerView } from '../src/contract/schemas.ts';
import { lacksImages, makeTestInstallation, type TestInstallation } from '../src/testing/test-installation.ts';
import { inside } from './inside.ts';
import { addPerson, type Person } from './person.ts';

/** Words as typed, the exit code, and what the one sentence must say. */
type Refused = readonly [words: readonly string[], exitCode: number, sentence: RegExp];

suite('CLI x person', { skip: lacksImages }, () => {
  let installation: TestInstallation;
  /** A student with servers; one with a quota of one server; a lecturer. */
  let jbond: Person;
  let lab: Person;
  let q: Person;

  before(async () => {
    installation = await makeTestInstallation();
    [jbond, lab, q] = await Promise.all([
      addPerson(installation, 'jbond007'),
      addPerson(installation, 'lab1', '--servers', '1'),
      addPerson(installation, 'q'),
    ]);
  });
  after(() => installation[Symbol.asyncDispose]());

  /** Each ends with its exit code and one plain sentence on the error side, and prints nothing. */
  async function refused(person: Pick<Person, 'myserver'>, cases: readonly Refused[]): Promise<void> {
    for (let at = 0; at < cases.length; at += 3) {
      await Promise.all(
        cases.slice(at, at + 3).map(async ([words, exitCode, sentence]) => {
          const ran = await person.myserver(words);
          const typed = `myserver ${words.join(' ')}`;
          assert.deepEqual([ran.exitCode, ran.stdout], [exitCode, ''], `${typed}\n${ran.stderr}`);
          assert.match(ran.stderr, /^myserver: [^\n]{15,}\n$/u, typed);
          assert.match(ran.stderr, sentence, typed);
        }),
      );
    }
  }

  const serversOf = async (person: Person) => await person.json<readonly ServerView[]>('list');

  suite('servers', () => {
    test('create --count 3 makes three, shows each password once and the ways in', async () => {
      const ran = await jbond.myserver(['create', '--count', '3', '--notes', 'lab, group 4']);
      assert.equal(ran.exitCode, 0, ran.stderr);
      for (const id of [0, 1, 2]) {
        assert.ok(ran.stdout.includes(`server ${id} is running\n`), ran.stdout);
        assert.ok(ran.stdout.includes(`ssh -p ${12_000 + id} jbond007@${installation.engine.publicAddress}`), ran.stdout);
        assert.ok(ran.stdout.includes(`http://${installation.engine.publicAddress}:${18_000 + id}/`), ran.stdout);
      }
      const passwords = [...ran.stdout.matchAll(/password {2}([a-z\d-]{19})\n/gu)].map(([, password]) => password);
      assert.equal(new Set(passwords).size, 3);
      assert.match(ran.stderr, /server 0: /u, 'the progress goes to the error side');
    });

    test('list prints the classic table, its columns in the classic order', async () => {
      const [header, first] = (await jbond.ok('list')).split('\n').map((line) => line.split(/ {2,}/u).join(' ').trim());
      assert.equal(header, 'ID OWNER ADMIN SYSTEM TYPE DISK MEM CPUS SSH WWW USR STATUS NOTES');
      assert.equal(first, '0 jbond007 jbond007 debian12 minimal 5G 512 1 12000 18000 28000 running lab, group 4');
    });

    test('list speaks JSON, CSV and YAML, and prints the columns asked for', async () => {
      const [json, csv, yaml, few] = await Promise.all([
        serversOf(jbond),
        jbond.ok('ls', '-f', 'csv'),
        jbond.ok('list', '-f', 'yaml'),
        jbond.ok('list', '-c', 'id,ssh,status', '--no-header'),
      ]);
      assert.deepEqual(parseYaml(yaml), json);
      const [header, ...lines] = csv.trimEnd().split('\r\n');
      assert.equal(header, 'id,owner,admin,system,type,disk,mem,cpus,ssh,www,usr,status,notes');
      assert.equal(lines[0], '0,jbond007,jbond007,debian12,minimal,5G,512,1,12000,18000,28000,running,"lab, group 4"');
      assert.equal(lines.length, json.length);
      const rows = few
        .trimEnd()
        .split('\n')
        .map((line) => line.trim().split(/ +/u));
      assert.deepEqual(
        rows,
        json.map(({ id, status }) => [String(id), String(12_000 + id), status]),
      );
    });

    test('set --mem holds at once in the running server', async () => {
      const memory = async () => Number(/MemTotal: +(\d+)/u.exec(await inside(installation, 0, 'cat /proc/meminfo'))?.[1]) / 1024;
      assert.equal(await memory(), 512);
      assert.equal(await jbond.ok('set', '0', '--mem', '1G'), 'server 0 is changed: 1G memory\n');
      assert.equal(await memory(), 1024);
      assert.equal((await serversOf(jbond))[0]?.memoryBytes, 2 ** 30);
    });

    test('stop, start and restart take several IDs and ranges, and say what came of each', async () => {
      assert.equal(await jbond.ok('stop', '1', '2'), 'server 1 is stopped\nserver 2 is stopped\n');
      assert.deepEqual(
        (await serversOf(jbond)).map(({ status }) => status),
        ['running', 'stopped', 'stopped'],
      );
      assert.equal(await jbond.ok('start', '1-2'), 'server 1 is running\nserver 2 is running\n');
      const ran = await jbond.myserver(['kill', '2', '77']);
      assert.deepEqual([ran.exitCode, ran.stdout], [4, 'server 2 is stopped\n']);
      assert.match(ran.stderr, /there is no server 77/u);
    });

    test('ssh to a stopped server says that it is stopped and how to start it', async () => {
      await refused(jbond, [[['ssh', '2'], 5, /server 2 is stopped: start it with "myserver start 2"/u]]);
    });

    test('password ID makes a new one-time password; one for a user that is not there is refused', async () => {
      assert.match(await jbond.ok('password', '0'), /user +jbond007\npassword +[a-z\d]{4}(?:-[a-z\d]{4}){3}\n/u);
      await refused(jbond, [[['password', '0', '--inside', 'nobodyhere'], 7, /is there such a user/u]]);
    });

    test('drop without a terminal wants --yes, and with it drops those named and no others', async () => {
      await refused(jbond, [[['drop', '2'], 2, /--yes/u]]);
      assert.equal(await jbond.ok('rm', '2', '-y'), 'server 2 is gone\n');
      assert.deepEqual(
        (await serversOf(jbond)).map(({ id }) => id),
        [0, 1],
      );
    });

    test('create --no-wait begins, and operation show --wait sees it to its end', async () => {
      const created = await jbond.json<CreatedServers>('create', '--no-wait', '--no-start');
      assert.deepEqual(
        created.servers.map(({ id }) => id),
        [2],
        'the lowest free ID',
      );
      const id = created.operations[0]?.id ?? '';
      assert.match(await jbond.ok('operation', 'show', id, '--wait'), /state +done\n/u);
      const operations = await jbond.json<readonly OperationView[]>('operation', 'list');
      assert.deepEqual([operations[0]?.id, operations[0]?.kind, operations[0]?.subject], [id, 'create', 'server 2']);
      assert.match(await jbond.ok('operation', 'list', '--limit', '1'), /^ID +KIND +SUBJECT/u);
    });
  });

  suite('bad input', () => {
    test('an ID that is unknown, taken, out of range or none is told from the others', async () => {
      await refused(jbond, [
        [['info', '77'], 4, /no server 77/u],
        [['create', '0'], 5, /the ID 0 is taken: choose another/u],
        [['create', '200'], 2, /from 0 to 199/u],
        [['stop', '9999999999'], 2, /9999999999/u],
        [['start', 'seven'], 4, /no server named "seven"/u],
        [['stop', '5-2'], 2, /backwards/u],
        [['create', '-1'], 2, /-1/u],
      ]);
    });

    test('absurd sizes are refused with the bounds', async () => {
      await refused(jbond, [
        [['create', '--mem', '1'], 2, /between/u],
        [['create', '--mem', '99999G'], 2, /between/u],
        [['create', '--disk', '0'], 2, /\S/u],
        [['create', '--disk', '900000T'], 2, /\S/u],
        [['create', '--cpus', '0'], 2, /from 1 to/u],
        [['create', '--cpus', '1e9'], 2, /from 1 to/u],
        [['create', '--mem', 'lots'], 2, /lots/u],
        [['create', '--count', '0'], 2, /from 1 to/u],
        [['set', '0', '--disk', '-5G'], 2, /5G/u],
        [['set', '0'], 2, /nothing to change/u],
      ]);
    });

    test('names with shell or path characters are refused, and accounts of the image cannot be had', async () => {
      await refused(jbond, [
        [['create', '--name', 'a;rm -rf /'], 2, /name/u],
        [['create', '--name', '../../etc/passwd'], 2, /name/u],
        [['create', '--name', '$(id)'], 2, /name/u],
        [['create', '--name', '123'], 2, /name/u],
        [['create', '--admin', 'root'], 2, /root/u],
        [['create', '--admin', 'x:0:0::/:/bin/sh'], 2, /name/u],
        [['create', '--system', '../debian12'], 2, /debian12/u],
        [['create', '--notes', 'two\nlines'], 2, /control characters/u],
        [['create', '--notes', 'x'.repeat(600)], 2, /500/u],
      ]);
    });

    test('what there is no image of is named, with what there is', async () => {
      await refused(jbond, [
        [['create', '--system', 'windows11'], 4, /windows11/u],
        [['create', '--type', 'desktop'], 4, /desktop/u],
      ]);
    });

    test('a private key is not taken, and a file that is no key neither', async () => {
      await refused(jbond, [
        [['key', 'add', '/etc/hostname'], 2, /public key/u],
        [['key', 'add', '/nonexistent.pub'], 2, /nonexistent/u],
        [['create', '--key', '/etc/hostname'], 2, /public key/u],
      ]);
    });

    test('a misspelt command or option is met with what was meant', async () => {
      await refused(jbond, [
        [['creat'], 2, /create/u],
        [['list', '--colums', 'id'], 2, /--columns/u],
        [['list', '-f', 'xml'], 2, /json/u],
        [['stop'], 2, /id/u],
        [['share', 'add', '0', 'q', 'everything'], 2, /everything/u],
      ]);
    });

    test('with -f json the error is one JSON line on the error side, and the output stays empty', async () => {
      const ran = await jbond.myserver(['info', '77', '-f', 'json']);
      assert.deepEqual([ran.exitCode, ran.stdout], [4, '']);
      const { error } = JSON.parse(ran.stderr) as { readonly error: { readonly code: string; readonly message: string } };
      assert.equal(error.code, 'no-such-server');
      assert.match(error.message, /77/u);
    });

    test('a full quota refuses with what is used and what is allowed', async () => {
      await lab.ok('create', '60', '--no-start');
      await refused(lab, [
        [['create'], 6, /quota|allowed/u],
        [['create', '--count', '2'], 6, /quota|allowed/u],
        [['set', '60', '--disk', '2T'], 6, /quota|allowed/u],
      ]);
    });

    test('a full pool and a plan without free IDs refuse even root, and leave nothing behind', async () => {
      await refused(installation, [
        [['create', '--owner', 'q', '--disk', '900G'], 6, /disk/u],
        [['create', '--owner', 'q', '--count', '250'], 6, /ID/u],
      ]);
      assert.deepEqual(await serversOf(q), []);
    });

    test('two creates of one ID at the same instant: one has it, the other is told that it is taken', async () => {
      const runs = await Promise.all([jbond, q].map(async (person) => await person.myserver(['create', '50', '--no-start'])));
      assert.deepEqual(
        runs.map(({ exitCode }) => exitCode).toSorted((a, b) => a - b),
        [0, 5],
      );
      assert.match(runs.find(({ exitCode }) => exitCode === 5)?.stderr ?? '', /the ID 50 is taken/u);
      const all = JSON.parse(await installation.ok('list', '-f', 'json')) as readonly ServerView[];
      assert.equal(all.filter(({ id }) => id === 50).length, 1);
      await installation.ok('drop', '50', '-y');
    });

    test('nothing half-made is left of all that: no server, no operation under way, nothing for doctor', async () => {
      const all = JSON.parse(await installation.ok('list', '-f', 'json')) as readonly ServerView[];
      assert.deepEqual(
        all.map(({ id }) => id),
        [0, 1, 2, 60],
      );
      assert.equal(await installation.ok('operation', 'list', '--state', 'running', '--no-header'), '');
      // What doctor says of the machine itself (a sysctl of this namespace) is not this file's business.
      const findings = JSON.parse(await installation.ok('doctor', '-f', 'json')) as readonly { readonly code: string }[];
      assert.deepEqual(
        findings.filter(({ code }) => /^(?:instance|server|rules|installation|engine)-/u.test(code)),
        [],
      );
    });
  });

  suite('others', () => {
    test("another person's server is as good as none, in every command", async () => {
      assert.doesNotMatch(await lab.ok('list', '--no-header'), /jbond007/u);
      const nothing = /there is no server 0 that you/u;
      await refused(lab, [
        [['info', '0'], 4, nothing],
        [['stop', '0'], 4, nothing],
        [['drop', '0', '-y'], 4, nothing],
        [['set', '0', '--notes', 'mine'], 4, nothing],
        [['password', '0'], 4, nothing],
        [['ssh', '0', 'id'], 4, nothing],
        [['share', 'add', '0', 'lab1', 'all'], 4, nothing],
      ]);
    });

    test('share add gives a right as far as it goes, share remove takes it back', async () => {
      await jbond.ok('share', 'add', '0', 'lab1', 'read', '--expires', '7d');
      assert.match(await lab.ok('list'), /\n0 +jbond007/u);
      assert.match(await lab.ok('info', '0'), /your right +read\n/u);
      await refused(lab, [[['stop', '0'], 3, /read/u]]);
      assert.match(await jbond.ok('share', 'list', '0'), /lab1 +read +jbond007/u);
      await jbond.ok('share', 'remove', '0', 'lab1');
      await refused(lab, [[['info', '0'], 4, /no server 0/u]]);
    });

    test('a lecturer looks after the servers of a group, as long as its members belong to it', async () => {
      await installation.ok('group', 'add', 'web2026');
      await installation.ok('group', 'member', 'add', 'web2026', 'jbond007');
      await installation.ok('share', 'add', 'group:web2026', 'q', 'control');
      assert.deepEqual(
        (await serversOf(q)).map(({ id, right }) => [id, right]),
        [
          [0, 'control'],
          [1, 'control'],
          [2, 'control'],
        ],
      );
      assert.match(await q.ok('set', '1', '--notes', 'seen by q'), /server 1 is changed/u);
      await refused(q, [[['drop', '1', '-y'], 3, /control/u]]);
      await installation.ok('group', 'member', 'remove', 'web2026', 'jbond007');
      assert.deepEqual(await serversOf(q), []);
    });

    test('what is for administrators is refused to a person with exit code 3', async () => {
      await refused(jbond, [
        [['user', 'add', 'x'], 3, /administrator/u],
        [['doctor'], 3, /administrator/u],
        [['image', 'remove', 'debian12/minimal', '-y'], 3, /administrator/u],
        [['create', '--owner', 'q'], 3, /administrator/u],
      ]);
    });
  });

  suite('signing in', () => {
    test('the password is taken from standard input at each command where nobody is signed in', async () => {
      await lab.ok('logout');
      const asked = await lab.myserver(['list', '--no-header', '--password-stdin'], { input: `${lab.password}\n` });
      assert.equal(asked.exitCode, 0, asked.stderr);
      assert.match(asked.stdout, /^60 +lab1/u);
      const wrong = await lab.myserver(['list', '--password-stdin'], { input: 'wrong\n' });
      assert.deepEqual([wrong.exitCode, wrong.stdout], [3, '']);
      assert.match(wrong.stderr, /^myserver: the name or the password is wrong/u);
      await refused(lab, [[['list'], 3, /password|sign/u]]);
    });

    test('without arguments it teaches, with --help it explains', async () => {
      const [usage, help] = await Promise.all([jbond.ok(), jbond.ok('create', '--help')]);
      for (const word of ['create', 'list', 'ssh', 'stop', 'kill', 'drop', 'password', 'key add', 'share', 'doctor', 'completion'])
        assert.ok(usage.includes(word), word);
      for (const option of ['--system', '--type', '--disk', '--mem', '--cpus', '--admin', '--notes', '--name', '--key', '--count'])
        assert.ok(help.includes(option), option);
    });
  });
});
