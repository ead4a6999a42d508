import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { makeGatewayDir } from './gateway-dir.ts';

const nobody = { userId: 65_534, groupId: 65_534 };

async function seen(path: string): Promise<readonly [number, number, string]> {
  const { uid, gid, mode } = await stat(path);
  return [uid, gid, (mode & 0o777).toString(8)];
}

suite('makeGatewayDir', () => {
  test('the directory is the account’s alone, in one of root’s, and made again it is the same', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'myserver-dir-'));
    try {
      const place = join(dir, 'gateway', 'recordings');
      for (let each = 0; each < 2; each += 1) {
        await makeGatewayDir(place, nobody);
        assert.deepEqual(await seen(place), [65_534, 65_534, '700']);
        assert.deepEqual(await seen(join(dir, 'gateway')), [0, 0, '755']);
      }
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  test('a link in its place gives nobody anything', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'myserver-dir-'));
    try {
      const victim = join(dir, 'victim');
      await mkdir(victim, { mode: 0o755 });
      await symlink(victim, join(dir, 'recordings'));
      await assert.rejects(makeGatewayDir(join(dir, 'recordings'), nobody), { code: /ENOTDIR|ELOOP/u });
      assert.equal((await seen(victim))[0], 0);
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});
