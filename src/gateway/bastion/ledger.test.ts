import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { makeLedger } from './ledger.ts';
import { makeRefusals } from './refusals.ts';

const server = (generation: string) => ({ id: 7, generation });

suite('Ledger', () => {
  test('lines that came while others were being told are not taken off with them, though the oldest are lost', () => {
    const ledger = makeLedger({ now: () => 0 });
    const refuse = (detail: string) => ledger.refuse({ credential: 'proof', kind: 'forward', detail });
    for (let each = 0; each < 20_000; each += 1) refuse(`old ${each}`);
    const told = ledger.waiting.slice(0, 500);
    for (let each = 0; each < 600; each += 1) refuse(`new ${each}`);
    ledger.take(told);
    assert.equal(ledger.waiting.length, 20_000);
    assert.deepEqual([ledger.waiting[0]?.detail, ledger.waiting.at(-1)?.detail], ['old 600', 'new 599']);
    ledger.take(ledger.waiting.slice(0, 3));
    assert.equal(ledger.waiting[0]?.detail, 'old 603');
  });
});

suite('Refusals', () => {
  test('the first of a kind is told at once, its like are counted, and another kind or server is told of for itself', () => {
    const ledger = makeLedger({ now: () => 0 });
    const refusals = makeRefusals(ledger, 'proof');
    for (let port = 1; port <= 1000; port += 1) refusals.note({ kind: 'forward', detail: `localhost:${port} is not for you` });
    refusals.note({ kind: 'forward', detail: 'the certificate does not permit forwards' });
    for (const generation of ['one', 'other', 'one'])
      refusals.note({ kind: 'login', server: server(generation), detail: 'not with that password' });
    const told = () => ledger.waiting.map(({ deed, server: at, detail, allowed }) => [deed, at?.generation, detail, allowed]);
    const first = [
      ['ssh-forward', undefined, 'localhost:1 is not for you', false],
      ['ssh-forward', undefined, 'the certificate does not permit forwards', false],
      ['ssh-login', 'one', 'not with that password', false],
      ['ssh-login', 'other', 'not with that password', false],
    ];
    assert.deepEqual(told(), first);
    refusals.end();
    refusals.end();
    assert.deepEqual(told(), [
      ...first,
      ['ssh-forward', undefined, '999 more like it: localhost:1 is not for you', false],
      ['ssh-login', 'one', '1 more like it: not with that password', false],
    ]);
    assert.ok(ledger.waiting.every(({ credential }) => credential === 'proof'));
  });
});
