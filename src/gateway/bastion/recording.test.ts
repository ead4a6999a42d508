import assert from 'node:assert/strict';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { suite, test } from 'node:test';
import { silentLog } from '../../base/log.ts';
import { beginRecording, mostBacklogBytes, realRecorder, type Recorded, type RecorderOptions, type Recording } from './recording.ts';

const about: Recorded = {
  id: '1f0c9a2b',
  server: { id: 123, generation: '0b5e8f3a-6c1d-4e2f-9a7b-8c9d0e1f2a3b' },
  person: 'mm',
  user: 'jbond007',
  term: 'xterm-256color',
  size: { columns: 100, rows: 30 },
};
const name = '20261125T202249Z_1f0c9a2b_0b5e8f3a-6c1d-4e2f-9a7b-8c9d0e1f2a3b';

type Event = readonly [number, string, string];

/** A disk that a test may hold. */
class Disk extends Writable {
  text = '';
  isHeld = false;
  #held: (() => void) | undefined;

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    const take = () => {
      this.text += chunk.toString('utf8');
      done();
    };
    if (this.isHeld) this.#held = take;
    else take();
  }

  letGo(): void {
    this.isHeld = false;
    this.#held?.();
  }

  events(): readonly Event[] {
    return this.text
      .split('\n')
      .slice(1, -1)
      .map((line) => JSON.parse(line) as Event);
  }
}

function begin(change: Partial<RecorderOptions> = {}) {
  const disk = new Disk();
  const clock = { ms: 5000 };
  const warnings: string[] = [];
  const log = { ...silentLog, warn: (_fields: object, message: string) => void warnings.push(message) };
  const recording = beginRecording(about, {
    dir: '/nowhere',
    mostBytes: 100 * 2 ** 20,
    isDiskLow: () => false,
    log,
    now: () => Date.parse('2026-11-25T20:22:49.500Z'),
    monotonic: () => clock.ms,
    create: () => disk,
    ...change,
  });
  return { recording, disk, clock, warnings };
}

function show(recording: Recording, text: string): void {
  recording.output(Buffer.from(text));
}

suite('recording', () => {
  test('a recording is asciicast v2 to the letter', async () => {
    const { recording, disk, clock } = begin();
    clock.ms += 1234.5678;
    show(recording, '\u001B[1m$\u001B[0m ls "a"\r\n');
    clock.ms += 500;
    recording.resize({ columns: 80, rows: 24 });
    clock.ms += 1;
    show(recording, 'naïve 日本\r\n');
    recording.end();
    await finished(disk);
    assert.equal(
      disk.text,
      [
        '{"version":2,"width":100,"height":30,"timestamp":1795638169,"title":"mm as jbond007 on server 123","env":{"TERM":"xterm-256color"},"myserver":{"person":"mm","user":"jbond007","server":123}}',
        String.raw`[1.234568,"o","\u001b[1m$\u001b[0m ls \"a\"\r\n"]`,
        '[1.734568,"r","80x24"]',
        String.raw`[1.735568,"o","naïve 日本\r\n"]`,
        '',
      ].join('\n'),
    );
  });

  test('characters that are cut between two chunks are whole, and a half one at the end is told as such', () => {
    const { recording, disk } = begin();
    for (const byte of Buffer.from('é日😀')) recording.output(Buffer.of(byte));
    recording.output(Buffer.from('😀').subarray(0, 2));
    recording.end();
    assert.deepEqual(
      disk.events().map(([, , text]) => text),
      ['é', '日', '😀', '\uFFFD'],
    );
  });

  test('a terminal that is said to have no size is taken for the usual one, and never becomes one', () => {
    const disk = new Disk();
    const { recording } = begin({ create: () => disk });
    recording.resize({ columns: 0, rows: 0 });
    recording.end();
    assert.deepEqual(disk.events(), []);
    const none = new Disk();
    const nothing = { columns: 0, rows: 0 };
    beginRecording(
      { ...about, size: nothing },
      { ...realRecorder, dir: '/', mostBytes: 1e6, isDiskLow: () => false, log: silentLog, create: () => none },
    ).end();
    assert.match(none.text, /"width":80,"height":24/u);
  });

  test('a disk that takes nothing holds up nobody and fills no memory, and what is missing is told where it would have been', async () => {
    const { recording, disk, clock } = begin();
    disk.isHeld = true;
    const chunk = Buffer.alloc(32_768, 'x');
    const began = performance.now();
    for (let each = 0; each < 320; each += 1) recording.output(chunk);
    recording.resize({ columns: 90, rows: 20 });
    assert.ok(performance.now() - began < 2000, 'ten megabytes while nothing is taken');
    assert.ok(disk.writableLength <= mostBacklogBytes, `${disk.writableLength} bytes wait`);
    disk.letGo();
    clock.ms += 1000;
    show(recording, 'after');
    recording.end();
    await finished(disk);
    const events = disk.events();
    const kept = events.filter(([, , text]) => text.startsWith('x')).length;
    assert.ok(kept >= 31 && kept <= 32, `${kept} chunks were kept`);
    assert.deepEqual(events.slice(kept), [
      [1, 'm', `${(320 - kept) * chunk.length} bytes of output are missing here: the disk was too slow`],
      [1, 'r', '90x20'],
      [1, 'o', 'after'],
    ]);
  });

  test('what is missing at the end is told, too', async () => {
    const { recording, disk } = begin();
    disk.isHeld = true;
    for (let each = 0; each < 40; each += 1) recording.output(Buffer.alloc(32_768, 'x'));
    recording.end();
    disk.letGo();
    await finished(disk);
    assert.match(disk.events().at(-1)?.[2] ?? '', /^\d+ bytes of output are missing here/u);
  });

  test('at its limit a recording ends with a word about it', async () => {
    const { recording, disk } = begin({ mostBytes: 4000 });
    for (let each = 0; each < 100; each += 1) show(recording, 'x'.repeat(100));
    recording.end();
    await finished(disk);
    assert.ok(disk.text.length < 4200);
    assert.deepEqual(disk.events().at(-1)?.slice(1), ['m', 'the recording ends here: it has reached its limit of 4000 bytes']);
  });

  test('before the disk is full a recording ends with a word about it, too', async () => {
    let isLow = false;
    const { recording, disk, warnings } = begin({ isDiskLow: () => isLow });
    show(recording, 'kept');
    isLow = true;
    show(recording, 'lost');
    isLow = false;
    show(recording, 'lost, too');
    recording.end();
    await finished(disk);
    assert.deepEqual(
      disk.events().map(([, ...event]) => event),
      [
        ['o', 'kept'],
        ['m', 'the recording ends here: the disk of recordings is nearly full'],
      ],
    );
    assert.equal(warnings.length, 1);
  });

  test('a full disk ends the recording with one line in the log, and nothing else', async () => {
    const full = createWriteStream('/dev/full');
    const { recording, warnings } = begin({ create: () => full });
    show(recording, 'lost');
    await assert.rejects(finished(full), { code: 'ENOSPC' });
    show(recording, 'lost, too');
    recording.resize({ columns: 80, rows: 24 });
    recording.end();
    assert.deepEqual(warnings, ['a recording ended early; its session goes on']);
  });

  test('a missing directory, and a link in the place of the file, end the recording, and the link leads nowhere', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'myserver-recording-'));
    try {
      const victim = join(dir, 'victim');
      await writeFile(victim, 'untouched');
      await symlink(victim, join(dir, `${name}.cast`));
      for (const place of [dir, join(dir, 'absent')]) {
        const { recording, warnings } = begin({ dir: place, create: realRecorder.create });
        show(recording, 'lost');
        const until = Date.now() + 5000;
        while (warnings.length === 0 && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 5));
        recording.end();
        assert.equal(warnings.length, 1, place);
      }
      assert.equal(await readFile(victim, 'utf8'), 'untouched');
      assert.deepEqual((await readdir(dir)).toSorted(), [`${name}.cast`, 'victim']);
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});
