import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type UsageCounts, usagePoints } from './usage-rates.ts';

const look = (atMs: number, cpuSeconds: number, receivedBytes = 0, sentBytes = 0): UsageCounts => ({
  atMs,
  memoryBytes: 100,
  diskBytes: undefined,
  cpuSeconds,
  receivedBytes,
  sentBytes,
});

suite('usagePoints', () => {
  test('gives what was used between two looks, and nothing for the first', () => {
    const [first, second] = usagePoints([look(0, 1), look(10_000, 6, 1000, 20_000)], 60_000);
    assert.deepEqual([first?.cpus, first?.receivedBytesPerSecond, first?.memoryBytes], [undefined, undefined, 100]);
    assert.deepEqual([second?.cpus, second?.receivedBytesPerSecond, second?.sentBytesPerSecond], [0.5, 100, 2000]);
  });

  test('says nothing of a time in which the server was started anew, or nobody looked', () => {
    assert.equal(usagePoints([look(0, 50), look(10_000, 2)], 60_000)[1]?.cpus, undefined);
    assert.equal(usagePoints([look(0, 1, 500), look(10_000, 2, 400)], 60_000)[1]?.cpus, undefined);
    assert.equal(usagePoints([look(0, 1), look(60_001, 2)], 60_000)[1]?.cpus, undefined);
    assert.equal(usagePoints([look(5, 1), look(5, 2)], 60_000)[1]?.cpus, undefined);
  });
});
