/** The lobby through a real SSH library's server and OpenSSH's own client at a real terminal. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { suite, test } from 'node:test';
import ssh2, { type Connection, type PseudoTtyInfo, type ServerChannel } from 'ssh2';
import { makeKeyPair } from '../../control/host-key.ts';
import { type Home, makeHome } from '../../cli/spawned.testing.ts';
import { runProcess } from '../../testing/run-process.ts';
import { parsePersonName } from '../../core/names.ts';
import type { MemoryControl } from '../../commands/memory-control.testing.ts';
import { runLobby, runLobbyCommand } from './lobby.ts';
import type { Pty, Seat, TerminalSize } from './seat.ts';
import { controlWithServers } from './seat.testing.ts';

interface Door extends AsyncDisposable {
  readonly port: number;
  /** How each session ended, in their order. */
  readonly ended: number[];
  readonly ssh: (...words: readonly string[]) => readonly string[];
}

async function openDoor(control: MemoryControl): Promise<Door> {
  const hostKey = makeKeyPair('a host').privateKey.reveal();
  const ended: number[] = [];
  const connections = new Set<Connection>();
  const server = new ssh2.Server({ hostKeys: [hostKey] }, (connection) => {
    connections.add(connection);
    const gone = new AbortController();
    connection.on('authentication', (context) => context.accept());
    connection.on('error', () => {});
    connection.on('close', () => gone.abort());
    connection.on('session', (accept) => {
      serve(
        accept(),
        (act) => {
          void act(gone.signal).then((code) => ended.push(code));
        },
        control,
      );
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const plain = [
    '-F',
    'none',
    '-o',
    'StrictHostKeyChecking=no',
    '-o',
    'UserKnownHostsFile=/dev/null',
    '-o',
    'LogLevel=ERROR',
    '-o',
    'SendEnv=NO_COLOR',
  ];
  return {
    port,
    ended,
    ssh: (...words) => ['ssh', ...plain, '-p', String(port), '-l', 'jbond007', ...words],
    async [Symbol.asyncDispose]() {
      for (const connection of connections) connection.end();
      server.close();
      await once(server, 'close');
    },
  };
}

/** What the bastion does for a session, with nobody to refuse. */
function serve(session: ssh2.Session, run: (act: (signal: AbortSignal) => Promise<number>) => void, control: MemoryControl): void {
  let info: (PseudoTtyInfo & { term?: string }) | undefined;
  let noColour = false;
  const resizes = new Set<(size: TerminalSize) => void>();
  session.on('pty', (accept, _reject, wanted) => {
    info = wanted;
    accept?.();
  });
  session.on('env', (accept, _reject, { key }) => {
    noColour ||= key === 'NO_COLOR';
    accept?.();
  });
  session.on('window-change', (accept, _reject, { cols, rows }) => {
    if (info !== undefined) info = { ...info, cols, rows };
    for (const callback of resizes) callback({ columns: cols, rows });
    accept?.();
  });
  const pty = (term: string): Pty => ({
    term,
    noColour,
    size: () => ({ columns: info?.cols ?? 0, rows: info?.rows ?? 0 }),
    onResize(callback) {
      resizes.add(callback);
      return () => void resizes.delete(callback);
    },
  });
  const begin = (channel: ServerChannel, act: (seat: Seat) => Promise<number>) =>
    run(async (signal) => {
      const code = await act({
        person: parsePersonName('jbond007'),
        client: control.client,
        channel,
        errors: info === undefined ? channel.stderr : channel,
        pty: info === undefined ? undefined : pty(info.term ?? 'dumb'),
        host: '127.0.0.1',
        port: 3022,
        version: '1.2.3',
        signal,
        onInterrupt: () => () => {},
        async enter({ inside, command }) {
          channel.write(`inside as ${inside ?? 'nobody'}: ${command ?? 'a shell'}\r\n`);
          return Promise.resolve(17);
        },
      });
      if (!signal.aborted) {
        channel.exit(code);
        channel.end();
      }
      return code;
    });
  session.on('shell', (accept) => begin(accept(), runLobby));
  session.on('exec', (accept, _reject, { command }) => begin(accept(), (seat) => runLobbyCommand(command, seat)));
}

/** At a terminal 101 cells wide; its name is printed first. */
function atTerminal(home: Home, argv: readonly string[], answers: readonly (readonly [RegExp, string])[], env = {}) {
  return home.type(['sh', '-c', 'tty; stty cols 101 rows 30; exec "$@"', 'sh', ...argv], answers, env);
}

suite('the lobby through OpenSSH', { timeout: 120_000 }, () => {
  test('at a terminal: greeting, keys, colours, width, questions, ^C and the exit code', async () => {
    const control = controlWithServers();
    const server = control.servers.get(123);
    if (server !== undefined) control.servers.set(123, { ...server, notes: 'n'.repeat(200) });
    await using home = await makeHome();
    await using door = await openDoor(control);
    const { code, output } = await atTerminal(home, door.ssh('127.0.0.1'), [
      [/Welcome[^]*myserver> /u, 'lisx\u007Ft\r'],
      [/n…[^]*myserver> /u, '\u001B[A\u0003'],
      [/\^C[^]*myserver> /u, 'set 7 --notes häüs\r'],
      [/set 7[^]*\r\n[^]*myserver> /u, 'drop 7\r'],
      [/for good: /u, '7\r'],
      [/is gone[^]*myserver> /u, 'ssh -l root -p 2123 myserver\r'],
      [/inside as root: a shell[^]*myserver> /u, 'exit 5\r'],
    ]);
    assert.equal(code, 5, output);
    assert.match(output, /\p{Cc}\[32mrunning\p{Cc}\[0m/u);
    const rows = [...output.matchAll(/^123 .*n…/gmu)].map(([row]) => row.replaceAll(/\p{Cc}\[\d+m/gu, '').length);
    assert.deepEqual(rows, [101, 101]);
    assert.match(output, /"häüs"/u);
    assert.ok(!control.servers.has(7));
  });

  test('a window made narrower is narrower for the next command', async () => {
    const control = controlWithServers();
    const server = control.servers.get(123);
    if (server !== undefined) control.servers.set(123, { ...server, notes: 'n'.repeat(200) });
    await using home = await makeHome();
    await using door = await openDoor(control);
    let screen = '';
    const watch: RegExp = Object.assign(/Welcome[^]*myserver> /u, {
      test(text: string) {
        screen += text;
        return RegExp.prototype.test.call(/Welcome[^]*myserver> /u, text);
      },
    });
    const resized = (async () => {
      for (let tries = 0; tries < 500 && !/Welcome[^]*myserver> /u.test(screen); tries += 1)
        await new Promise((resolve) => setTimeout(resolve, 20));
      const tty = /\/dev\/pts\/\d+/u.exec(screen)?.[0] ?? '';
      return runProcess(['stty', '-F', tty, 'cols', '90']);
    })();
    const { output, code } = await atTerminal(home, door.ssh('127.0.0.1'), [
      [watch, ''],
      // The line is drawn anew at the new width.
      [/myserver> /u, 'list -c id,notes\r'],
      [/n…[^]*myserver> /u, '\u0004'],
    ]);
    assert.equal((await resized).exitCode, 0);
    assert.equal(code, 0, output);
    assert.equal(/notes\r\n[^]*^(123 .*n…)/mu.exec(output)?.[1]?.replaceAll(/\p{Cc}\[\d+m/gu, '').length, 90);
  });

  test('^C ends what runs and leaves the lobby, and a client that breaks off ends it', async () => {
    const control = controlWithServers();
    control.looksUntilDone = 100_000;
    await using home = await makeHome();
    await using door = await openDoor(control);
    const { output } = await atTerminal(home, door.ssh('127.0.0.1'), [
      [/myserver> /u, 'create 9\r'],
      [/step 2/u, '\u0003'],
      [/stopped watching[^]*myserver> /u, 'create 10\r'],
      [/step 2/u, '\r~.'],
    ]);
    assert.match(output, /secret-9/u);
    for (let tries = 0; tries < 200 && door.ended.length === 0; tries += 1) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(door.ended, [129]);
  });

  test('NO_COLOR and TERM=dumb leave colours out', async () => {
    await using home = await makeHome();
    await using door = await openDoor(controlWithServers());
    for (const env of [{ NO_COLOR: '1' }, { TERM: 'dumb' }]) {
      const { output, code } = await atTerminal(
        home,
        door.ssh('127.0.0.1'),
        [
          [/myserver> /u, 'list\r'],
          [/running[^]*myserver> /u, 'exit\r'],
        ],
        env,
      );
      assert.equal(code, 0);
      assert.doesNotMatch(output, /\p{Cc}\[\d+m/u);
    }
  });

  test('one command: output and errors apart, exit codes, and what is piped in', async () => {
    const control = controlWithServers();
    await using door = await openDoor(control);
    const run = (words: readonly string[], input = '') => runProcess(door.ssh('127.0.0.1', ...words), { input });
    const list = await run(['list', '-f', 'json']);
    assert.equal((JSON.parse(list.stdout) as unknown[]).length, 2);
    assert.deepEqual([list.exitCode, list.stderr], [0, '']);
    const missing = await run(['info', '99']);
    assert.deepEqual([missing.exitCode, missing.stdout], [4, '']);
    assert.match(missing.stderr, /^myserver: there is no server 99/u);
    assert.equal((await run(['key', 'add', '-'], 'ssh-ed25519 AAAA me\n')).exitCode, 0);
    assert.equal(control.keys[0]?.publicKey, 'ssh-ed25519 AAAA me');
    const inside = await run(['ssh root@123 "ls | wc"']);
    assert.deepEqual([inside.exitCode, inside.stdout], [17, 'inside as root: ls | wc\r\n']);
    assert.equal((await run([], 'whoami\nexit 6\n')).exitCode, 6);
  });

  test('one command at a terminal (ssh -t) asks, and gives its exit code', async () => {
    const control = controlWithServers();
    await using home = await makeHome();
    await using door = await openDoor(control);
    const dropped = await atTerminal(home, door.ssh('-t', '127.0.0.1', 'drop', '7'), [[/for good: /u, '7\r']]);
    assert.equal(dropped.code, 0, dropped.output);
    const kept = await atTerminal(home, door.ssh('-t', '127.0.0.1', 'drop', '123'), [[/for good: /u, '\u0003']]);
    assert.equal(kept.code, 130, kept.output);
    assert.deepEqual([...control.servers.keys()], [123]);
  });
});
