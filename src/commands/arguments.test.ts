import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDisk, parseDuration, parseIds, parseImage, parseMemory, parseUntil } from './arguments.ts';
import { suggestionFor } from './suggestion.ts';

test('parseIds takes single IDs, commas and ranges, each once, in the order given', () => {
  assert.deepEqual(parseIds(['7', '1,2', '5-7', '007']), [7, 1, 2, 5, 6]);
  for (const wrong of [[], [','], ['-5'], ['5-'], ['5-4'], ['1-1001'], ['0-65536'], ['a'], ['1-2-3'], ['１'], ['1e3']])
    assert.throws(() => parseIds(wrong), { code: 'bad-id' }, wrong.join(' '));
});

test('parseMemory reads a bare number as MiB, parseDisk as GiB', () => {
  assert.deepEqual(
    [parseMemory('512'), parseMemory('512M'), parseMemory('1G'), parseMemory('1.5g')],
    [2 ** 29, 2 ** 29, 2 ** 30, 1.5 * 2 ** 30],
  );
  assert.deepEqual([parseDisk('5'), parseDisk('5G'), parseDisk('5120M')], [5 * 2 ** 30, 5 * 2 ** 30, 5 * 2 ** 30]);
  for (const wrong of ['', '-1', 'lots', '1X', '99999999999999T']) assert.throws(() => parseMemory(wrong), { code: 'bad-size' }, wrong);
});

test('parseDuration and parseUntil read lengths, days and instants to come', () => {
  const nowMs = Date.parse('2026-11-22T05:00:00Z');
  assert.deepEqual(
    ['90s', '2m', '12h', '30d', '2w'].map((text) => parseDuration(text)),
    [90, 120, 43_200, 2_592_000, 1_209_600],
  );
  assert.equal(parseUntil('7d', nowMs), '2026-11-29T05:00:00.000Z');
  assert.equal(parseUntil('2026-12-24', nowMs), '2026-12-24T23:59:59.000Z');
  assert.equal(parseUntil('2026-12-24T12:00:00+01:00', nowMs), '2026-12-24T11:00:00.000Z');
  for (const wrong of ['', '0d', '7', 'tomorrow', '2026-13-01', '2026-11-21'])
    assert.throws(() => parseUntil(wrong, nowMs), { code: 'bad-request' }, wrong);
});

test('parseImage takes two words or a slash', () => {
  assert.deepEqual(parseImage(['debian12', 'web']), { system: 'debian12', type: 'web' });
  assert.deepEqual(parseImage(['debian12/web']), { system: 'debian12', type: 'web' });
  for (const wrong of [['a'], ['a/b', 'c'], ['a/'], []]) assert.throws(() => parseImage(wrong), { code: 'bad-request' });
});

test('suggestionFor finds a slip of the keyboard and nothing for another word', () => {
  const known = ['create', 'list', 'start', 'stop', 'restart', 'drop'];
  assert.deepEqual(
    ['craete', 'lst', 'sotp', 'restrat', 'dorp', 'vm', 'frobnicate'].map((word) => suggestionFor(word, known)),
    ['create', 'list', 'stop', 'restart', 'drop', undefined, undefined],
  );
});
