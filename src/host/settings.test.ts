import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { parsePlan } from '../core/plan.ts';
import { planPresets } from '../core/plan-config.ts';
import { callInside } from './inside.testing.ts';
import { kernelLimits } from './kernel-limits.ts';
import { runProgram } from './program.ts';
import { blockRanges, settingsText, type SettingFound } from './settings.ts';

const netns = `ms-settings-${process.pid}`;
const enter = ['nsenter', `--net=/run/netns/${netns}`, '--'];
const wanted =
  "{ plan: { ids: { first: 0, last: 9 }, config: { ids: { first: 0, last: 9 }, blocks: [{ base: 2000, stride: 1, offset: 0 }] } }, bridge: 'br0', ownPorts: [9440] }";

suite('settings', () => {
  before(async () => {
    await runProgram(['ip', 'netns', 'add', netns]);
    await runProgram(['ip', '-n', netns, 'link', 'add', 'br0', 'type', 'bridge']);
  });
  after(() => runProgram(['ip', 'netns', 'delete', netns]));

  const set = (text: string) => runProgram([...enter, 'sysctl', '-qw', text]);
  const get = async (key: string) => (await runProgram([...enter, 'sysctl', '-n', key])).trim();

  test('settleSettings adds our ports to those reserved already, and has nothing to do the second time', async () => {
    await set('net.ipv4.ip_local_reserved_ports=2005-2020,6000');
    const first = await callInside<readonly string[]>(enter, 'settings.ts', `settleSettings(${wanted})`);
    assert.ok(first.includes('net.ipv4.ip_local_reserved_ports'));
    assert.ok(first.includes('net/ipv4/conf/br0/route_localnet'));
    assert.equal(await get('net.ipv4.ip_local_reserved_ports'), '2000-2020,6000,9440');
    assert.equal(await get('net.ipv4.conf.br0.route_localnet'), '1');
    assert.equal(await get('net.ipv4.ip_forward'), '1');
    assert.deepEqual(await callInside(enter, 'settings.ts', `settleSettings(${wanted})`), []);
  });

  test('findSettings wants no limit lower than it is', async () => {
    const found = await callInside<readonly SettingFound[]>(enter, 'settings.ts', `findSettings(${wanted})`);
    const text = settingsText(found);
    for (const [key, least] of Object.entries(kernelLimits)) {
      const setting = found.find((one) => one.key === key);
      assert.ok(Number(setting?.wanted) >= least);
      assert.ok(Number(setting?.wanted) >= Number(setting?.found ?? 0));
      assert.ok(text.includes(`-${key} = ${setting?.wanted}\n`));
    }
  });

  test('blockRanges covers every public port of every preset', () => {
    for (const preset of Object.values(planPresets)) {
      const plan = parsePlan(preset);
      const ranges = blockRanges(plan, []);
      for (const id of [plan.ids.first, plan.ids.last]) {
        for (const { publicPort } of plan.portsOf(plan.requireId(id))) {
          assert.ok(ranges.some(([first, last]) => first <= publicPort && publicPort <= last));
        }
      }
    }
  });
});
