import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRecordingName, recordedBy, recordingName, sessionIdBytes } from './recording.ts';

test('recordedBy: the owner’s will counts only where the administrator leaves it to owners', () => {
  assert.deepEqual(
    (['off', 'owner', 'all'] as const).map((policy) => [recordedBy(policy, false), recordedBy(policy, true)]),
    [
      [undefined, undefined],
      [undefined, 'owner'],
      ['administrator', 'administrator'],
    ],
  );
});

test('recordingName is read back to the second, whatever the session’s ID is, and a name with eight digits from before too', () => {
  const [startedMs, generation] = [Date.parse('2026-11-25T20:22:49.999Z'), '0b5e8f3a-6c1d-4e2f-9a7b-8c9d0e1f2a3b'];
  for (const id of [Buffer.alloc(sessionIdBytes, 0x1f).toString('hex'), '1f0c9a2b']) {
    const name = recordingName(startedMs, id, generation);
    assert.equal(name, `20261125T202249Z_${id}_${generation}`);
    assert.deepEqual(parseRecordingName(name), { name, generation, startedMs: Date.parse('2026-11-25T20:22:49Z') });
  }
});
