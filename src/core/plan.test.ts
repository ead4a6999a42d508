import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../base/fault.ts';
import { ipv4Network, ipv4Number, ipv4Text } from './ipv4.ts';
import { planPresets } from './plan-config.ts';
import { parsePlan, type Plan } from './plan.ts';

function coordinates(plan: Plan, id: number): string {
  const server = plan.requireId(id);
  const ports = plan
    .portsOf(server)
    .map(({ block, protocol, publicPort, privatePort }) => `${block} ${publicPort}->${privatePort}/${protocol}`);
  return [plan.addressOf(server), ...ports].join(', ');
}

suite('parsePlan: the presets, number by number', () => {
  const classic = parsePlan({});
  const golden: readonly (readonly [Plan, number, string])[] = [
    [classic, 0, '192.168.10.100, ssh 2000->22/tcp, www 8000->80/tcp, usr 58000->8000/tcp'],
    [classic, 123, '192.168.11.123, ssh 2123->22/tcp, www 8123->80/tcp, usr 58123->8000/tcp'],
    [classic, 999, '192.168.19.199, ssh 2999->22/tcp, www 8999->80/tcp, usr 58999->8000/tcp'],
    [parsePlan({ preset: 'single' }), 1, '192.168.1.1, ssh 30001->22/tcp'],
    [parsePlan({ preset: 'single' }), 254, '192.168.1.254, ssh 30254->22/tcp'],
    [parsePlan({ preset: 'strided' }), 1, '192.168.1.1, ssh 30003->22/tcp, www 30004->80/tcp, tls 30005->443/tcp'],
    [parsePlan({ preset: 'strided' }), 254, '192.168.1.254, ssh 30762->22/tcp, www 30763->80/tcp, tls 30764->443/tcp'],
    [parsePlan({ preset: 'two-octet' }), 1, '10.10.0.1, ssh 30001->22/tcp, ssh 30001->22/udp'],
    [parsePlan({ preset: 'two-octet' }), 7 + 256 * 3, '10.10.3.7, ssh 30775->22/tcp, ssh 30775->22/udp'],
    [parsePlan({ preset: 'two-octet' }), 35_535, '10.10.138.207, ssh 65535->22/tcp, ssh 65535->22/udp'],
    [
      parsePlan({ network: '10.77.0.0/16', host: '10.77.0.1' }),
      123,
      '10.77.11.123, ssh 2123->22/tcp, www 8123->80/tcp, usr 58123->8000/tcp',
    ],
  ];
  for (const [plan, id, expected] of golden) {
    test(`ID ${id} is ${expected}`, () => assert.equal(coordinates(plan, id), expected));
  }

  test('each preset knows its edges', () => {
    for (const [name, config] of Object.entries(planPresets)) {
      const plan = parsePlan(config);
      assert.deepEqual(plan.config, parsePlan({ preset: name }).config);
      assert.deepEqual(plan.gaps, []);
      assert.equal(plan.has(plan.ids.first - 1), false);
      assert.equal(plan.has(plan.ids.last + 1), false);
      assert.throws(() => plan.requireId(plan.ids.last + 1), {
        code: 'bad-id',
        message: new RegExp(`from ${plan.ids.first} to ${plan.ids.last}`, 'u'),
      });
    }
  });

  test('requireId takes what people type and refuses what is no ID', () => {
    assert.equal(classic.requireId('007'), 7);
    for (const text of ['1000', '-1', '1.5', '', 'abc', '123 ', '99999999'])
      assert.throws(() => classic.requireId(text), { code: 'bad-id' });
  });

  test('idOfAddress and locate know nothing of strangers', () => {
    for (const address of ['192.168.0.1', '192.168.10.99', '192.168.10.200', '192.168.20.100', '10.0.0.1', '192.168.10.0100', 'x']) {
      assert.equal(classic.idOfAddress(address), undefined, address);
    }
    for (const port of [1999, 3000, 7999, 9000, 57_999, 59_000, 0, -1, 65_536, 2000.5])
      assert.equal(classic.locate(port, 'tcp'), undefined);
    assert.equal(classic.locate(2123, 'udp'), undefined);
    assert.equal(classic.portOf(classic.requireId(1), 'vnc'), undefined);
  });

  test('locate with a stride knows which of the interleaved blocks a port is in', () => {
    const plan = parsePlan({ preset: 'strided' });
    assert.deepEqual(
      [30_003, 30_004, 30_005, 30_006].map((port) => plan.locate(port, 'tcp')?.block.name),
      ['ssh', 'www', 'tls', 'ssh'],
    );
    assert.equal(plan.locate(30_002, 'tcp'), undefined);
  });
});

suite('parsePlan: large plans', () => {
  const large = { network: '10.0.0.0/8', host: '10.255.0.1', address: { rule: 'offset', first: '10.1.0.0' } };

  test('IDs beyond the last port are said, and have no port there', () => {
    const plan = parsePlan({
      ...large,
      ids: { first: 0, last: 20_000 },
      blocks: [
        { name: 'ssh', privatePort: 22, base: 2000 },
        { name: 'www', privatePort: 80, base: 60_000 },
      ],
    });
    assert.deepEqual(plan.gaps, [{ block: 'www', firstId: 5536, lastId: 20_000 }]);
    assert.equal(plan.portOf(plan.requireId(5535), 'www'), 65_535);
    assert.equal(plan.portOf(plan.requireId(5536), 'www'), undefined);
    assert.deepEqual(
      plan.portsOf(plan.requireId(5536)).map(({ block }) => block),
      ['ssh'],
    );
    assert.equal(plan.locate(65_535, 'tcp')?.id, 5535);
  });

  test('fifty thousand IDs with three blocks fit on three public addresses', () => {
    const publicAddresses = ['198.18.0.1', '198.18.0.2', '198.18.0.3'];
    const blocks = ['ssh', 'www', 'usr'].map((name, addressIndex) => ({
      name,
      privatePort: [22, 80, 8000][addressIndex],
      base: 2000,
      addressIndex,
    }));
    const plan = parsePlan({ ...large, ids: { first: 0, last: 49_999 }, publicAddresses, blocks });
    assert.deepEqual(
      plan.portsOf(plan.requireId(49_999)).map(({ publicAddress, publicPort }) => `${publicAddress}:${publicPort}`),
      ['198.18.0.1:51999', '198.18.0.2:51999', '198.18.0.3:51999'],
    );
    assert.deepEqual(
      publicAddresses.map((address) => plan.locate(2007, 'tcp', address)?.block.name),
      ['ssh', 'www', 'usr'],
    );
    assert.equal(plan.locate(2007, 'tcp')?.block.name, 'ssh');
    assert.equal(plan.locate(2007, 'tcp', '198.18.0.4'), undefined);
  });
});

suite('parsePlan: what is no plan', () => {
  const block = { name: 'ssh', privatePort: 22, base: 2000 };
  const bad: readonly (readonly [string, unknown, RegExp])[] = [
    ['not an object', 'classic', /must be an object/u],
    ['a misspelt word', { netwrok: '10.0.0.0/16' }, /has no "netwrok": it takes preset, network/u],
    ['an unknown preset', { preset: 'modern' }, /one of classic, single, strided, two-octet, not "modern"/u],
    ['a network with more than its own bits', { network: '192.168.1.0/16' }, /network is "192.168.1.0\/16"/u],
    ['a network that some parsers read otherwise', { network: '0300.0250.0.0/16' }, /write an IPv4 network/u],
    ['a host outside the network', { host: '10.0.0.1' }, /inside 192.168.0.0\/16/u],
    ['a host that is the broadcast address', { host: '192.168.255.255' }, /neither its first nor its last/u],
    ['a host with the address of an ID', { host: '192.168.11.123' }, /also the address of ID 123/u],
    ['the classic rule in a small network', { network: '192.168.1.0/24', host: '192.168.1.1' }, /\/16 or larger/u],
    ['the classic rule beyond its last ID', { ids: { first: 0, last: 24_600 } }, /ends at ID 24599/u],
    [
      'addresses that leave the network',
      { preset: 'single', network: '192.168.0.0/23', ids: { first: 1, last: 300 } },
      /ID 300 would have the address 192.168.2.44/u,
    ],
    [
      'addresses beyond the last of all',
      {
        preset: 'single',
        network: '255.255.0.0/16',
        host: '255.255.0.1',
        address: { rule: 'offset', first: '255.255.255.0' },
        ids: { first: 1, last: 999 },
      },
      /beyond 255/u,
    ],
    ['IDs the wrong way round', { ids: { first: 9, last: 3 } }, /ids.last must be a whole number from 9 to 65535, not 3/u],
    ['an ID that is no number', { ids: { first: 0, last: '999' } }, /ids.last .* not "999"/u],
    ['two blocks of one name', { blocks: [block, block] }, /two blocks are named ssh/u],
    ['a block without a base', { blocks: [{ name: 'ssh', privatePort: 22 }] }, /blocks\[0\].base must be a whole number .* not nothing/u],
    ['a block with no port at all', { blocks: [{ ...block, base: 0 }] }, /gives ID 0 the port 0/u],
    ['a stride of nought', { blocks: [{ ...block, stride: 0 }] }, /stride must be a whole number from 1/u],
    ['a protocol twice', { blocks: [{ ...block, protocols: ['tcp', 'tcp'] }] }, /each once/u],
    [
      'blocks that overlap',
      { blocks: [block, { name: 'www', privatePort: 80, base: 2500 }] },
      /port 2500\/tcp would belong to ID 500 in block ssh and to ID 0 in block www/u,
    ],
    [
      'strided blocks that meet',
      {
        blocks: [
          { ...block, stride: 2 },
          { name: 'www', privatePort: 80, base: 2998 },
        ],
      },
      /port 2998\/tcp would belong to ID 499 .* ID 0/u,
    ],
    ['a public address that is none', { publicAddresses: ['host.example'] }, /publicAddresses has "host.example"/u],
    [
      'a public address that is missing',
      { blocks: [{ ...block, addressIndex: 1 }] },
      /public address number 1, and publicAddresses has only 0/u,
    ],
  ];
  for (const [what, config, sentence] of bad) {
    test(`${what} is refused with a sentence`, () => assert.throws(() => parsePlan(config), { code: 'bad-plan', message: sentence }));
  }

  test('blocks of different protocols or public addresses may share a number', () => {
    parsePlan({ blocks: [block, { ...block, name: 'dns', protocols: ['udp'] }] });
    parsePlan({ publicAddresses: ['198.18.0.1', '198.18.0.2'], blocks: [block, { ...block, name: 'www', addressIndex: 1 }] });
  });
});

suite('Plan: properties of every plan that parses', () => {
  const blocks = fc.array(
    fc.record({
      privatePort: fc.integer({ min: 1, max: 65_535 }),
      base: fc.integer({ min: 1, max: 65_535 }),
      stride: fc.integer({ min: 1, max: 5 }),
      offset: fc.integer({ min: 0, max: 6 }),
      protocols: fc.constantFrom(['tcp'], ['udp'], ['tcp', 'udp']),
      addressIndex: fc.integer({ min: 0, max: 1 }),
    }),
    { minLength: 1, maxLength: 4 },
  );
  const config = fc
    .record({
      address: fc.oneof(
        fc.constant({ rule: 'classic' }),
        fc.record({ rule: fc.constant('offset'), first: fc.integer({ min: 0x0a01_0000, max: 0x0a02_0000 }).map(ipv4Text) }),
      ),
      ids: fc
        .tuple(fc.integer({ min: 0, max: 2000 }), fc.integer({ min: 0, max: 700 }))
        .map(([first, more]) => ({ first, last: first + more })),
      publicAddresses: fc.constantFrom([], ['198.18.0.1', '198.18.0.2']),
      blocks,
    })
    .map((made) => ({
      ...made,
      network: '10.0.0.0/8',
      host: '10.255.255.1',
      blocks: made.blocks.map((item, index) => ({
        ...item,
        name: `b${index}`,
        addressIndex: made.publicAddresses.length === 0 ? 0 : item.addressIndex,
      })),
    }));

  function planOrNothing(input: unknown): Plan | undefined {
    try {
      return parsePlan(input);
    } catch (error) {
      assert.ok(error instanceof Fault && error.code === 'bad-plan');
      return undefined;
    }
  }

  test('address and ID are each other’s inverse, and no two IDs share an address', () => {
    fc.assert(
      fc.property(config, fc.nat(), (input, pick) => {
        const plan = planOrNothing({ ...input, blocks: [] });
        fc.pre(plan !== undefined);
        const id = plan.requireId(plan.ids.first + (pick % plan.ids.count));
        assert.equal(plan.idOfAddress(plan.addressOf(id)), id);
        const other = ipv4Text((ipv4Number(plan.addressOf(id)) ?? 0) + (pick % 50));
        const found = plan.idOfAddress(other);
        if (found !== undefined) assert.equal(plan.addressOf(found), other);
      }),
    );
  });

  test('locate is the inverse of portsOf, and no two (ID, block) share a port', () => {
    fc.assert(
      fc.property(config, (input) => {
        const plan = planOrNothing(input);
        fc.pre(plan !== undefined);
        const seen = new Set<string>();
        for (let number = plan.ids.first; number <= plan.ids.last; number += 1) {
          const id = plan.requireId(number);
          for (const { block, protocol, publicAddress, publicPort } of plan.portsOf(id)) {
            const key = `${protocol} ${publicAddress}:${publicPort}`;
            assert.ok(!seen.has(key), key);
            seen.add(key);
            const found = plan.locate(publicPort, protocol, publicAddress);
            assert.deepEqual([found?.id, found?.block.name], [id, block]);
            assert.equal(plan.portOf(id, block), publicPort);
          }
        }
        const gaps = plan.gaps.reduce(
          (sum, { block, firstId, lastId }) =>
            sum + (lastId - firstId + 1) * (plan.config.blocks.find(({ name }) => name === block)?.protocols.length ?? 0),
          0,
        );
        const all = plan.config.blocks.reduce((sum, { protocols }) => sum + protocols.length * plan.ids.count, 0);
        assert.equal(seen.size, all - gaps);
      }),
      { numRuns: 60 },
    );
  });
});

suite('ipv4', () => {
  test('ipv4Number and ipv4Text are each other’s inverse', () => {
    fc.assert(fc.property(fc.nat(0xffff_ffff), (value) => assert.equal(ipv4Number(ipv4Text(value)), value)));
  });

  test('ipv4Number refuses every spelling that some parser reads otherwise', () => {
    for (const text of ['0177.0.0.1', '127.1', '1.2.3.4.5', '256.0.0.1', ' 1.2.3.4', '1.2.3.4\n', '::1', '', '1..2.3', '٣.1.1.1'])
      assert.equal(ipv4Number(text), undefined, text);
  });

  test('ipv4Network knows its edges', () => {
    assert.deepEqual(ipv4Network('10.0.0.0/8'), { text: '10.0.0.0/8', first: 0x0a00_0000, last: 0x0aff_ffff, prefix: 8 });
    assert.deepEqual(ipv4Network('0.0.0.0/0')?.last, 0xffff_ffff);
    for (const text of ['10.0.0.1/8', '10.0.0.0/33', '10.0.0.0', '10.0.0.0/', '10.0.0.0/8 '])
      assert.equal(ipv4Network(text), undefined, text);
  });
});
