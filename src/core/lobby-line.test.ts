import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { unreachable } from '../base/brand.ts';
import { Fault } from '../base/fault.ts';
import { type LobbyLine, parseLobbyLine } from './lobby-line.ts';
import type { LobbyWorld } from './lobby-world.ts';
import { parsePersonName } from './names.ts';
import { parsePlan } from './plan.ts';

const world: LobbyWorld = {
  person: parsePersonName('jbond007'),
  host: 'servers.example.org',
  otherHosts: ['192.0.2.7'],
  port: 3022,
  plan: parsePlan({}).config,
};

/** One line of text for each outcome, so that the table below reads at a glance. */
function shown(line: LobbyLine): string {
  switch (line.kind) {
    case 'enter': {
      const { server, inside, command } = line.request;
      const where = `${inside ?? ''}@${server.kind === 'id' ? server.id : server.name}`;
      return `enter ${where}${line.wantsTerminal ? ' -t' : ''}${command === undefined ? '' : ` {${command}}`}`;
    }
    case 'manager':
      return `manager ${JSON.stringify(line.argv)}`;
    case 'say':
      return `say ${line.exitCode} ${line.text}`;
    case 'leave':
      return `leave ${line.exitCode}`;
    case 'nothing-to-remove':
      return `nothing-to-remove ${line.host}`;
    case 'empty':
    case 'help':
    case 'clear':
      return line.kind;
    default:
      return unreachable(line);
  }
}

function meant(text: string, where: LobbyWorld = world): string {
  try {
    return shown(parseLobbyLine(text, where));
  } catch (error) {
    if (error instanceof Fault) return `fault ${error.code}: ${error.message}`;
    throw error;
  }
}

const exactly: readonly (readonly [string, string])[] = [
  ['', 'empty'],
  ['   \t ', 'empty'],
  ['# a remark', 'empty'],
  ['help', 'help'],
  ['?', 'help'],
  ['myserver', 'help'],
  ['help create', 'manager ["help","create"]'],
  ['man drop', 'manager ["help","drop"]'],
  ['--help', 'manager ["--help"]'],
  ['exit', 'leave 0'],
  ['logout', 'leave 0'],
  ['quit', 'leave 0'],
  ['exit 3', 'leave 3'],
  ['exit 256', 'leave 0'],
  ['clear', 'clear'],
  ['list -f json', 'manager ["list","-f","json"]'],
  ['myserver list', 'manager ["list"]'],
  ['$ myserver list', 'manager ["list"]'],
  ['myserver ls', 'manager ["ls"]'],
  ['ls', 'manager ["list"]'],
  ['ls -la', 'manager ["list"]'],
  ['ls -f csv', 'manager ["list","-f","csv"]'],
  ['passwd', 'manager ["password"]'],
  ['passwd 123', 'manager ["password","123"]'],
  ['myserver logout', 'manager ["logout"]'],
  ['whoami', 'say 0 jbond007'],
  ['who', 'say 0 jbond007'],
  ['hostname', 'say 0 servers.example.org'],
  ['frobnicate 1', 'manager ["frobnicate","1"]'],
  ['set 123 --notes "costs $5; a|b"', 'manager ["set","123","--notes","costs $5; a|b"]'],
  ["set 123 --notes 'it'\\''s'", 'manager ["set","123","--notes","it\'s"]'],
  ['set 123 --notes "a \\"b\\" \\c"', 'manager ["set","123","--notes","a \\"b\\" \\\\c"]'],
  ['set 123 --notes ""', 'manager ["set","123","--notes",""]'],
  ['set 123 --notes a\\ b', 'manager ["set","123","--notes","a b"]'],
  ['list # all of them', 'manager ["list"]'],
  ['set 1 --notes a#b', 'manager ["set","1","--notes","a#b"]'],
  ['set 1 --notes *?~{a}', 'manager ["set","1","--notes","*?~{a}"]'],
  // The classic lines, word for word.
  ['ssh otheruser@myserver -p2123', 'enter otheruser@123'],
  ['ssh -p 2123 myserver', 'enter @123'],
  ['ssh -p2123 jbond007@servers.example.org', 'enter jbond007@123'],
  ['ssh -p 2123 root@SERVERS.example.org.', 'enter root@123'],
  ['ssh -p 2000 localhost', 'enter @0'],
  ['ssh -p 2999 192.0.2.7', 'enter @999'],
  ["ssh -t myserver -p2123 'ls -l'", 'enter @123 -t {ls -l}'],
  ['ssh myserver -p2123 ls -l', 'enter @123 {ls -l}'],
  ['ssh -l root 123', 'enter root@123'],
  ['ssh -lroot -p2123 myserver uptime', 'enter root@123 {uptime}'],
  ['ssh 123', 'enter @123'],
  ['shell 123', 'enter @123'],
  ['ssh 007', 'enter @7'],
  ['ssh server-123', 'enter @123'],
  ['ssh root@server-123', 'enter root@123'],
  ['ssh mybox', 'enter @mybox'],
  ['ssh root@mybox', 'enter root@mybox'],
  ['myserver ssh 999', 'enter @999'],
  ['myserver ssh root@999 uptime', 'enter root@999 {uptime}'],
  ['myserver ssh -t 123 sudo apt install -y git', 'enter @123 -t {sudo apt install -y git}'],
  ['myserver ssh --inside guest 123', 'manager ["ssh","--inside","guest","123"]'],
  ['ssh --print 123', 'manager ["ssh","--print","123"]'],
  ['ssh --help', 'manager ["ssh","--help"]'],
  ['ssh -h', 'manager ["ssh","-h"]'],
  ['ssh 123 ls --help', 'enter @123 {ls --help}'],
  ['ssh -4Cqv -o StrictHostKeyChecking=no -p 2123 myserver', 'enter @123'],
  ['ssh -o Port=2123 -oUser=root myserver', 'enter root@123'],
  ['ssh -o "User root" 123', 'enter root@123'],
  ['ssh -o RequestTTY=force 123 top', 'enter @123 -t {top}'],
  ['ssh -tt 123', 'enter @123 -t'],
  ['ssh -T 123', 'enter @123'],
  ['ssh -p 2123 -p 2124 myserver', 'enter @123'],
  ['ssh -p 2123 123', 'enter @123'],
  ['ssh -p 22 mybox', 'enter @mybox'],
  ['ssh ssh://root@myserver:2123', 'enter root@123'],
  ['ssh 123@myserver', 'enter @123'],
  ['ssh root@123@servers.example.org', 'enter root@123'],
  ['ssh jbond007+root@123@myserver -p 3022', 'enter root@123'],
  ['ssh -- 123 -x', 'enter @123 {-x}'],
  // What follows is the server's: signs for a shell go there as they are written, quotes alone are taken away.
  ["ssh 123 'ls -l | wc'", 'enter @123 {ls -l | wc}'],
  ['ssh 123 ls | wc -l', 'enter @123 {ls | wc -l}'],
  ["ssh 123 grep 'a b' f | wc", "enter @123 {grep 'a b' f | wc}"],
  ['ssh 123 echo $HOME `id` > f; cat f && ls', 'enter @123 {echo $HOME `id` > f; cat f && ls}'],
  ['ssh 123 "echo $HOME"', 'enter @123 {echo $HOME}'],
  ['ssh 123 ssh 124', 'enter @123 {ssh 124}'],
  // A host key that changed is no trouble here.
  ['ssh-keygen -R [myserver]:2999', 'nothing-to-remove [myserver]:2999'],
  ['ssh-keygen -f "/home/me/.ssh/known_hosts" -R "[myserver]:2999"', 'nothing-to-remove [myserver]:2999'],
  ["ssh-keygen -R '[myserver]:2999' -f '/home/me/.ssh/known_hosts'", 'nothing-to-remove [myserver]:2999'],
];

const saying: readonly (readonly [string, RegExp])[] = [
  ['ssh', /^fault bad-request: no server was named/u],
  ['ssh -p 8123 myserver', /^fault bad-id: port 8123 is the www port of server 123, not its SSH port, which is 2123: write "ssh 123"$/u],
  ['ssh -p 3500 myserver', /^fault bad-id: port 3500 is no server's: the SSH ports of the servers are 2000 to 2999;/u],
  ['ssh -p 99999 myserver', /is no port: ports go from 1 to 65535$/u],
  ['ssh -p x myserver', /"x" is no port/u],
  ['ssh myserver', /^fault bad-request: you are here already/u],
  ['ssh -p 3022 myserver', /you are here already/u],
  ['ssh mm@myserver', /you are signed in as jbond007: to come as mm, leave first/u],
  ['ssh mm+123@myserver', /you are signed in as jbond007: to come as mm/u],
  ['ssh -p 2123 124', /port 2123 is that of server 123, and "124" is another one/u],
  ['ssh -p 2123 mybox', /"mybox" may be another one: leave -p out/u],
  ['ssh -p 2123 elsewhere.example.org', /"elsewhere.example.org" is no name of this host.*"ssh 123"$/u],
  ['ssh 192.168.11.123', /no name of this host/u],
  ['ssh Ro$ot@123', /^fault bad-request: "\$" is not understood/u],
  ['ssh -l -oProxyCommand=x 123', /can be no user inside/u],
  ['ssh -L 8080:localhost:80 123', /^fault bad-request: -L does not work here: put it on the outer ssh/u],
  ['ssh -R80:x:80 123', /-R does not work here/u],
  ['ssh -D 1080 123', /-D does not work here/u],
  ['ssh -W a:1 123', /-W does not work here/u],
  ['ssh -J gw 123', /-J does not work here/u],
  ['ssh -fN 123', /-N does not work here/u],
  ['ssh -o ProxyCommand=x 123', /-o ProxyCommand does not work here/u],
  ['ssh -O exit 123', /-O of ssh does not work here/u],
  ['ssh -p', /-p of ssh needs a value/u],
  ['ssh -z 123', /no option -z/u],
  ['ssh 99999999', /^fault bad-id/u],
  ['ssh 123; ls', /^fault bad-request: ";" is not understood: this is no shell/u],
  ['ssh 123 > file', /">" is not understood/u],
  ['list | wc', /"\|" is not understood/u],
  ['list && list', /"&&" is not understood/u],
  ['echo $(id)', /"\$" is not understood/u],
  ['list\ncreate', /a second line is not understood/u],
  ['`id`', /"`" is not understood/u],
  ["set 1 --notes it's", /a quote ' is opened and not closed/u],
  ['set 1 --notes "a', /a quote " is opened/u],
  ['exit now', /^fault bad-request: "now" is no exit code/u],
  ['123', /^say 2 .*type "ssh 123"$/u],
  ['root@123', /type "ssh root@123"$/u],
  ['scp a b:', /^say 2 copy on your own machine: scp -P PORT/u],
  ['rsync --server .', /^say 2 copy on your own machine: rsync -e/u],
  ['bash -c "rm -rf /"', /^say 2 there is no shell here/u],
  ['sudo su', /nothing here needs sudo/u],
  ['su - mm', /you are jbond007/u],
  ['apt update', /"ssh 123 apt" runs it in server 123/u],
  ['telnet myserver 2123', /"ssh 123" logs you in/u],
  ['putty', /PuTTY is a program of your own machine: host servers.example.org/u],
  ['ssh-keygen -t ed25519', /keys are made on your own machine/u],
  ['login', /signed in already, as jbond007/u],
  ['pwd', /no directories here/u],
  ['constructor', /^manager \["constructor"\]$/u],
  [`set 1 --notes ${'x'.repeat(20_000)}`, /16384 are the most/u],
];

suite('a line typed in the lobby', () => {
  for (const [text, outcome] of exactly)
    test(`${JSON.stringify(text)} means ${outcome}`, () => {
      assert.equal(meant(text), outcome);
    });

  for (const [text, outcome] of saying)
    test(`${JSON.stringify(text.slice(0, 60))} is answered with a sentence`, () => {
      assert.match(meant(text), outcome);
    });

  test('options that count only on the outer ssh are ignored with a remark each', () => {
    const line = parseLobbyLine('ssh -A -i ~/.ssh/id_rsa -F x -E y -XYf -e none 123', world);
    assert.equal(line.kind, 'enter');
    assert.equal(line.kind === 'enter' ? line.remarks.length : 0, 7);
    const quiet = parseLobbyLine('ssh -46qvvvnkCaxy -c aes -m x -b 1 -B lo -o LogLevel=ERROR 123', world);
    assert.deepEqual(quiet.kind === 'enter' ? quiet.remarks : undefined, []);
  });

  test('the ports are those of the plan, whatever it is', () => {
    const strided = { ...world, plan: parsePlan({ preset: 'strided' }).config };
    assert.equal(meant('ssh -p 30021 myserver', strided), 'enter @7');
    assert.match(meant('ssh -p 30022 myserver', strided), /the www port of server 7, not its SSH port, which is 30021/u);
  });

  test('without a plan IDs and names work, and a port gets a sentence', () => {
    const without = { ...world, plan: undefined };
    assert.equal(meant('ssh root@123 -- ls', without), 'enter root@123 {ls}');
    assert.match(meant('ssh -p 2123 myserver', without), /^fault control-unreachable: .*write the ID/u);
  });

  test('no line makes it throw anything but a fault, or hand back a user or server that is not in order', () => {
    const pieces = fc.constantFrom(
      'ssh',
      'myserver',
      '-p',
      '-p2123',
      '-o',
      '-t',
      '@',
      '123',
      'root@',
      "'",
      '"',
      '\\',
      '$',
      '|',
      ';',
      '\n',
      ' ',
      '+',
      'x',
      '[',
      '://',
      '#',
      'é',
      '\u0000',
    );
    const lines = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(pieces, { maxLength: 12 }).map((all) => all.join(' ')),
      fc.array(pieces).map((all) => all.join('')),
    );
    fc.assert(
      fc.property(lines, (text) => {
        try {
          const line = parseLobbyLine(text, world);
          if (line.kind === 'enter') assert.match(line.request.inside ?? 'root', /^[a-zA-Z_][\w.$-]*$/u);
        } catch (error) {
          assert.ok(error instanceof Fault, String(error));
        }
      }),
      { numRuns: 1000 },
    );
  });
});
