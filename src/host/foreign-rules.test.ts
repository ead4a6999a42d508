import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { Finding } from '../core/finding.ts';
import { callInside } from './inside.testing.ts';
import { runProgram } from './program.ts';

const netns = `ms-foreign-${process.pid}`;
const enter = ['nsenter', `--net=/run/netns/${netns}`, '--'];

suite('findForeignRules', () => {
  before(() => runProgram(['ip', 'netns', 'add', netns]));
  after(() => runProgram(['ip', 'netns', 'delete', netns]));

  const nft = (text: string) => runProgram([...enter, 'nft', text.replaceAll('} ', '}\n')]);
  const find = () =>
    callInside<readonly Finding[]>(enter, 'foreign-rules.ts', `findForeignRules({ ourTables: ['myserver'], bridge: 'br0' })`);

  test('findForeignRules is content with an empty machine and with our own table', async () => {
    await nft('table inet myserver { chain f { type filter hook forward priority 0; policy drop; } }');
    assert.deepEqual(await find(), []);
  });

  test("findForeignRules names Docker's chain, and is content once it lets the bridge through", async () => {
    await nft(
      'table ip filter { chain DOCKER-USER { } chain FORWARD { type filter hook forward priority 0; policy drop; jump DOCKER-USER; } }',
    );
    const [found, ...others] = await find();
    assert.deepEqual(others, []);
    assert.equal(found?.code, 'forward-blocked');
    assert.equal(found.subject, 'table ip filter, chain FORWARD');
    assert.match(found.remedy, /iptables -I DOCKER-USER -i br0/u);
    await nft('add rule ip filter DOCKER-USER iifname "br0" accept');
    assert.deepEqual(await find(), []);
    await nft('delete table ip filter');
  });

  test('the remedy for a table of anybody is a command that works', async () => {
    await nft(
      'table inet guard { chain in { type filter hook input priority 0; policy drop; } chain out { type filter hook output priority 0; policy drop; } }',
    );
    const [found, ...others] = await find();
    assert.deepEqual(others, []);
    assert.equal(found?.code, 'input-blocked');
    const command = /add to it, for example: (?<command>.+)$/u.exec(found.remedy)?.groups?.['command'] ?? '';
    await runProgram([...enter, 'sh', '-c', command]);
    assert.deepEqual(await find(), []);
  });
});
