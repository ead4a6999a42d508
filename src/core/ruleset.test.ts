import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { parsePlan } from './plan.ts';
import type { ServerId } from './ids.ts';
import { type LeaseOnWire, rulesOf } from './ruleset-plan.ts';
import { metadataNetwork, type Ruleset, rulesetText } from './ruleset.ts';

const plan = parsePlan({});
const lease = (id: ServerId): LeaseOnWire => ({ id, cable: `c${id}-0a1b2c3d`, isStopped: id === 123, ports: {} });
const rules: Ruleset = {
  table: 'myserver',
  bridge: 'msbr0',
  ...rulesOf(
    plan,
    [999, 0, 123].map((id) => lease(plan.requireId(id))),
  ),
  hostServices: [
    { protocol: 'tcp', port: 9443 },
    { protocol: 'tcp', port: 3022 },
    { protocol: 'tcp', port: 9443 },
  ],
  blockedDestinations: ['192.0.2.0/24', metadataNetwork],
  keepSource: true,
  otherForwarding: 'leave',
};

suite('rulesetText', () => {
  const golden: Readonly<Record<string, Ruleset>> = {
    'ruleset.golden.nft': rules,
    'ruleset-empty.golden.nft': {
      ...rules,
      leased: [],
      cables: [],
      stopped: [],
      forwards: [],
      hostServices: [],
      blockedDestinations: [],
      keepSource: false,
      otherForwarding: 'drop',
    },
  };
  for (const [file, ruleset] of Object.entries(golden)) {
    test(`writes ${file} as it stands (UPDATE_GOLDEN=1 writes it anew: read the difference)`, async () => {
      const path = new URL(file, import.meta.url);
      if (process.env['UPDATE_GOLDEN'] === '1') await writeFile(path, rulesetText(ruleset));
      assert.equal(rulesetText(ruleset), await readFile(path, 'utf8'));
    });
  }

  test('is the same for the same things stated in another order', () => {
    const turned = {
      ...rules,
      leased: rules.leased.toReversed(),
      cables: rules.cables.toReversed(),
      forwards: rules.forwards.toReversed(),
      hostServices: rules.hostServices.toReversed(),
      blockedDestinations: rules.blockedDestinations.toReversed(),
    };
    assert.equal(rulesetText(turned), rulesetText(rules));
  });

  test('keys forwards by address and port where they name an address', () => {
    const several = parsePlan({
      publicAddresses: ['198.18.0.10', '198.18.0.9'],
      blocks: [{ name: 'ssh', privatePort: 22, base: 2000, protocols: ['tcp', 'udp'] }],
    });
    const text = rulesetText({ ...rules, ...rulesOf(several, [lease(several.requireId(5))]) });
    assert.match(text, /map tcp_forward_at \{[^}]*elements = \{\s+198\.18\.0\.10 \. 2005 : 192\.168\.10\.105 \. 22,\s+\}/u);
    assert.match(text, /map udp_forward_at \{[^}]*198\.18\.0\.10 \. 2005 : /u);
  });

  test('has one element for each of 64,000 forwards, in the order of their ports', () => {
    const large = parsePlan({
      network: '10.0.0.0/8',
      host: '10.255.0.1',
      address: { rule: 'offset', first: '10.1.0.0' },
      ids: { first: 0, last: 63_999 },
      blocks: [{ name: 'ssh', privatePort: 22, base: 1500 }],
    });
    const ids = Array.from({ length: 64_000 }, (_, id) => lease(large.requireId(63_999 - id)));
    const ports = [...rulesetText({ ...rules, ...rulesOf(large, ids) }).matchAll(/^\t{3}(\d+) : /gmu)].map(([, port]) => Number(port));
    assert.equal(ports.length, 64_000);
    assert.ok(ports.every((port, index) => port === 1500 + index));
  });

  const refused: readonly (readonly [string, Partial<Ruleset>, string])[] = [
    ['a bridge with a quote in its name', { bridge: 'br0" accept; drop; "' }, 'bad-configuration'],
    ['a bridge with a line break', { bridge: 'br0\naccept' }, 'bad-configuration'],
    ['a bridge whose name is too long for an interface', { bridge: 'a234567890123456' }, 'bad-configuration'],
    ['a table that is no word', { table: 'my server' }, 'bad-configuration'],
    ['a network that is none', { network: '192.168.0.0/16 accept' }, 'bad-configuration'],
    ['a host address that is none', { hostAddress: '192.168.0.1 accept' }, 'bad-configuration'],
    ['a leased address that is none', { leased: ['192.168.0.5, 1.2.3.4'] }, 'bad-configuration'],
    ['a blocked network that is none', { blockedDestinations: ['all'] }, 'bad-configuration'],
    ['a service without a port', { hostServices: [{ protocol: 'tcp', port: 0 }] }, 'bad-configuration'],
    ['a stopped server’s address that is none', { stopped: ['192.168.0.5, 1.2.3.4'] }, 'bad-configuration'],
    ['a cable with a quote in its name', { cables: [{ name: 'c0" . 02:6d', address: '192.168.10.100' }] }, 'bad-configuration'],
    ['a cable whose address is none', { cables: [{ name: 'c0', address: '192.168.10.100 drop' }] }, 'bad-configuration'],
    ['a cable of nobody’s address', { cables: [{ name: 'c0', address: '192.168.10.200' }] }, 'conflict'],
    ['a cable twice', { cables: rules.cables.map(({ address }) => ({ name: 'c0', address })) }, 'conflict'],
    ['two cables of one address', { cables: ['c0', 'c1'].map((name) => ({ name, address: '192.168.10.100' })) }, 'conflict'],
    ['a forward to nobody’s address', { leased: rules.leased.slice(1), cables: [] }, 'conflict'],
    ['a public port twice', { forwards: [...rules.forwards, ...rules.forwards.slice(0, 1)] }, 'conflict'],
    [
      'a public port that is none',
      { forwards: rules.forwards.map((forward) => ({ ...forward, publicPort: 65_536 })) },
      'bad-configuration',
    ],
  ];
  for (const [what, change, code] of refused) {
    test(`refuses ${what}`, () => assert.throws(() => rulesetText({ ...rules, ...change }), { code }));
  }
});
