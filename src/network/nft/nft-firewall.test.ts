import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { silentLog } from '../../base/log.ts';
import { makeNamespaces } from '../../testing/namespaces.ts';
import { conformanceRuleset as rules, firewallConformance } from '../conformance.ts';
import { makeNftFirewall } from './nft-firewall.ts';
import { at, makeWorld, type World } from './world.testing.ts';

async function emptyHost() {
  await using undo = new AsyncDisposableStack();
  const host = await undo.use(await makeNamespaces()).machine('host');
  const runDir = await mkdtemp(join(tmpdir(), 'myserver-firewall-'));
  undo.defer(() => rm(runDir, { recursive: true }));
  const make = () => makeNftFirewall({ table: rules.table, runDir, log: silentLog, enter: host.enter });
  const kept = undo.move();
  return { host, runDir, make, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

firewallConformance('the nft firewall', async () => {
  const world = await emptyHost();
  return {
    firewall: world.make(),
    again: world.make,
    async deleteByHand(publicPort) {
      await world.host.shell(`nft delete element inet ${rules.table} tcp_forward "{ ${publicPort} }"`);
    },
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  };
});

suite('nft firewall: what was done by hand', () => {
  let world: Awaited<ReturnType<typeof emptyHost>>;
  before(async () => {
    world = await emptyHost();
  });
  after(() => world[Symbol.asyncDispose]());

  const deeds = {
    'a forward added': `nft add element inet conformance tcp_forward "{ 2999 : 10.98.10.101 . 22 }"`,
    'a forward led elsewhere': `nft delete element inet conformance tcp_forward "{ 2001 }"; nft add element inet conformance tcp_forward "{ 2001 : 10.98.10.102 . 22 }"`,
    'a lease added': `nft add element inet conformance leased "{ 10.98.10.200 }"`,
    'a lease deleted between servers': `nft delete element bridge conformance leased "{ 10.98.10.101 }"`,
    'a service of the host added': `nft add element inet conformance host_services "{ tcp . 22 }"`,
    'the blocked networks emptied': 'nft flush set inet conformance blocked',
    'a rule added': 'nft add rule inet conformance through_host accept',
    'a rule put before the others': 'nft insert rule inet conformance early accept',
    'a rule deleted': `nft delete rule inet conformance early handle $(nft -a list chain inet conformance early | sed -n 's/.*drop # handle //p' | head -1)`,
    'a chain emptied': 'nft flush chain bridge conformance between_servers',
    'a policy changed': 'nft chain inet conformance through_host "{ policy drop; }"',
    'a chain added': 'nft add chain inet conformance extra "{ type filter hook input priority 0; }"',
    'a cable’s MAC deleted': `nft delete element bridge conformance macs "{ c1-00000000 . 02:6d:0a:62:0a:65 }"`,
    'the bridge made, and learning from all frames': 'ip link add br0 type bridge',
    'the bridge learning from all frames again': 'ip link set br0 type bridge no_linklocal_learn 0',
    'one of the tables deleted': 'nft delete table bridge conformance',
    'all rules flushed': 'nft flush ruleset',
  };
  for (const [what, deed] of Object.entries(deeds)) {
    test(`matches sees ${what}, and set undoes it`, async () => {
      const firewall = world.make();
      await firewall.set(rules);
      await world.host.shell(deed);
      assert.equal(await firewall.matches(rules), false);
      await firewall.set(rules);
      assert.equal(await firewall.matches(rules), true);
    });
  }

  test('the rules set last are in a file that brings them back by itself after everything was flushed, and clear takes it away', async () => {
    const keepAt = join(world.runDir, 'rules.nft');
    const firewall = makeNftFirewall({ table: rules.table, runDir: world.runDir, keepAt, log: silentLog, enter: world.host.enter });
    await firewall.set(rules);
    await world.host.shell(`nft flush ruleset; nft -f ${keepAt}`);
    assert.equal(await firewall.matches(rules), true);
    await world.host.shell(`nft -f ${keepAt}`);
    assert.equal(await firewall.matches(rules), true, 'loaded twice');
    await rm(keepAt);
    assert.equal(await firewall.matches(rules), false, 'a missing file is a difference, so that the next set writes it');
    await firewall.set(rules);
    await firewall.clear();
    assert.equal((await readdir(world.runDir)).includes('rules.nft'), false);
  });

  test('rules that cannot be written down are set all the same', async () => {
    const keepAt = join(world.runDir, 'absent', 'rules.nft');
    const firewall = makeNftFirewall({ table: rules.table, runDir: world.runDir, keepAt, log: silentLog, enter: world.host.enter });
    await firewall.clear();
    await firewall.set(rules);
    assert.equal(await firewall.stands(), true);
  });

  test('tables of others are left alone by set and clear, and do not disturb matches', async () => {
    const firewall = world.make();
    await firewall.set(rules);
    await world.host.shell(
      'nft add table inet docker; nft add chain inet docker forward "{ type filter hook forward priority 0; policy drop; }"',
    );
    const before = await world.host.run('nft', 'list', 'table', 'inet', 'docker');
    assert.equal(await firewall.matches(rules), true);
    await firewall.set(rules);
    await firewall.clear();
    assert.equal(await world.host.run('nft', 'list', 'table', 'inet', 'docker'), before);
  });

  test('set that fails says why, and leaves the former rules and no file behind', async () => {
    const firewall = world.make();
    await firewall.set(rules);
    for (const [path, message] of [
      ['/nowhere', /former rules still stand.*ip.*No such file/u],
      [await placeOfIpAlone(world.runDir), /former ones still stand.*nft.*No such file/u],
    ] as const) {
      const enter = [...world.host.enter, 'env', `PATH=${path}`];
      const broken = makeNftFirewall({ table: rules.table, runDir: world.runDir, log: silentLog, enter });
      await assert.rejects(broken.set({ ...rules, forwards: [] }), { code: 'firewall-failed', message });
    }
    assert.equal(await firewall.matches(rules), true);
    assert.deepEqual(
      (await readdir(world.runDir)).filter((name) => name.endsWith('.nft')),
      [],
    );
  });

  test('matches says false, and set mends it, when the memory of the last set is lost or garbage', async () => {
    const firewall = world.make();
    await firewall.set(rules);
    await writeFile(join(world.runDir, `firewall-${rules.table}.json`), '{"wanted":');
    assert.equal(await firewall.matches(rules), false);
    await firewall.set(rules);
    assert.equal(await firewall.matches(rules), true);
  });
});

/** A directory for PATH, where there is `ip` and no `nft`. */
async function placeOfIpAlone(runDir: string): Promise<string> {
  const place = join(runDir, 'ip-alone');
  await mkdir(place);
  const found = (process.env['PATH'] ?? '').split(':').map((directory) => join(directory, 'ip'));
  await symlink(found.find((path) => existsSync(path)) ?? '', join(place, 'ip'));
  return place;
}

suite('nft firewall: live connections', () => {
  let world: World;
  before(async () => {
    world = await makeWorld();
  });
  after(() => world[Symbol.asyncDispose]());

  test('set, 20 times, breaks no connection through a port block, from outside, loopback or a server', async () => {
    const lines = await Promise.all([
      world.neighbour.open(at.public, 2001),
      world.host.open('127.0.0.1', 2001),
      world.bob.open(at.public, 2001),
      world.alice.open(at.neighbour, 7000),
    ]);
    for (let round = 0; round < 20; round += 1) {
      await world.firewall.set(world.ruleset);
      for (const line of lines) assert.equal(await line.say(`round ${round}`), `round ${round}`);
    }
  });

  test('cut ends the connections of one address at both ends and no other, though its ports stay open', async () => {
    const victims = await Promise.all([
      world.neighbour.open(at.public, 2001),
      world.host.open('127.0.0.1', 2001),
      world.bob.open(at.public, 2001),
      world.alice.open(at.neighbour, 7000),
    ]);
    const other = await world.neighbour.open(at.public, 2002);
    await world.firewall.cut(at.alice);
    for (const line of victims) assert.equal(await line.say('still there?'), 'refused');
    assert.equal(await other.say('still there?'), 'still there?');
    assert.equal(await world.neighbour.ask(at.public, 2001), 'alice saw 198.18.0.2');
  });
});
