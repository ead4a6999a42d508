import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { isLoopbackName, parseDestination } from './destination.ts';
import { ipv4Text } from './ipv4.ts';
import { parsePlan } from './plan.ts';

const plan = parsePlan({});
const facts = { plan, publicHost: 'gw.example.org' };

function meant(host: string, port = 22): string {
  const found = parseDestination(host, port, facts);
  if (found.kind === 'other') return 'other';
  return `${found.server.kind} ${found.server.kind === 'id' ? found.server.id : found.server.name} port ${found.port}`;
}

suite('parseDestination', () => {
  for (const [host, port, expected] of [
    ['123', 80, 'id 123 port 80'],
    ['0', 80, 'id 0 port 80'],
    ['server-123', 5432, 'id 123 port 5432'],
    ['SERVER-123.', 5432, 'id 123 port 5432'],
    ['gold', 1, 'name gold port 1'],
    ['192.168.11.123', 65_535, 'id 123 port 65535'],
    ['myserver', 2123, 'id 123 port 22'],
    ['MyServer.', 8123, 'id 123 port 80'],
    ['gw.example.org', 58_123, 'id 123 port 8000'],
    ['GW.example.org', 2000, 'id 0 port 22'],
    // What ssh and curl make of a host of digits alone.
    ['0.0.0.123', 22, 'id 123 port 22'],
    ['0.0.0.0', 80, 'id 0 port 80'],
  ] as const)
    test(`${host}:${port} is ${expected}`, () => assert.equal(meant(host, port), expected));

  const others: readonly (readonly [string, string])[] = [
    ['the machine itself', '127.0.0.1 127.1 127.0.0.53 ::1 :: [::1] [::ffff:127.0.0.1] ::ffff:127.0.0.1 0:0:0:0:0:0:0:1 ::ffff:7f00:1'],
    ['the host in the servers’ network, and its ends', '192.168.0.1 192.168.0.0 192.168.255.255 192.168.10.99 192.168.20.99'],
    ['metadata, link-local, multicast', '169.254.169.254 169.254.0.1 224.0.0.1 255.255.255.255 fe80::1 fe80::1%eth0 [fd00:ec2::254]'],
    ['addresses of others', '8.8.8.8 1.1.1.1 10.0.0.1 172.16.0.1 192.0.2.1 2001:db8::1'],
    [
      'an address written otherwise',
      '2130706433 3232238459 0x7f000001 0x7f.1 0177.0.0.1 017700000001 192.168.2939 192.168.011.123 192.168.0x0b.0x7b 0xc0a80b7b 192.168.11.123. 192.168.11.123/32 192.168.11.123:22 +123 -1 1e2 12.3 ١٢٣ １２３',
    ],
    ['names of others', 'example.org metadata.google.internal 127.0.0.1.nip.io gw.example.org.evil.net a.b gold.local server- _gateway'],
    ['no name at all', '* . .. / @ \u0000 123\u0000 gold\u0000.org 123\n'],
  ];
  for (const [what, hosts] of others)
    test(`${what}: ${shown(hosts)} are no servers`, () => {
      for (const host of hosts.split(' ')) {
        const found = meant(host);
        // A trailing dot is the root of the names; behind an address it may be taken for that address or for nothing.
        assert.ok(found === 'other' || (host === '192.168.11.123.' && found === 'id 123 port 22'), `${JSON.stringify(host)} is ${found}`);
      }
    });

  test('an empty host, a port that is none and a public port that is no server’s are no servers', () => {
    for (const port of [0, -1, 65_536, 1.5, Number.NaN]) assert.equal(meant('123', port), 'other', String(port));
    for (const port of [22, 80, 443, 3022, 9440, 5900, 1999, 3000, 57_999]) assert.equal(meant('myserver', port), 'other', String(port));
    assert.equal(meant(''), 'other');
  });

  test('localhost, localhost.localdomain and names like them are names at most, never looked up', () => {
    assert.ok(['other', 'name localhost port 22'].includes(meant('localhost')));
    assert.equal(meant('localhost.localdomain'), 'other');
  });

  test('whatever is asked for, what is meant is a server of the plan or nothing, and the same in capitals', () => {
    const octet = fc.oneof(
      fc.nat(300).map(String),
      fc.nat(255).map((each) => `0x${each.toString(16)}`),
      fc.nat(255).map((each) => `0${each.toString(8)}`),
    );
    const dotted = fc.array(octet, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('.'));
    const host = fc.oneof(
      dotted,
      fc.ipV6(),
      fc.ipV4(),
      fc.ipV4Extended(),
      fc.domain(),
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.nat(2 ** 33).map(String),
    );
    fc.assert(
      fc.property(host, fc.integer({ min: -1, max: 70_000 }), (text, port) => {
        const found = parseDestination(text, port, facts);
        if (/^[ -~]*$/u.test(text)) assert.deepEqual(parseDestination(text.toUpperCase(), port, facts), found);
        if (found.kind === 'other') return;
        assert.ok(Number.isInteger(found.port) && found.port >= 1 && found.port <= 65_535);
        // Only what a person writes for a server: an ID, its address or its name, with a dot at most at the end.
        assert.match(text.toLowerCase(), /^(?:\d{1,5}|server-\d{1,9}|[a-z][a-z\d-]*|\d+\.\d+\.\d+\.\d+)\.?$/u);
        if (text.includes('.') && /^[\d.]+$/u.test(text) && found.server.kind === 'id') {
          // What ssh and curl make of an ID is an address below 0.1.0.0.
          const isNumber = text.startsWith('0.0.');
          assert.equal(isNumber ? ipv4Text(found.server.id) : plan.addressOf(found.server.id), text.replace(/\.$/u, ''));
        }
      }),
      { numRuns: 1000 },
    );
  });
});

test('isLoopbackName takes the usual forms alone', () => {
  for (const host of ['localhost', 'LOCALHOST', '127.0.0.1', '::1', '[::1]']) assert.ok(isLoopbackName(host), host);
  for (const host of ['127.1', '127.0.0.2', '0.0.0.0', 'localhost.evil.net', '', '::ffff:127.0.0.1'])
    assert.ok(!isLoopbackName(host), host);
});

function shown(hosts: string): string {
  return JSON.stringify(hosts.slice(0, 40));
}
