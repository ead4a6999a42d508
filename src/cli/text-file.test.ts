import assert from 'node:assert/strict';
import { chmod, lstat, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { readText, writeText } from './text-file.ts';

async function inDir(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'mys-'));
  try {
    await work(dir);
  } finally {
    await rm(dir, { recursive: true });
  }
}

suite('text files', () => {
  test('a new file and its directory are for their owner alone, and nothing else is left there', async () => {
    await inDir(async (dir) => {
      const file = join(dir, 'ssh', 'config');
      assert.equal(await readText(file), undefined);
      await writeText(file, 'ä\n');
      assert.equal(await readText(file), 'ä\n');
      assert.deepEqual([(await stat(file)).mode & 0o777, (await stat(join(dir, 'ssh'))).mode & 0o777], [0o600, 0o700]);
      assert.deepEqual(await readdir(join(dir, 'ssh')), ['config']);
      await writeText(file, undefined);
      assert.deepEqual(await readdir(join(dir, 'ssh')), []);
    });
  });

  test('a file keeps its mode and its bytes, a byte order mark too, and a link stays a link', async () => {
    await inDir(async (dir) => {
      const [real, link] = [join(dir, 'real'), join(dir, 'link')];
      await writeFile(real, '\u{FEFF}one\r\n');
      await chmod(real, 0o644);
      await symlink(real, link);
      await writeText(link, `${await readText(link)}two`);
      assert.ok((await lstat(link)).isSymbolicLink());
      assert.equal(await readFile(real, 'utf8'), '\u{FEFF}one\r\ntwo');
      assert.equal((await stat(real)).mode & 0o777, 0o644);
    });
  });

  test('what is not UTF-8 is refused, for it could not be put back', async () => {
    await inDir(async (dir) => {
      await writeFile(join(dir, 'latin'), Buffer.from([0x23, 0xe4, 0x0a]));
      await assert.rejects(readText(join(dir, 'latin')), { code: 'bad-request', message: /it is not UTF-8/u });
    });
  });

  test('a file that cannot be written is named', async () => {
    await inDir(async (dir) => {
      await writeFile(join(dir, 'file'), '');
      await assert.rejects(writeText(join(dir, 'file', 'below'), 'x'), { code: 'bad-request', message: /file\/below" cannot be written/u });
    });
  });
});
