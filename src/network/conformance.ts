/** What every firewall must do, the real one and the fake alike: each promise of `firewall.ts` as a test. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { messageOf } from '../base/fault.ts';
import type { Ruleset } from '../core/ruleset.ts';
import type { Firewall } from './firewall.ts';

export interface FirewallUnderTest extends AsyncDisposable {
  readonly firewall: Firewall;
  /** A second firewall on the same kernel, as a restarted process would make it. */
  again(): Firewall;
  /** Deletes the element of a public TCP port behind the firewall's back. */
  deleteByHand(publicPort: number): Promise<void>;
}

export const conformanceRuleset: Ruleset = {
  table: 'conformance',
  bridge: 'br0',
  network: '10.98.0.0/16',
  hostAddress: '10.98.0.1',
  leased: ['10.98.10.101', '10.98.10.102'],
  stopped: ['10.98.10.102'],
  cables: [
    { name: 'c2-00000000', address: '10.98.10.102' },
    { name: 'c1-00000000', address: '10.98.10.101' },
  ],
  forwards: [
    { protocol: 'tcp', publicAddress: undefined, publicPort: 2002, address: '10.98.10.102', privatePort: 22 },
    { protocol: 'tcp', publicAddress: undefined, publicPort: 2001, address: '10.98.10.101', privatePort: 22 },
    { protocol: 'udp', publicAddress: undefined, publicPort: 2001, address: '10.98.10.101', privatePort: 53 },
    { protocol: 'tcp', publicAddress: '198.18.0.9', publicPort: 2001, address: '10.98.10.102', privatePort: 80 },
  ],
  hostServices: [{ protocol: 'tcp', port: 443 }],
  blockedDestinations: ['169.254.0.0/16', '10.0.0.0/24', '10.0.1.0/24'],
  keepSource: true,
  otherForwarding: 'leave',
};

export function firewallConformance(name: string, make: () => Promise<FirewallUnderTest>): void {
  suite(`${name} conforms to Firewall`, () => {
    let made: FirewallUnderTest;
    let firewall: Firewall;
    const rules = conformanceRuleset;
    before(async () => {
      made = await make();
      firewall = made.firewall;
    });
    after(() => made[Symbol.asyncDispose]());

    test('matches says false before the first set', async () => {
      assert.equal(await firewall.matches(rules), false);
    });

    test('stands says whether there are rules at all, deleted ones apart', async () => {
      assert.equal(await firewall.stands(), false);
      await firewall.set(rules);
      assert.equal(await firewall.stands(), true);
      await firewall.clear();
      assert.equal(await firewall.stands(), false);
    });

    test('set may be repeated, and matches says true after it, to a restarted process too', async () => {
      await firewall.set(rules);
      await firewall.set(rules);
      assert.equal(await firewall.matches(rules), true);
      assert.equal(await made.again().matches(rules), true);
    });

    test('matches does not mind the order in which the same things are stated', async () => {
      await firewall.set(rules);
      const turned = {
        ...rules,
        leased: rules.leased.toReversed(),
        cables: rules.cables.toReversed(),
        forwards: rules.forwards.toReversed(),
      };
      assert.equal(await firewall.matches(turned), true);
    });

    test('matches says false for any other rules', async () => {
      await firewall.set(rules);
      const others: readonly Partial<Ruleset>[] = [
        { forwards: rules.forwards.slice(1) },
        { leased: [...rules.leased, '10.98.10.103'] },
        { cables: rules.cables.slice(1) },
        { stopped: [] },
        { hostServices: [] },
        { blockedDestinations: [] },
        { keepSource: false },
        { otherForwarding: 'drop' },
      ];
      for (const other of others) assert.equal(await firewall.matches({ ...rules, ...other }), false, JSON.stringify(other));
    });

    test('matches sees a port deleted by hand, and set puts it back', async () => {
      await firewall.set(rules);
      await made.deleteByHand(2001);
      assert.equal(await firewall.matches(rules), false);
      await firewall.set(rules);
      assert.equal(await firewall.matches(rules), true);
    });

    test('set takes empty rules and full ones in turn', async () => {
      const empty = { ...rules, leased: [], cables: [], stopped: [], forwards: [], hostServices: [], blockedDestinations: [] };
      await firewall.set(empty);
      assert.equal(await firewall.matches(empty), true);
      await firewall.set(rules);
      assert.equal(await firewall.matches(rules), true);
      assert.equal(await firewall.matches(empty), false);
    });

    test('of several sets at once the last stands', async () => {
      const last = { ...rules, keepSource: false };
      await Promise.all([firewall.set(rules), firewall.set({ ...rules, forwards: [] }), firewall.set(last)]);
      assert.equal(await firewall.matches(last), true);
    });

    test('set refuses a port stated twice and an address without a lease, and the former rules stand', async () => {
      await firewall.set(rules);
      const [first] = rules.forwards;
      assert.ok(first !== undefined);
      await assert.rejects(firewall.set({ ...rules, forwards: [...rules.forwards, { ...first, address: '10.98.10.101' }] }), {
        code: 'conflict',
      });
      await assert.rejects(firewall.set({ ...rules, leased: [] }), { code: 'conflict' });
      assert.equal(await firewall.matches(rules), true);
    });

    test('set with a signal that fired changes nothing', async () => {
      await firewall.set(rules);
      await assert.rejects(firewall.set({ ...rules, forwards: [] }, AbortSignal.abort()), { code: 'cancelled' });
      assert.equal(await firewall.matches(rules), true);
    });

    test('cut of an address without connections is a success', async () => {
      await firewall.cut('10.98.10.101');
      await firewall.cut('10.98.10.101');
      await firewall.cut('10.98.10.101', 80);
    });

    test('cut refuses what is no address', async () => {
      await assert.rejects(firewall.cut('10.98.10.101; reboot'), (error) => messageOf(error).includes('is not a private address'));
    });

    test('clear may be repeated, and matches says false after it', async () => {
      await firewall.set(rules);
      await firewall.clear();
      await firewall.clear();
      assert.equal(await firewall.matches(rules), false);
    });
  });
}
