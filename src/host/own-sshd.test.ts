import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { sshdPorts } from './own-sshd.ts';

suite('sshdPorts', () => {
  test('gives every port that sshd would listen at, and 22 where it cannot say', () => {
    assert.deepEqual(sshdPorts('port 2222\nport 22\naddressfamily any\nlistenaddress [::]:22\n'), [2222, 22]);
    assert.deepEqual(sshdPorts('port 2222\nlistenaddress 0.0.0.0:2222\n'), [2222]);
    assert.deepEqual(sshdPorts(''), [22]);
  });
});
