import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { checkPlan, checkPlanConfig, heldIds, type Listener, type PlanFacts } from './plan-check.ts';
import { parsePlan } from './plan.ts';

const plan = parsePlan({});
const quiet: PlanFacts = {
  listeners: [],
  ephemeralRange: [32_768, 60_999],
  reservedRanges: [[58_000, 58_999]],
  ownListeners: [
    { name: 'bastion', port: 3022 },
    { name: 'portal', port: 9443 },
  ],
  routes: [
    { network: '0.0.0.0/0', device: 'eth0' },
    { network: '192.0.2.0/24', device: 'eth0' },
    { network: '192.168.0.0/16', device: 'br0' },
  ],
  ownBridge: 'br0',
};

function trouble(facts: Partial<PlanFacts>, of = plan): readonly string[] {
  return checkPlan(of, { ...quiet, ...facts })
    .filter(({ severity }) => severity !== 'info')
    .map(({ severity, code, subject, found, remedy }) => `${severity} ${code}, ${subject}: ${found}. ${remedy}`);
}

function on(address: string, port: number, protocol: 'tcp' | 'udp' = 'tcp'): Listener {
  return { protocol, address, port, holder: 'nginx' };
}

suite('checkPlan', () => {
  test('a host where all is well gives nothing but notes on customary ports', () => {
    assert.deepEqual(trouble({}), []);
    const notes = checkPlan(plan, quiet);
    assert.ok(notes.every(({ code }) => code === 'port-customary'));
    for (const port of [2049, 2222, 2375])
      assert.ok(notes.some(({ subject, found }) => subject === `port ${port}/tcp` && found.includes(`ID ${port - 2000};`)));
  });

  test('a listening socket is named with its program, the ID it costs and what to do', () => {
    assert.deepEqual(trouble({ listeners: [on('0.0.0.0', 8123)] }), [
      'warning port-held, port 8123/tcp: nginx listens on port 8123/tcp (0.0.0.0), which block www gives to ID 123: ID 123 is passed over when IDs are given out, ' +
        'and if it is a server already, that program is hidden behind it. move nginx to a port outside 8000-8999, or leave it and do without ID 123',
    ]);
  });

  test('where leases are known a held port hides a program, or costs an ID and is only a note', () => {
    const said = (leased: readonly number[]): readonly string[] =>
      checkPlan(plan, { ...quiet, listeners: [on('0.0.0.0', 8123)], leased: new Set(leased.map((id) => plan.requireId(id))) })
        .filter(({ code }) => code === 'port-held')
        .map(({ severity, found }) => `${severity}: ${found.split(': ').at(-1)}`);
    assert.deepEqual(said([123]), ['warning: ID 123 is a server, and that program is hidden behind it']);
    assert.deepEqual(said([1]), ['info: ID 123 is passed over when IDs are given out']);
  });

  test('one program on IPv4 and IPv6 is one finding', () => {
    assert.equal(trouble({ listeners: [on('0.0.0.0', 8123), on('::', 8123)] }).length, 1);
  });

  test('an own listener inside a block is an error, and its socket is not said twice', () => {
    const found = trouble({ ownListeners: [{ name: 'bastion', port: 2022 }], listeners: [on('0.0.0.0', 2022)] });
    assert.equal(found.length, 1);
    assert.match(
      found[0] ?? '',
      /^error own-listener-in-block, port 2022\/tcp: .*bastion is on port 2022, which block ssh gives to ID 22/u,
    );
  });

  test('the part of a block that the kernel may lend out is named, and can be mended', () => {
    assert.match(
      trouble({ reservedRanges: [] })[0] ?? '',
      /ports 58000-58999 .* IDs 0-999\. add 58000-58999 to net.ipv4.ip_local_reserved_ports/u,
    );
    const parts = trouble({
      reservedRanges: [
        [58_100, 58_199],
        [58_500, 60_000],
      ],
    });
    assert.deepEqual(
      parts.map((text) => /add (\S+) to/u.exec(text)?.[1]),
      ['58000-58099', '58200-58499'],
    );
    assert.match(parts[1] ?? '', /IDs 200-499/u);
    assert.ok(checkPlan(plan, { ...quiet, reservedRanges: [] }).some(({ code, canMend }) => code === 'ports-not-reserved' && canMend));
  });

  test('a route inside the private network is an error with the IDs it concerns and a network that is free', () => {
    const routes = [
      { network: '192.168.12.0/24', device: 'wlan0' },
      { network: '10.77.0.0/16', device: 'tun0' },
    ];
    const [found = ''] = trouble({ routes });
    assert.match(found, /^error network-taken, network 192.168.0.0\/16: the host already has 192.168.12.0\/24 on wlan0, .*: IDs 200-299 /u);
    assert.match(found, /for example 10.177.0.0\/16/u);
  });

  test('a wider route is a warning, and the default route, our own bridge and IPv6 are none', () => {
    const routes = [
      { network: '192.0.0.0/8', device: 'tun0' },
      { network: '0.0.0.0/0', device: 'eth0' },
      { network: '192.168.0.0/16', device: 'br0' },
      { network: 'fe80::/64', device: 'eth0' },
    ];
    const found = trouble({ routes });
    assert.equal(found.length, 1);
    assert.match(found[0] ?? '', /^warning network-inside-route/u);
  });

  test('IDs without a port are said', () => {
    const large = parsePlan({ blocks: [{ name: 'usr', privatePort: 8000, base: 65_000 }] });
    const [note] = checkPlan(large, quiet);
    assert.deepEqual([note?.code, note?.severity], ['ids-without-port', 'info']);
    assert.match(note?.found ?? '', /IDs 536-999/u);
  });

  test('a port that browsers refuse is said where browsers are to open it, and not of ssh', () => {
    const web = parsePlan({ blocks: [{ name: 'www', privatePort: 80, base: 6000 }] });
    assert.ok(checkPlan(web, quiet).some(({ subject, found }) => subject === 'port 6667/tcp' && found.includes('browsers refuse')));
    assert.ok(checkPlan(plan, quiet).every(({ found }) => !found.includes('browsers refuse')));
  });

  test('checkPlanConfig makes a finding of what is no plan', () => {
    const [found] = checkPlanConfig(
      {
        blocks: [
          { name: 'a', privatePort: 1, base: 2000 },
          { name: 'b', privatePort: 2, base: 2999 },
        ],
      },
      quiet,
    );
    assert.equal(found?.code, 'bad-plan');
    assert.match(found?.found ?? '', /ID 999 in block a and to ID 0 in block b/u);
    assert.deepEqual(checkPlanConfig({}, quiet), checkPlan(plan, quiet));
  });
});

suite('heldIds', () => {
  const ids = (listeners: readonly Listener[], of = plan): readonly number[] => [...heldIds(of, listeners).keys()];

  test('a listener at any address that a forward would take from it holds the ID', () => {
    for (const address of ['0.0.0.0', '::', '127.0.0.1', '192.0.2.2', '::ffff:192.0.2.2'])
      assert.deepEqual(ids([on(address, 2007)]), [7], address);
  });

  test('a listener at one IPv6 address, of another protocol or outside the blocks holds none', () => {
    assert.deepEqual(ids([on('::1', 2007), on('fe80:0:0:0:0:0:0:1', 2008), on('0.0.0.0', 2009, 'udp'), on('0.0.0.0', 443)]), []);
  });

  test('with several public addresses only the block on that address is concerned', () => {
    const blocks = [
      { name: 'ssh', privatePort: 22, base: 2000 },
      { name: 'www', privatePort: 80, base: 2001, addressIndex: 1 },
    ];
    const several = parsePlan({ publicAddresses: ['198.18.0.1', '198.18.0.2'], blocks });
    assert.deepEqual(ids([on('198.18.0.2', 2010)], several), [9]);
    assert.deepEqual(ids([on('198.18.0.9', 2010)], several), []);
    assert.deepEqual(ids([on('0.0.0.0', 2010)], several), [10, 9]);
  });
});
