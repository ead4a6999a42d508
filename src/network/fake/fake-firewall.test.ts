import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fault } from '../../core/errors.ts';
import { conformanceRuleset, firewallConformance } from '../conformance.ts';
import { makeFakeFirewall } from './fake-firewall.ts';

firewallConformance('the fake firewall', async () => {
  const firewall = makeFakeFirewall();
  return {
    firewall,
    again: () => firewall,
    deleteByHand: async (publicPort) => firewall.deleteByHand(publicPort),
    [Symbol.asyncDispose]: async () => {},
  };
});

test('failNext: one set fails and the former rules stand', async () => {
  const firewall = makeFakeFirewall();
  await firewall.set(conformanceRuleset);
  firewall.failNext(fault('firewall-failed', 'nft refused the rules'));
  await assert.rejects(firewall.set({ ...conformanceRuleset, forwards: [] }), { code: 'firewall-failed' });
  assert.equal(firewall.standing, conformanceRuleset);
  await firewall.set({ ...conformanceRuleset, forwards: [] });
  assert.equal(firewall.sets, 2);
});
