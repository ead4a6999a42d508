/** The attacks of a server's root on the network around it: the host's own ports, metadata, a neighbour's address and MAC, ARP, a DHCP server of its own. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerView } from '../src/contract/schemas.ts';
import { lacksImages, testBases, type TestInstallation } from '../src/testing/test-installation.ts';
import { makeInstallationOfAda } from './installation-of-ada.ts';
import { cableOf, tryInside } from './host-view.ts';
import { inside } from './inside.ts';
import { greets } from './port-probe.ts';
import type { Root } from './root-client.ts';
import { listenOn } from './strange-listener.ts';

/** Raw frames by the image's own perl: `frame.pl send HEX...` from eth0, `repeat HEX...` without an end, `frame.pl hear SECONDS` prints what comes in, in hexadecimal. */
const frames = String.raw`
use strict; use Socket;
my ($deed, @rest) = @ARGV;
socket(my $wire, 17, SOCK_RAW, unpack('n', pack('S', 3))) or die "socket: $!";
my $index = do { open my $f, '<', '/sys/class/net/eth0/ifindex' or die; <$f> };
my $place = pack('SnlSCCa8', 17, 3, $index, 0, 0, 6, "\xff" x 6);
sub speak { for (@rest) { defined send($wire, pack('H*', $_), 0, $place) or die "send: $!" } }
if ($deed eq 'send') { speak(); exit }
while ($deed eq 'repeat') { speak(); select(undef, undef, undef, 0.002) }
my $until = time + $rest[0];
$| = 1; print "listening\n";
while (time < $until) { my $in = ''; vec($in, fileno $wire, 1) = 1; select($in, undef, undef, 0.1) or next; recv($wire, my $got, 2000, 0); print unpack('H*', $got), "\n" }
`;

suite('attacks on the network from a server', { skip: lacksImages }, () => {
  let installation: TestInstallation;
  let root: Root;
  let mallory: ServerView;
  let victim: ServerView;

  before(async () => {
    ({ installation, root } = await makeInstallationOfAda());
    [mallory, victim] = (await root.create({ count: 2 })) as [ServerView, ServerView];
    for (const { id } of [mallory, victim]) await inside(installation, id, 'cat > /root/frame.pl', { input: frames });
  });
  after(async () => await installation[Symbol.asyncDispose]());

  /** Whether a TCP connection comes about, from inside the attacker's server. */
  async function reaches(address: string, port: number): Promise<boolean> {
    const ran = await tryInside(installation, mallory, `timeout 1 bash -c 'exec 3<>/dev/tcp/${address}/${port}'`);
    return ran.exitCode === 0;
  }

  test('host ports: neither the API nor a program on every address is reached, by any address of the host', async () => {
    const { hostAddress, publicAddress } = installation.engine;
    await using _ = await listenOn(installation, 'host', 7777);
    assert.equal((await installation.run('client', ['bash', '-c', `exec 3<>/dev/tcp/${publicAddress}/7777`])).exitCode, 0);
    for (const port of [7777, 9440])
      for (const address of [hostAddress, publicAddress]) assert.equal(await reaches(address, port), false, `${address}:${port}`);
    assert.ok(await reaches(publicAddress, testBases.ssh + victim.id), 'a neighbour’s public port is for everybody');
    assert.ok(await reaches(victim.address, 22), 'servers reach each other');
  });

  test('loopback of the host: 127.0.0.1 sent to the wire reaches nothing, neither the API there nor root.sock', async () => {
    const { hostAddress } = installation.engine;
    const script = `
      echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet; echo 1 > /proc/sys/net/ipv4/conf/eth0/route_localnet
      ip addr del 127.0.0.1/8 dev lo; ip addr add 127.0.0.9/32 dev eth0; ip route add 127.0.0.1/32 via ${hostAddress} dev eth0
      timeout 2 bash -c 'exec 3<>/dev/tcp/127.0.0.1/9440' && echo REACHED
      ip route del 127.0.0.1/32; ip addr del 127.0.0.9/32 dev eth0; ip addr add 127.0.0.1/8 dev lo; true`;
    assert.doesNotMatch(await inside(installation, mallory.id, script), /REACHED/u);
    const search = await inside(
      installation,
      mallory.id,
      'find / -xdev -name "*.sock*" -path "*myserver*" 2>/dev/null; find / -name root.sock 2>/dev/null; true',
    );
    assert.equal(search, '');
  });

  test('metadata: 169.254.169.254 answers the host and no server', async () => {
    const { clientAddress } = installation.engine;
    for (const argv of [['ip', 'addr', 'add', '169.254.169.254/32', 'dev', 'lo']])
      assert.equal((await installation.run('client', argv)).exitCode, 0);
    await installation.run('host', ['ip', 'route', 'add', '169.254.169.254/32', 'via', clientAddress]);
    await using _ = await listenOn(installation, 'client', 80);
    assert.equal((await installation.run('host', ['timeout', '3', 'bash', '-c', 'exec 3<>/dev/tcp/169.254.169.254/80'])).exitCode, 0);
    assert.ok(await reaches(installation.engine.farAddress, 80), 'the world outside is reached');
    assert.equal(await reaches('169.254.169.254', 80), false);
  });

  test('another’s address: what claims to come from the neighbour, the host or a free ID gets nowhere', async () => {
    const { farAddress, hostAddress } = installation.engine;
    await using _ = await listenOn(installation, 'client', 81);
    assert.ok(await reaches(farAddress, 81));
    const from = (address: string) =>
      `perl -MIO::Socket::INET -e 'print "THROUGH" if IO::Socket::INET->new(LocalAddr => "${address}", PeerAddr => "${farAddress}", PeerPort => 81, Timeout => 1)'`;
    assert.equal(await inside(installation, mallory.id, from(mallory.address)), 'THROUGH', 'with its own it does');
    for (const address of [victim.address, hostAddress, '10.77.1.99']) {
      const script = `ip addr add ${address}/32 dev eth0; ${from(address)}; ip addr del ${address}/32 dev eth0`;
      assert.equal(await inside(installation, mallory.id, script), '', address);
    }
    assert.ok(await greets(installation, testBases.ssh + victim.id));
  });

  test('another’s MAC: frames that say it is here move none of the neighbour’s traffic', async () => {
    const mac = (await inside(installation, victim.id, 'cat /sys/class/net/eth0/address')).trim();
    const stolen = mac.replaceAll(':', '');
    // The second is LLDP's: no packet rule sees it before the bridge has learnt from it.
    const thefts = [`ffffffffffff${stolen}88b5${'00'.repeat(46)}`, `0180c200000e${stolen}88cc${'00'.repeat(46)}`].join(' ');
    await inside(installation, mallory.id, `systemd-run -q --unit=thief perl /root/frame.pl repeat ${thefts}`);
    const isReached = await greets(installation, testBases.ssh + victim.id, { seconds: 3 });
    // What the neighbour says brings its MAC home; it says nothing now, and the thief goes on.
    await sleep(1000);
    const place = await installation.run('host', ['bridge', 'fdb', 'show', 'br', installation.engine.bridge]);
    const isThere = await inside(installation, mallory.id, 'systemctl is-active thief');
    await inside(installation, mallory.id, 'systemctl stop thief');
    assert.equal(isThere, 'active\n');
    assert.ok(isReached, 'the neighbour was cut off');
    assert.match(place.stdout, new RegExp(`${mac} dev ${cableOf(victim)} `, 'u'));
  });

  test('ARP: false answers for the neighbour and for the host’s address are believed by nobody', async () => {
    const { hostAddress, bridge } = installation.engine;
    const own = (await inside(installation, mallory.id, 'cat /sys/class/net/eth0/address')).trim();
    const victimMac = (await inside(installation, victim.id, 'cat /sys/class/net/eth0/address')).trim();
    const hostMac = (await installation.run('host', ['cat', `/sys/class/net/${bridge}/address`])).stdout.trim();
    // Both know each other before.
    await inside(
      installation,
      victim.id,
      `ping -c1 -W2 ${hostAddress} >/dev/null || timeout 2 bash -c 'exec 3<>/dev/tcp/${hostAddress}/53'; true`,
    );
    const lies = [victim.address, hostAddress].map((address) => arpReply(own, address));
    const honest = arpReply(own, mallory.address);
    const hearing = inside(installation, victim.id, 'perl /root/frame.pl hear 3');
    await inside(
      installation,
      mallory.id,
      `sleep 1; for one in 1 2 3; do perl /root/frame.pl send ${lies.join(' ')} ${honest}; sleep 0.1; done`,
    );
    const heard = await hearing;
    assert.match(heard, new RegExp(honest, 'u'), 'the truth about itself does arrive');
    for (const lie of lies) assert.doesNotMatch(heard, new RegExp(lie, 'u'));
    const atHost = (await installation.run('host', ['ip', 'neigh', 'show', victim.address, 'dev', bridge])).stdout;
    const atVictim = await inside(installation, victim.id, `ip neigh show ${hostAddress}`);
    assert.match(atHost, new RegExp(victimMac, 'u'));
    assert.doesNotMatch(atHost + atVictim, new RegExp(own, 'u'));
    assert.doesNotMatch(atVictim, new RegExp(`lladdr (?!${hostMac || '[0-9a-f]'})`, 'u'));
    assert.ok(await greets(installation, testBases.ssh + victim.id));
  });

  test('rogue DHCP: what a server says as a DHCP server reaches no neighbour', async () => {
    const [asServer, asAnybody] = ['726f677565', '686f6e657374'];
    const say = (port: number, marker: string) =>
      `perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(Proto => "udp", LocalPort => ${port}, ReuseAddr => 1, Broadcast => 1) or die; for (1..3) { send($s, pack("H*", "${marker}"), 0, pack_sockaddr_in(68, inet_aton("10.77.255.255"))) }'`;
    const hearing = inside(installation, victim.id, 'perl /root/frame.pl hear 3');
    await inside(installation, mallory.id, `sleep 1; ${say(67, asServer)}; ${say(6767, asAnybody)}`);
    const heard = await hearing;
    assert.match(heard, new RegExp(asAnybody, 'u'), 'broadcasts as such do arrive');
    assert.doesNotMatch(heard, new RegExp(asServer, 'u'));
  });
});

/** "ADDRESS is at MAC", told to everybody (RFC 826), as hexadecimal. */
function arpReply(mac: string, address: string): string {
  const from = mac.replaceAll(':', '');
  const said = address
    .split('.')
    .map((part) => Number(part).toString(16).padStart(2, '0'))
    .join('');
  return `ffffffffffff${from}08060001080006040002${from}${said}ffffffffffff${said}`;
}
