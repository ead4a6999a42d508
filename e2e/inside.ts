/** Programs run in a server as its root by the engine, for what a test needs there and no client could put there. */
import assert from 'node:assert/strict';
import type { RunOptions } from '../src/testing/run-process.ts';
import type { TestInstallation } from '../src/testing/test-installation.ts';

export async function inside(installation: TestInstallation, id: number, script: string, options: RunOptions = {}): Promise<string> {
  const { name, env } = await instanceOf(installation, id);
  const ran = await installation.run('host', ['incus', 'exec', name, '--', 'bash', '-c', script], { env, ...options });
  assert.equal(ran.exitCode, 0, `in server ${id}: ${script}\n${ran.stderr}${ran.stdout}`);
  return ran.stdout;
}

/** All that is in a directory of this machine, in one of the server's, which is made. */
export async function putInside(installation: TestInstallation, id: number, from: string, to: string): Promise<void> {
  const { name, env } = await instanceOf(installation, id);
  const script = `tar -C "$1" -cf - . | incus exec "$2" -- sh -c 'mkdir -p "$0" && tar -C "$0" --no-same-owner -xf -' "$3"`;
  const ran = await installation.run('host', ['bash', '-o', 'pipefail', '-c', script, '-', from, name, to], { env, timeoutMs: 120_000 });
  assert.equal(ran.exitCode, 0, `to server ${id}: ${from}\n${ran.stderr}`);
}

async function instanceOf(installation: TestInstallation, id: number) {
  const { engine } = installation;
  const env = { ...process.env, INCUS_SOCKET: engine.socket, INCUS_PROJECT: engine.project, INCUS_DIR: engine.incusDir };
  const listed = await installation.run('host', ['incus', 'list', '-f', 'csv', '-c', 'n'], { env });
  const name = listed.stdout.split('\n').find((line) => line.startsWith(`s${id}-`));
  assert.ok(name !== undefined, `no instance of server ${id} among ${listed.stdout}${listed.stderr}`);
  return { name, env };
}

/** Runs `argv` in the server as a unit of its own, which goes on by itself and is up when this resolves. */
export async function runInside(installation: TestInstallation, id: number, port: number, argv: readonly string[]): Promise<void> {
  const words = argv.map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`).join(' ');
  // A server that has just been started answers SSH before its bus is there.
  const isReady = 'until [ -S /run/dbus/system_bus_socket ]; do sleep 0.02; done';
  const isThere = `until ss -Htln "sport = :${port}" | grep -q .; do sleep 0.02; done`;
  await inside(
    installation,
    id,
    `timeout 20 bash -c '${isReady}' && systemd-run --quiet --collect --unit=port-${port} -- ${words} && timeout 10 bash -c '${isThere}'`,
  );
}

/** HTTP in the image's own perl: GET /peer tells who asks, PUT tells the SHA-256 of what came. */
export const httpProgram = String.raw`
use strict; use warnings; use IO::Socket::INET;
$SIG{CHLD} = 'IGNORE';
my $door = IO::Socket::INET->new(LocalPort => $ARGV[0], Listen => 64, ReuseAddr => 1) or die "listen: $!";
while (my $line = $door->accept) {
  next if fork;
  binmode $line;
  my ($first, $length) = ('', 0);
  while (defined(my $header = <$line>)) {
    $first = $header if $first eq '';
    $length = $1 if $header =~ /^Content-Length:\s*(\d+)/i;
    print $line "HTTP/1.1 100 Continue\r\n\r\n" if $header =~ /^Expect: 100-continue/i;
    last if $header =~ /^\r?\n/;
  }
  my $body = '';
  if ($first =~ /^PUT/) {
    local $SIG{CHLD} = 'DEFAULT';
    my $pid = open(my $sum, '-|') // die;
    if (!$pid) {
      open(my $sha, '|-', 'sha256sum') or die;
      binmode $sha;
      while ($length > 0) { my $got = read($line, my $part, $length < 65536 ? $length : 65536); last unless $got; $length -= $got; print $sha $part; }
      close $sha;
      exit 0;
    }
    $body = join '', <$sum>;
  } else { $body = $line->peerhost . "\n"; }
  print $line "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " . length($body) . "\r\n\r\n$body";
  close $line;
  exit 0;
}
`;

/** Sends back every byte, on as many connections as come. */
export const echoProgram = String.raw`
use strict; use warnings; use IO::Socket::INET;
$SIG{CHLD} = 'IGNORE';
my $door = IO::Socket::INET->new(LocalPort => $ARGV[0], Listen => 64, ReuseAddr => 1) or die "listen: $!";
while (my $line = $door->accept) {
  next if fork;
  while (sysread($line, my $part, 65536)) { my $at = 0; while ($at < length $part) { $at += syswrite($line, $part, length($part) - $at, $at) // exit 1; } }
  exit 0;
}
`;
