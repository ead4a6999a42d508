/** Terminal sessions recorded through the bastion: by whose policy, that people are told, what is in a recording, and who may see it. */
import assert from 'node:assert/strict';
import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { lacksImages } from '../src/testing/test-installation.ts';
import { type BastionRoom, makeBastionRoom, until, type Visitor } from './bastion-room.ts';
import { typeInto } from './typist.ts';

interface Row {
  readonly name: string;
  readonly serverId: number | null;
  readonly person: string | null;
}

interface Cast {
  readonly header: { readonly version: number; readonly width: number; readonly height: number; readonly env: { readonly TERM: string } };
  readonly events: readonly (readonly [number, string, string])[];
  /** All that the terminal got. */
  readonly screen: string;
}

const told = 'This session is recorded, as ';

suite('bastion recording', { skip: lacksImages }, () => {
  let room: BastionRoom;
  let jbond: Visitor;
  let mm: Visitor;

  before(async () => {
    room = await makeBastionRoom();
    [jbond, mm] = [await room.person('jbond007'), await room.person('mm')];
    await jbond.ok('create');
    await jbond.ok('share', 'add', '0', 'mm', 'write');
  });
  after(async () => await room?.[Symbol.asyncDispose]());

  /** A shell at a terminal of 97 columns; the screen. */
  async function shell(visitor: Visitor, user: string, lines: readonly (readonly [RegExp, string])[]): Promise<string> {
    const ssh = [...room.installation.engine.enterClient, ...visitor.argv(user, [], ['-tt'])];
    const words = ssh.map((word) => `'${word}'`).join(' ');
    return (await typeInto(['sh', '-c', `stty cols 97 rows 31; exec ${words}`], lines)).screen;
  }

  function recordingsDir(): string {
    return join(room.installation.engine.dir, 'recordings');
  }

  async function recordings(visitor: Visitor): Promise<readonly Row[]> {
    return await visitor.json<readonly Row[]>('recording', 'list');
  }

  async function newest(): Promise<Row> {
    return (await recordings(jbond)).at(-1) ?? assert.fail('there is no recording');
  }

  /** Once the gateway has written it whole. */
  async function cast(name: string, marker: string): Promise<Cast> {
    let text = '';
    await until(`${marker} in the recording`, async () => {
      text = await jbond.ok('recording', 'show', name);
      return text.includes(marker);
    });
    const [header, ...events] = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    const shown = events as Cast['events'];
    const screen = shown.flatMap(([, kind, part]) => (kind === 'o' ? [part] : [])).join('');
    return { header: header as Cast['header'], events: shown, screen };
  }

  async function restartWith(recording: 'off' | 'owner' | 'all'): Promise<void> {
    const { configPath } = room.installation;
    const config = JSON.parse(await readFile(configPath, 'utf8')) as { bastion: object };
    await room.installation.endControl('SIGTERM');
    await writeFile(configPath, JSON.stringify({ ...config, bastion: { ...config.bastion, recording } }));
    await chmod(configPath, 0o644);
    await room.installation.startControl();
    await until('the bastion to let in again', async () => (await jbond.ssh('0', ['true'])).exitCode === 0, 20_000);
  }

  test('by default nothing is recorded, and nobody is told anything', async () => {
    const screen = await shell(jbond, '0', [[/\$ $/u, 'exit']]);
    assert.ok(!screen.includes(told), screen);
    assert.deepEqual(await recordings(jbond), []);
    assert.match(await jbond.ok('info', '0'), /^recording +none$/mu);
  });

  test('a server’s owner wants it: whoever enters is told, and what the terminal showed is in the recording, at their name', async () => {
    await jbond.ok('set', '0', '--record', 'on');
    assert.match(await jbond.ok('info', '0'), /^recording .*as the owner wants$/mu);
    const screen = await shell(mm, '0', [
      [/\$ $/u, 'printf "%s\\n" "naïve 日本 $((6*7))"'],
      [/日本 42\s/u, 'stty size; exit'],
    ]);
    assert.ok(screen.includes(`${told}jbond007, who owns server 0, wants.`), screen);
    const row = await newest();
    assert.deepEqual([row.serverId, row.person], [0, 'mm']);
    const { header, events, screen: seen } = await cast(row.name, '31 97');
    assert.deepEqual([header.version, header.width, header.height, header.env.TERM], [2, 97, 31, 'xterm']);
    assert.match(seen, /\rnaïve 日本 42\r\n/u);
    const times = events.map(([seconds]) => seconds);
    assert.deepEqual(
      times,
      times.toSorted((one, other) => one - other),
    );
    for (const line of seen.split('\r\n').slice(0, -1)) assert.ok(screen.includes(line), JSON.stringify(line));
  });

  test('a session from the lobby is recorded as any other, and the lobby itself is not', async () => {
    const before = (await recordings(jbond)).length;
    const screen = await shell(mm, 'mm', [
      [/myserver> /u, 'ssh 0'],
      [/\$ $/u, 'echo from-the-$((1+1))-lobby; exit'],
      [/myserver> /u, 'exit'],
    ]);
    assert.ok(screen.includes(told), screen);
    const { screen: seen } = await cast((await newest()).name, 'from-the-2-lobby');
    assert.ok(!seen.includes('ssh 0'), seen);
    assert.equal((await recordings(jbond)).length, before + 1);
  });

  test('what has no terminal is not recorded: commands, copies', async () => {
    const before = (await recordings(jbond)).length;
    const ran = await mm.ssh('0', ['echo quiet; cat'], { input: 'through' });
    assert.deepEqual([ran.stdout, ran.stderr, ran.exitCode], ['quiet\nthrough', '', 0]);
    assert.equal((await recordings(jbond)).length, before);
  });

  test('a terminal that is made another size is so in the recording', async () => {
    const dir = recordingsDir();
    const ssh = [...room.installation.engine.enterClient, ...mm.argv('0', [], ['-tt'])].map((word) => `'${word}'`).join(' ');
    // Once the recording has begun with the former size.
    const resize = `n=$(ls '${dir}' | wc -l); while [ "$(ls '${dir}' | wc -l)" = "$n" ]; do sleep 0.1; done; sleep 0.5; stty cols 61 rows 17 < /dev/tty`;
    await typeInto(
      ['bash', '-c', `(${resize}) & sleep 0.5; exec ${ssh}`],
      [[/\$ $/u, 'while [ "$(stty size)" != "17 61" ]; do sleep 0.2; done; echo smaller; exit']],
    );
    const { events } = await cast((await newest()).name, 'smaller\\r\\n');
    assert.ok(
      events.some(([, kind, text]) => kind === 'r' && text === '61x17'),
      JSON.stringify(events),
    );
  });

  test('nobody but the owner and administrators sees, reads or removes one: not the person recorded, and not the gateway’s neighbours', async () => {
    const { name } = await newest();
    assert.deepEqual(await recordings(mm), []);
    const stranger = await room.person('stranger');
    assert.deepEqual(await recordings(stranger), []);
    for (const [who, code] of [
      [mm, 3],
      [stranger, 4],
    ] as const) {
      assert.equal((await who.myserver(['recording', 'show', name])).exitCode, code);
      assert.equal((await who.myserver(['recording', 'remove', name])).exitCode, code);
      assert.equal((await who.myserver(['recording', 'list', '0'])).exitCode, code);
    }
    assert.equal((await mm.myserver(['set', '0', '--record', 'off'])).exitCode, 3);
    const dir = recordingsDir();
    assert.deepEqual([(await stat(dir)).mode & 0o777, (await stat(join(dir, `${name}.cast`))).mode & 0o777], [0o700, 0o600]);
    const king = await room.person('king', '--role', 'administrator');
    assert.ok((await recordings(king)).some((row) => row.name === name));
    const file = join(king.home, 'class.cast');
    await king.ok('recording', 'show', name, '-o', file);
    assert.equal(await readFile(file, 'utf8'), await jbond.ok('recording', 'show', name));
    await jbond.ok('recording', 'remove', name);
    assert.ok(!(await recordings(king)).some((row) => row.name === name));
  });

  test('a place that cannot be written stops no session', async () => {
    const dir = recordingsDir();
    await chmod(dir, 0o500);
    try {
      const screen = await shell(mm, '0', [[/\$ $/u, 'echo still $((40+2)); exit']]);
      assert.match(screen, /\rstill 42\r\n/u);
      await until('a line in the log', async () => (await room.gateway.log()).includes('a recording ended early'));
    } finally {
      await chmod(dir, 0o700);
    }
  });

  test('the administrator wants all, whatever owners say, and then none', async () => {
    await jbond.ok('set', '0', '--record', 'off');
    await restartWith('all');
    const screen = await shell(jbond, '0', [[/\$ $/u, 'echo every $((1+1)); exit']]);
    assert.ok(screen.includes(`${told}the administrator wants of all.`), screen);
    await cast((await newest()).name, 'every 2');
    await jbond.ok('set', '0', '--record', 'on');
    await restartWith('off');
    const before = (await recordings(jbond)).length;
    const quiet = await shell(jbond, '0', [[/\$ $/u, 'exit']]);
    assert.ok(!quiet.includes(told), quiet);
    assert.equal((await recordings(jbond)).length, before);
    assert.match(await jbond.ok('info', '0'), /^recording .*switched it off$/mu);
  });
});
