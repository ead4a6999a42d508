import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parsePlan } from './plan.ts';
import { changedPolicies, policyOf, portNamesOf, webDoorsOf } from './port-policy.ts';

suite('who may come to a port', () => {
  test('what a server says comes before what the plan says, and that before "public"', () => {
    const plan = parsePlan({ policies: { usr: 'signed-in' } });
    assert.equal(policyOf(plan, {}, 'www'), 'public');
    assert.equal(policyOf(plan, {}, 'usr'), 'signed-in');
    assert.equal(policyOf(plan, { usr: 'off' }, 'usr'), 'off');
  });

  test('a change keeps what it does not speak of, and "default" takes a word away', () => {
    const plan = parsePlan({});
    assert.deepEqual(changedPolicies(plan, { www: 'off' }, { usr: 'shared' }), { www: 'off', usr: 'shared' });
    assert.deepEqual(changedPolicies(plan, { www: 'off', usr: 'shared' }, { www: 'default' }), { usr: 'shared' });
  });

  test('a name from the language itself is no port', () => {
    for (const name of ['__proto__', 'constructor', 'toString'])
      assert.throws(() => changedPolicies(parsePlan({}), {}, Object.fromEntries([[name, 'off']])), { code: 'bad-request' });
  });

  test('a plan without blocks for the web has its pages at 80 and 8000 all the same', () => {
    const plan = parsePlan({ preset: 'single' });
    assert.deepEqual(webDoorsOf(plan), [
      { name: 'www', port: 80 },
      { name: 'usr', port: 8000 },
    ]);
    assert.ok(portNamesOf(plan).includes('usr'));
  });

  test('a plan with a policy for a port that it does not have is refused', () => {
    assert.throws(() => parsePlan({ policies: { ftp: 'off' } }), { code: 'bad-plan' });
    assert.throws(() => parsePlan({ policies: { www: 'maybe' } }), { code: 'bad-plan' });
  });
});
