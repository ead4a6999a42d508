/** X11 through the bastion, with OpenSSH at both ends: a program in a server shows its windows on the person's own screen. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { runProcess } from '../src/testing/run-process.ts';
import { lacksImages } from '../src/testing/test-installation.ts';
import { inBackground } from './background.ts';
import { type BastionRoom, makeBastionRoom, untilListening, type Visitor } from './bastion-room.ts';
import { inside } from './inside.ts';

/** What an X server is to a program that begins: it is told the protocol and a cookie (X Window System Protocol, chapter 8), and answers. */
const screen = String.raw`
use IO::Socket::INET;
my $screen = IO::Socket::INET->new(LocalAddr => '127.0.0.1:6077', Listen => 5, ReuseAddr => 1) or die;
while (my $line = $screen->accept) {
  read $line, my $setup, 48;
  my ($order, $major, $minor, $name, $data) = unpack 'a1 x v v v v', $setup;
  print $line "$order $major " . substr($setup, 12, $name) . " $data\n";
  close $line;
}`;

/** What a program on X does first, with the cookie that sshd gave it; ARGV: another cookie. */
const program = String.raw`
use IO::Socket::INET;
my ($number) = $ENV{DISPLAY} =~ /^localhost:(\d+)/ or die 'no display';
my ($cookie) = qx(xauth list $ENV{DISPLAY}) =~ /MIT-MAGIC-COOKIE-1\s+(\S+)/ or die 'no cookie';
$cookie = shift @ARGV if @ARGV;
my $line = IO::Socket::INET->new(PeerAddr => '127.0.0.1:' . (6000 + $number)) or die;
print $line pack 'a1 x v v v v x2 a20 a16', 'l', 11, 0, 18, 16, 'MIT-MAGIC-COOKIE-1', pack 'H*', $cookie;
print <$line>;`;

suite('bastion x X11', { skip: lacksImages }, () => {
  let room: BastionRoom;
  let jbond: Visitor;

  before(async () => {
    room = await makeBastionRoom();
    jbond = await room.person('jbond007');
    await jbond.ok('create');
    // The image has no xauth, and sshd forwards nothing without: this machine's own, which has the same release.
    const packed = await runProcess([
      'bash',
      '-c',
      "tar -chz /usr/bin/xauth $(ldd /usr/bin/xauth | grep -o '/[^ ]*') 2>/dev/null | base64",
    ]);
    await inside(room.installation, 0, 'base64 -d | tar -xzk -C / 2>/dev/null; xauth version', { input: packed.stdout });
    await inside(room.installation, 0, 'cat >/home/jbond007/program.pl', { input: program });
  });
  after(async () => await room?.[Symbol.asyncDispose]());

  const show = async (options: readonly string[], ...words: readonly string[]) =>
    await jbond.ssh('0', [`perl program.pl ${words.join(' ')}`], { options, env: { ...process.env, DISPLAY: '127.0.0.1:77' } });

  test('-Y: a program in the server reaches the person’s screen with the cookie that it was given, and not with another', async () => {
    const argv = [...room.installation.engine.enterClient, 'perl', '-e', screen];
    await using _ = await inBackground(argv, async () => await untilListening(room.installation, 6077));
    for (const options of [['-Y'], ['-X', '-o', 'ForwardX11Trusted=yes']]) {
      const shown = await show(options);
      assert.equal(shown.stdout, 'l 11 MIT-MAGIC-COOKIE-1 16\n', shown.stderr);
    }
    const wrong = await show(['-Y'], '00112233445566778899aabbccddeeff');
    assert.equal(wrong.stdout, '', wrong.stderr);
  });

  test('without -X there is no screen', async () => {
    const shown = await show(['-x']);
    assert.match(shown.stderr, /no display/u);
  });
});
