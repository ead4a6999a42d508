import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parsePlan } from '../core/plan.ts';
import { makeViews } from './views.ts';

suite('views', () => {
  test('the plan says where the bastion is and what its keys are, and null where there is none', () => {
    let bastion: { host: string; port: number; hostKeys: string[] } | undefined;
    const views = makeViews(() => ({
      version: '',
      publicHost: 'host',
      plan: parsePlan({}),
      bastion: () => bastion,
      web: () => undefined,
      isSelfCertified: () => false,
      recording: 'off',
    }));
    assert.equal(views.plan().bastion, null);
    bastion = { host: 'gate', port: 3022, hostKeys: ['ssh-ed25519 AAAA root@somewhere'] };
    assert.deepEqual(views.plan().bastion, { host: 'gate', port: 3022, hostKeys: ['ssh-ed25519 AAAA'] });
  });
});
