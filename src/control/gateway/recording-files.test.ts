/** What a gateway that somebody has taken over may put into its directory of recordings. */
import assert from 'node:assert/strict';
import { chown, link, mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { parseRecordingName } from '../../core/recording.ts';
import { runProcess } from '../../testing/run-process.ts';
import { makeRecordingFiles, type RecordingFiles } from './recording-files.ts';

const generation = '0b5e8f3a-6c1d-4e2f-9a7b-8c9d0e1f2a3b';
const nameOf = (second: number) => `20261125T2022${String(second).padStart(2, '0')}Z_1f0c9a2b_${generation}`;
const header = '{"version":2,"width":80,"height":24,"myserver":{"person":"mm"}}\n';
const nobody = 65_534;
const dayMs = 86_400_000;

interface Place extends AsyncDisposable {
  readonly dir: string;
  readonly files: RecordingFiles;
  pathOf(second: number): string;
  put(second: number, text: string): Promise<void>;
  describe(second: number): ReturnType<RecordingFiles['describe']>;
}

async function makePlace(): Promise<Place> {
  const outer = await mkdtemp(join(tmpdir(), 'myserver-recordings-'));
  const dir = join(outer, 'recordings');
  await mkdir(dir);
  await chown(dir, nobody, nobody);
  const files = makeRecordingFiles({ dir, keptMs: 30 * dayMs, clock: { now: () => Date.now() } });
  const pathOf = (second: number) => join(dir, `${nameOf(second)}.cast`);
  return {
    dir,
    files,
    pathOf,
    async put(second, text) {
      await writeFile(pathOf(second), text);
      await chown(pathOf(second), nobody, nobody);
    },
    describe: async (second) => await files.describe(parseRecordingName(nameOf(second))),
    [Symbol.asyncDispose]: async () => await rm(outer, { recursive: true }),
  };
}

suite('recording files', () => {
  test('recordings are named in the order of their time, whatever else lies there', async () => {
    await using place = await makePlace();
    for (const second of [7, 3]) await place.put(second, header);
    await writeFile(join(place.dir, 'passwd.cast'), '');
    await writeFile(join(place.dir, `${nameOf(4)}.cast.swp`), '');
    assert.deepEqual(
      (await place.files.names()).map(({ name }) => name),
      [nameOf(3), nameOf(7)],
    );
    assert.deepEqual(await place.describe(3), {
      name: nameOf(3),
      generation,
      startedMs: Date.parse('2026-11-25T20:22:03Z'),
      person: 'mm',
      bytes: header.length,
    });
  });

  for (const text of ['../../etc/shadow', '', nameOf(1).toUpperCase(), `${nameOf(1)}/x`, `${nameOf(1)}\n`, nameOf(99), `x${nameOf(1)}`])
    test(`${JSON.stringify(text)} is no recording’s name`, () => {
      assert.throws(() => parseRecordingName(text), { code: 'bad-request' });
    });

  test('planted links, pipes, directories and others’ files are not there', { timeout: 10_000 }, async () => {
    await using place = await makePlace();
    const secret = join(place.dir, '..', 'secret');
    await writeFile(secret, `${header}secret\n`, { mode: 0o600 });
    await symlink(secret, place.pathOf(1));
    await link(secret, place.pathOf(2));
    assert.equal((await runProcess(['mkfifo', place.pathOf(3)])).exitCode, 0);
    await mkdir(place.pathOf(4));
    await writeFile(place.pathOf(5), header);
    await place.put(6, header);
    await link(place.pathOf(6), join(place.dir, 'second-name'));
    for (const second of [1, 2, 3, 4, 5, 6]) {
      assert.equal(await place.describe(second), undefined, String(second));
      await assert.rejects(place.files.read(parseRecordingName(nameOf(second)).name, 0), { code: 'not-found' }, String(second));
    }
    await place.files.remove(parseRecordingName(nameOf(1)).name);
    assert.ok((await readdir(join(place.dir, '..'))).includes('secret'));
  });

  test('a header that lies says nobody’s name', async () => {
    await using place = await makePlace();
    const lies = ['{"myserver":{"person":"\\u001b[2J"}}\n', '{}\n', 'no JSON', 'null\n', 'x'.repeat(100_000)];
    for (const [second, text] of lies.entries()) {
      await place.put(second, text);
      assert.equal((await place.describe(second))?.person, undefined, text.slice(0, 40));
    }
  });

  test('a long recording is read in pieces of whole lines, and a line that is still being written is left for later', async () => {
    await using place = await makePlace();
    const line = `[1,"o","${'é'.repeat(50_000)}"]\n`;
    await place.put(1, header + line.repeat(30) + '[2,"o","ha');
    const { name } = parseRecordingName(nameOf(1));
    const pieces: string[] = [];
    for (let from: number | undefined = 0; from !== undefined;) {
      const piece: Awaited<ReturnType<RecordingFiles['read']>> = await place.files.read(name, from);
      pieces.push(piece.text);
      from = piece.next;
    }
    assert.ok(pieces.length >= 3);
    assert.ok(pieces.every((piece) => piece.endsWith('\n')));
    assert.equal(pieces.join(''), header + line.repeat(30));
    assert.deepEqual(await place.files.read(name, Number.MAX_SAFE_INTEGER), { text: '', next: undefined });
  });

  test('what nothing was written to for 30 days is removed, and nothing else', async () => {
    await using place = await makePlace();
    for (const second of [1, 2]) await place.put(second, header);
    const old = new Date(Date.now() - 31 * dayMs);
    await utimes(place.pathOf(1), old, old);
    await writeFile(join(place.dir, 'other'), '');
    await utimes(join(place.dir, 'other'), old, old);
    assert.equal(await place.files.prune(), 1);
    assert.deepEqual((await readdir(place.dir)).toSorted(), [`${nameOf(2)}.cast`, 'other']);
  });

  test('without a directory there are no recordings', async () => {
    const files = makeRecordingFiles({ dir: '/nowhere/recordings', keptMs: dayMs, clock: { now: () => 0 } });
    assert.deepEqual(await files.names(), []);
    assert.equal(await files.prune(), 0);
    await assert.rejects(files.read(parseRecordingName(nameOf(1)).name, 0), { code: 'not-found' });
  });
});
