import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { MemoryControl } from '../../commands/memory-control.testing.ts';
import { fault } from '../../core/errors.ts';
import { runLobby, runLobbyCommand } from './lobby.ts';
import { controlWithServers, type SeatOptions, TestSeat } from './seat.testing.ts';

const prompt = 'myserver> ';
const atPrompt = /myserver> (?:\p{Cc}\[\d+G)?$/u;

/** ^C takes the line away, which draws the prompt once more before the one that counts. */
const afterInterrupt = /\^C\r\n[^]*myserver> /u;

/** Enters the lobby and waits for its first prompt. */
async function inLobby(
  options: SeatOptions = {},
): Promise<{ readonly at: TestSeat; readonly end: Promise<number>; readonly greeting: string }> {
  const at = new TestSeat(options);
  const end = runLobby(at.seat);
  const greeting = await at.see(prompt);
  return { at, end, greeting };
}

const plain = (text: string) => text.replaceAll(/\p{Cc}\[[\d;?]*[A-Za-z]/gu, '');

suite('the lobby at a terminal', { timeout: 60_000 }, () => {
  test('a person is greeted by name, sees the servers in a table and where help is, and leaves with exit', async () => {
    const { at, end, greeting } = await inLobby();
    assert.match(
      plain(greeting),
      /^Welcome to myserver, jbond007\.\r\nID +SYSTEM .*\r\n7 .*\r\n123 +debian12 .* running\r\n"ssh 123" logs .*"help" shows/u,
    );
    assert.match(greeting, /\p{Cc}\[32mrunning/u);
    at.type('exit\r');
    assert.equal(await end, 0);
    assert.equal(at.seat.channel.destroyed || at.seat.channel.writableEnded, false);
    assert.deepEqual(at.listeners, { interrupts: 0, resizes: 0 });
  });

  test('who has no server is told how to create one, and control that is away is named', async () => {
    const { at, end, greeting } = await inLobby({ control: new MemoryControl() });
    assert.match(greeting, /You have no server yet: "create" makes one/u);
    at.type('\u0004');
    assert.equal(await end, 0);
    const away = new MemoryControl();
    away.client.call = () => Promise.reject(fault('control-unreachable', 'control is away'));
    const second = await inLobby({ control: away });
    assert.match(second.greeting, /myserver: control is away\r\n"help" shows/u);
    second.at.type('quit\r');
    assert.equal(await second.end, 0);
  });

  for (const [name, options] of [
    ['TERM=dumb', { pty: { term: 'dumb' } }],
    ['NO_COLOR', { pty: { noColour: true } }],
  ] as const)
    test(`${name}: nothing is coloured`, async () => {
      const { at, end, greeting } = await inLobby(options);
      at.type('list\r');
      const seen = greeting + (await at.see(/running\r\n[^]*myserver> /u));
      assert.doesNotMatch(seen, /\p{Cc}\[\d+m/u);
      if (name === 'TERM=dumb') assert.ok(!seen.includes('\u001B'));
      at.type('exit 7\r');
      assert.equal(await end, 7);
    });

  test('a command gives what the command line gives, with and without "myserver" before it, in lines that end in CR LF', async () => {
    const { at, end } = await inLobby({ pty: { noColour: true } });
    at.type('myserver list -c id,ssh\r');
    assert.match(plain(await at.see(atPrompt)), /\r\nID +SSH\r\n7 +2007\r\n123 +2123\r\n/u);
    at.type('list -c id -f csv\r');
    const csv = plain(await at.see(atPrompt));
    assert.match(csv, /\r\nid\r\n7\r\n123\r\n/u);
    assert.doesNotMatch(csv, /[^\r]\n/u);
    at.type('lits\r');
    assert.match(await at.see(atPrompt), /there is no command "lits"; did you mean "myserver list"\?/u);
    at.type('help\r');
    const help = await at.see(atPrompt);
    assert.match(help, /In this lobby/u);
    assert.doesNotMatch(help, /--url|login URL/u);
    at.type('logout\r');
    assert.equal(await end, 0);
  });

  test('letters that come in halves, keys that move, and earlier lines', async () => {
    const { at, end } = await inLobby();
    at.type('set 123 --notes "häüs 日本"\r');
    await at.see(atPrompt);
    assert.equal(at.control.servers.get(123)?.notes, 'häüs 日本');
    // Back to the 1 of 123: two to the left of the end.
    at.type('info 12\u001B[D\u007F7\u001B[3~\r');
    assert.match(await at.see(atPrompt), /server +7\r\n/u);
    at.type('\u001B[A\u001B[A\r');
    await at.see(atPrompt);
    assert.equal(at.control.calls.filter(({ name }) => name === 'changeServer').length, 2);
    at.type('\u001B[A\u001B[A\u001B[B\r');
    await at.see(atPrompt);
    at.type('exit\r');
    assert.equal(await end, 0);
  });

  test("a gateway that was itself started with TERM=dumb takes nothing from a person's terminal", async () => {
    const { TERM } = process.env;
    process.env['TERM'] = 'dumb';
    try {
      const { at, end } = await inLobby();
      at.type('whoam\u001B[DX\u007F\u0005i\r');
      assert.match(await at.see(atPrompt), /\r\njbond007\r\n/u);
      at.type('exi\t\r');
      assert.equal(await end, 0);
    } finally {
      if (TERM === undefined) delete process.env['TERM'];
      else process.env['TERM'] = TERM;
    }
  });

  test('Tab completes commands, options, IDs and names, and shows what there is', async () => {
    const { at, end } = await inLobby();
    at.type('inf\t12\t\r');
    assert.match(plain(await at.see(atPrompt)), /server +123/u);
    at.type('myserver li\t-\t\t');
    await at.see('--columns');
    at.type('\u0003');
    await at.see(afterInterrupt);
    at.type('ssh root@my\t\r');
    await at.see(atPrompt);
    assert.deepEqual(at.entered, [{ server: { kind: 'name', name: 'mybox' }, inside: 'root', command: undefined }]);
    at.type('exi\t\r');
    assert.equal(await end, 0);
  });

  test('^C clears the line, ^Z does not stop the gateway, ^D leaves only on an empty line', async () => {
    const { at, end } = await inLobby();
    at.type('create\u0003');
    await at.see(afterInterrupt);
    at.type('\u001A');
    at.type('x\u0004\u0003');
    await at.see(afterInterrupt);
    assert.deepEqual(
      at.control.calls.map(({ name }) => name),
      ['listServers'],
    );
    at.type('\u0004');
    assert.equal(await end, 0);
  });

  test('progress is drawn live, and ^C ends the watching: the lobby stays', async () => {
    const control = controlWithServers();
    control.looksUntilDone = 1000;
    const { at, end } = await inLobby({ control });
    at.type('create 9\r');
    await at.see(/server 9 {2}\[#*\.+\] {2}step 2/u);
    at.type('\u0003');
    const seen = await at.see(atPrompt);
    assert.match(seen, /\^C\r\n/u);
    assert.match(plain(seen), /stopped watching; the create of server 9 goes on/u);
    assert.match(plain(seen), /secret-9/u);
    at.type('exit\r');
    assert.equal(await end, 0);
  });

  test('drop asks, and what is typed ahead or pasted goes where it belongs', async () => {
    const { at, end } = await inLobby();
    at.type('drop 123\r');
    await at.see('Type the ID to destroy it for good: ');
    at.type('99\r');
    assert.match(await at.see(atPrompt), /was not confirmed/u);
    at.type('drop 123\r');
    await at.see('for good: ');
    at.type('\u0003');
    assert.match(await at.see(atPrompt), /nothing was done: the question was not answered/u);
    at.paste('drop 123\r\n1223\u007F\u007F3\r\nlist -c id\r\n');
    assert.match(plain(await at.see(/\nID\r\n/u)), /server 123 is gone\r\n/u);
    await at.see(/^7\r\n/u);
    at.type('exit\r');
    assert.equal(await end, 0);
    assert.ok(!at.control.servers.has(123));
  });

  test('a password is asked for without echo', async () => {
    const { at, end } = await inLobby();
    at.type('passwd\r');
    for (const [question, answer] of [
      ['current password of jbond007: ', 'right horse'],
      ['new password of jbond007: ', 'wröng\u007F\u007F\u007Fong'],
      ['the new password again: ', 'wrong'],
    ] as const) {
      await at.see(question);
      at.type(`${answer}\r`);
    }
    const seen = await at.see(atPrompt);
    assert.match(seen, /The password of jbond007 is changed/u);
    assert.doesNotMatch(seen, /horse|wr/u);
    assert.deepEqual(at.control.calls.find(({ name }) => name === 'personPassword')?.input, {
      params: { name: 'jbond007' },
      body: { current: 'right horse', next: 'wrong' },
    });
    at.type('exit\r');
    await end;
  });

  test('a key is pasted after "key add -", and a file of the person\'s own machine gets a sentence', async () => {
    const { at, end } = await inLobby();
    at.type('key add id.pub\r');
    assert.match(await at.see(atPrompt), /"id\.pub" is on your own machine/u);
    at.type('key add -\r');
    await at.see('Ctrl-D.');
    at.paste('ssh-ed25519 AAAA me\r\u0004');
    await at.see(atPrompt);
    assert.equal(at.control.keys[0]?.publicKey, 'ssh-ed25519 AAAA me');
    at.type('exit\r');
    await end;
  });

  test('ssh hands channel and typed-ahead keys to the server, and the prompt comes back with what follows', async () => {
    const heard: string[] = [];
    const { at, end } = await inLobby({
      onEnter: async (_request, channel) => {
        channel.write('inside$ ');
        const { promise, resolve } = Promise.withResolvers<void>();
        const listen = (chunk: Buffer) => {
          heard.push(chunk.toString());
          if (heard.join('').includes('exit\r')) resolve();
        };
        channel.on('data', listen).resume();
        await promise;
        channel.off('data', listen).pause();
        return 3;
      },
    });
    at.paste('ssh -A otheruser@myserver -p2123\runame\u0003\u001A\t\r');
    assert.match(await at.see('inside$ '), /-A counts on the outer ssh/u);
    at.type('exit\r');
    await at.see(atPrompt);
    assert.equal(heard.join(''), 'uname\u0003\u001A\t\rexit\r');
    assert.deepEqual(at.entered, [{ server: { kind: 'id', id: 123 }, inside: 'otheruser', command: undefined }]);
    at.type('ssh --inside guest 123 ls -l\r');
    await at.see('inside$ ');
    at.type('exit\r');
    await at.see(atPrompt);
    assert.deepEqual(at.entered[1], { server: { kind: 'id', id: 123 }, inside: 'guest', command: 'ls -l' });
    at.type('ssh --print 123\r');
    assert.match(await at.see(atPrompt), /ssh -p 2123 jbond007@host\.example\.org\r\n/u);
    at.type('exit\r');
    assert.equal(await end, 0);
  });

  test('a server that cannot be entered is told in a sentence, and the lobby stays', async () => {
    const { at, end } = await inLobby({ onEnter: () => Promise.reject(fault('no-such-server', 'there is no server 5')) });
    at.type('ssh 5\r');
    assert.match(await at.see(atPrompt), /myserver: there is no server 5\r\n/u);
    at.type('ssh -p 3500 myserver\r');
    assert.match(await at.see(atPrompt), /port 3500 is no server's: the SSH ports of the servers are 2000 to 2999/u);
    at.type('exit\r');
    assert.equal(await end, 0);
  });

  test('a window that changes: the next table and the line being typed have its width', async () => {
    const control = controlWithServers();
    const server = control.servers.get(123);
    if (server !== undefined) control.servers.set(123, { ...server, notes: 'n'.repeat(200) });
    const { at, end } = await inLobby({ control, pty: { columns: 100, noColour: true } });
    at.resize(120);
    await at.see(atPrompt);
    at.type('list\r');
    const row = /123 .*n…/u.exec(await at.see(atPrompt))?.[0] ?? '';
    assert.equal(row.length, 120);
    at.type('exit\r');
    await end;
  });

  test('a hang-up ends the prompt, a question, and a running command', async () => {
    for (const line of ['', 'drop 123\r', 'create\r']) {
      const control = controlWithServers();
      control.looksUntilDone = 10_000;
      const { at, end } = await inLobby({ control });
      at.type(line);
      await sleep(50);
      at.hangUp();
      assert.equal(await end, 129);
      assert.deepEqual(at.listeners, { interrupts: 0, resizes: 0 });
      await sleep(300);
      const calls = control.calls.length;
      await sleep(300);
      assert.equal(control.calls.length, calls, 'it goes on asking');
    }
  });

  test('the end of input is ^D, after the lines that came before it', async () => {
    const at = new TestSeat();
    const end = runLobby(at.seat);
    at.paste('list -c id\nwhoami\n');
    at.endInput();
    assert.equal(await end, 0);
    await at.see(/\r\n7\r\n123\r\n[^]*\r\njbond007\r\n/u);
  });

  test('a line without end does not grow without end', async () => {
    const { at, end } = await inLobby();
    for (let i = 0; i < 40; i += 1) {
      at.paste('x'.repeat(1000));
      await turn();
    }
    at.type('\r');
    await at.see(/the line has 1[67]\d\d\d characters|no command "x/u);
    await at.see(atPrompt);
    at.type('exit\r');
    assert.equal(await end, 0);
  });
});

interface Ran {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
  readonly at: TestSeat;
}

async function ran(text: string | undefined, input?: string, options: SeatOptions = {}): Promise<Ran> {
  const at = new TestSeat({ pty: null, ...options });
  if (input !== undefined) {
    at.paste(input);
    at.endInput();
  }
  const code = await (text === undefined ? runLobby(at.seat) : runLobbyCommand(text, at.seat));
  await turn();
  return { code, output: at.output, errors: at.errors, at };
}

suite('one command without a terminal', { timeout: 60_000 }, () => {
  test('output and errors are apart, plain and with the right exit code', async () => {
    const list = await ran('list -f json');
    assert.equal(list.code, 0);
    assert.equal((JSON.parse(list.output) as unknown[]).length, 2);
    assert.equal(list.errors, '');
    const table = await ran('myserver list');
    assert.doesNotMatch(table.output.replaceAll('\n', ''), /\p{Cc}/u);
    const wrong = await ran('info 99');
    assert.deepEqual([wrong.code, wrong.output], [4, '']);
    assert.match(wrong.errors, /^myserver: there is no server 99/u);
    const unknown = await ran('lits');
    assert.equal(unknown.code, 2);
    assert.match(unknown.errors, /did you mean "myserver list"/u);
    const failing = await ran('frobnicate -f json');
    assert.match(failing.errors, /^\{"error":/u);
  });

  test('create tells its progress on the error side and its result on the output', async () => {
    const { code, output, errors } = await ran('create');
    assert.equal(code, 5);
    assert.match(errors, /is there already/u);
    assert.equal(output, '');
    const made = await ran('create 9');
    assert.equal(made.code, 0);
    assert.match(made.output, /secret-9/u);
    assert.match(made.errors, /^server 9: /mu);
  });

  test('standard input is read: a key, and passwords with --password-stdin', async () => {
    const key = await ran('key add -', 'ssh-ed25519 AAAA me\n');
    assert.equal(key.code, 0, key.errors);
    assert.equal(key.at.control.keys[0]?.publicKey, 'ssh-ed25519 AAAA me');
    const password = await ran('password --password-stdin', 'old one\nnew one\n');
    assert.equal(password.code, 0, password.errors);
    assert.deepEqual(password.at.control.calls.at(-1)?.input, {
      params: { name: 'jbond007' },
      body: { current: 'old one', next: 'new one' },
    });
    const flood = await ran('key add -', 'x'.repeat(1_100_000));
    assert.equal(flood.code, 2);
    assert.match(flood.errors, /more than 1000000 bytes/u);
  });

  test('nothing is asked where nobody can answer', async () => {
    const { code, errors, at } = await ran('drop 123');
    assert.equal(code, 2);
    assert.match(errors, /add --yes/u);
    assert.ok(at.control.servers.has(123));
  });

  test('a session on a server gives its exit code and gets the input untouched; -t without a terminal gets a remark', async () => {
    let heard = '';
    const onEnter: SeatOptions['onEnter'] = async (_request, channel) => {
      for await (const chunk of channel.iterator({ destroyOnReturn: false })) heard += String(chunk);
      return 42;
    };
    const { code, errors, at } = await ran("ssh -t myserver -p2123 'cat; ls -l'", 'piped in', { onEnter });
    assert.deepEqual([code, heard], [42, 'piped in']);
    assert.match(errors, /put -t on the outer ssh/u);
    assert.equal(at.entered[0]?.command, 'cat; ls -l');
  });

  test('shells, copies and forwards get a sentence and no more', async () => {
    for (const line of ['bash', 'sh -c id', '/bin/sh', 'scp -t .', 'sudo id', 'list; id', 'ssh -L 1:a:1 123', 'login', 'myserver logout']) {
      const { code, output, errors, at } = await ran(line);
      assert.notEqual(code, 0, line);
      assert.equal(output, '', line);
      assert.match(errors, /^myserver: .{20,}\n$/u, line);
      assert.deepEqual(at.entered, []);
    }
    const removed = await ran('ssh-keygen -f "/home/me/.ssh/known_hosts" -R "[myserver]:2999"');
    assert.equal(removed.code, 0);
    assert.match(removed.output, /^There is nothing to remove for \[myserver\]:2999:.*\n$/u);
  });

  test('an interrupt from the other side ends a command with 130', async () => {
    const control = controlWithServers();
    control.looksUntilDone = 10_000;
    const at = new TestSeat({ control, pty: null });
    const end = runLobbyCommand('create 9', at.seat);
    await sleep(100);
    at.interrupt();
    assert.equal(await end, 130);
  });

  test("a lobby without a terminal carries out the lines piped in and ends with the last one's exit code", async () => {
    const { code, output, errors } = await ran(undefined, 'whoami\n\n# a remark\nlist -c id --no-header\ninfo 99\n');
    assert.deepEqual([code, output], [4, 'jbond007\n7\n123\n']);
    assert.match(errors, /there is no server 99/u);
    assert.equal((await ran(undefined, 'exit 9\nlist\n')).code, 9);
  });

  test('what a client makes fail is a sentence, not an exception', async () => {
    const control = controlWithServers();
    control.client.call = () => Promise.reject(new TypeError('broken'));
    const { code, errors } = await ran('list', undefined, { control });
    assert.equal(code, 1);
    assert.match(errors, /something went wrong inside myserver: broken/u);
  });
});
