import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite, test } from 'node:test';
import type { OpenedTerminal } from './opened-terminal.ts';
import { holdTerminals } from './terminals.ts';

const terminalOf = (name: string, person = 'ada') => ({ name, person }) as OpenedTerminal;

suite('links to terminals', () => {
  test('a link leads to its terminal, and a key that nobody was given to none', () => {
    const held = holdTerminals('w1');
    const terminal = terminalOf(held.newName());
    held.keep(terminal);
    const joined = held.join(held.share(terminal, 'watch', Date.now() + 60_000), () => {});
    assert.deepEqual([joined?.terminal, joined?.mode], [terminal, 'watch']);
    assert.equal(
      held.join('nobody-was-given-this', () => {}),
      undefined,
    );
    assert.match(terminal.name, /^w1-[\w-]{12}$/u);
    held.drop(terminal);
  });

  test('attack: whoever is in by a link does not stay when it runs out, is taken back, or its terminal is over', async () => {
    const held = holdTerminals('w1');
    const terminal = terminalOf('w1-a');
    held.keep(terminal);
    const cut: string[] = [];
    const join = (name: string, key: string) => held.join(key, () => cut.push(name));
    const short = held.share(terminal, 'type', Date.now() + 30);
    const left = join('left', short);
    left?.leave();
    assert.ok(join('short', short));
    await Promise.all([sleep(80), sleep(81)]);
    assert.deepEqual(cut, ['short']);
    assert.equal(join('late', short), undefined);
    join('back', held.share(terminal, 'watch', Date.now() + 60_000));
    held.unshare(terminal);
    assert.deepEqual(cut, ['short', 'back']);
    join('over', held.share(terminal, 'watch', Date.now() + 60_000));
    held.drop(terminal);
    assert.deepEqual(cut, ['short', 'back', 'over']);
    assert.equal(held.byName('w1-a'), undefined);
  });

  test('of very many links the oldest ends', () => {
    const held = holdTerminals('w1');
    const terminal = terminalOf('w1-a');
    const keys = Array.from({ length: 51 }, () => held.share(terminal, 'watch', Date.now() + 60_000));
    assert.equal(
      held.join(keys[0] ?? '', () => {}),
      undefined,
    );
    assert.ok(held.join(keys[1] ?? '', () => {}));
    held.drop(terminal);
  });
});
