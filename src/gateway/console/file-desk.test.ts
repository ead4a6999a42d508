import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, readlink, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { anyVersion, type FilesAsk, type FilesResults, type FilesWhat, type Uploaded } from '../../contract/files.ts';
import { toFault } from '../../core/errors.ts';
import { type FilesRoom, lacksSftpServer, makeFilesRoom } from './files.testing.ts';

async function ask<W extends FilesWhat>({ desk }: FilesRoom, asked: Extract<FilesAsk, { what: W }>): Promise<FilesResults[W]> {
  return (await desk.answer(asked)) as FilesResults[W];
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await isSo()); tries += 1) await sleep(20, assert.ok(tries < 250));
}

const refused = (code: string, found?: RegExp) => (error: unknown) => {
  assert.equal(toFault(error).code, code);
  if (found !== undefined) assert.match(toFault(error).message, found);
  return true;
};

suite('files of a server, by its own SFTP', { skip: lacksSftpServer }, () => {
  test('a folder is listed with what each is, and a link is not followed', async () => {
    await using room = await makeFilesRoom();
    await mkdir(join(room.dir, 'sub'));
    await writeFile(join(room.dir, 'a file'), 'twelve bytes');
    await symlink('/nowhere', join(room.dir, 'link'));
    const { path, entries, isCut } = await ask(room, { what: 'list', path: `${room.dir}/sub/..` });
    assert.equal(path, room.dir);
    assert.ok(!isCut);
    const told = entries.map(({ name, kind, size }) => (kind === 'file' ? `${name} ${kind} ${size}` : `${name} ${kind}`)).toSorted();
    assert.deepEqual(told, ['a file file 12', 'link link', 'sub folder']);
  });

  test('what is downloaded is what is there, saved and never shown, under its own name', async () => {
    await using room = await makeFilesRoom();
    const content = randomBytes(3_000_001);
    await writeFile(join(room.dir, 'café "1".html'), content);
    const { url, size } = await ask(room, { what: 'download', path: join(room.dir, 'café "1".html') });
    assert.equal(size, content.length);
    const { status, headers, body } = await room.http('GET', url);
    assert.equal(status, 200);
    assert.ok(body.equals(content));
    assert.equal(headers['content-type'], 'application/octet-stream');
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['content-disposition'], `attachment; filename="caf_ _1_.html"; filename*=UTF-8''caf%C3%A9%20%221%22.html`);
    assert.equal(room.counted.out, content.length);
  });

  test('an address is good once, for what it was made for, and for our own pages alone', async () => {
    await using room = await makeFilesRoom();
    await writeFile(join(room.dir, 'f'), 'x');
    const { url } = await ask(room, { what: 'download', path: join(room.dir, 'f') });
    assert.equal((await room.http('GET', url, undefined, { origin: 'https://elsewhere' })).status, 403);
    assert.equal((await room.http('PUT', url, 'y')).status, 405);
    assert.equal((await room.http('GET', url)).status, 200);
    assert.equal((await room.http('GET', url)).status, 404);
    assert.equal((await room.http('GET', `${url}x`)).status, 404);
  });

  test('an empty file, one whose size nobody says, and a folder as .tar.gz', async () => {
    await using room = await makeFilesRoom();
    await writeFile(join(room.dir, 'empty'), '');
    const download = async (path: string) => await room.http('GET', (await ask(room, { what: 'download', path })).url);
    assert.equal((await download(join(room.dir, 'empty'))).body.length, 0);
    assert.match((await download('/proc/version')).body.toString(), /^Linux/u);
    await mkdir(join(room.dir, `it's "one"`));
    await writeFile(join(room.dir, `it's "one"`, 'inside'), 'deep');
    const packed = await download(join(room.dir, `it's "one"`));
    assert.ok(packed.isWhole);
    assert.deepEqual(execFileSync('tar', ['-xzO', '-f', '-', `it's "one"/inside`], { input: packed.body }).toString(), 'deep');
  });

  test('an upload is there whole or not at all, and replaces nothing that was not meant', async () => {
    await using room = await makeFilesRoom();
    const path = join(room.dir, 'new');
    const upload = async (text: string, only: string | null) => {
      const { url } = await ask(room, { what: 'upload', path, size: text.length, only });
      return await room.http('PUT', url, text);
    };
    const first = JSON.parse((await upload('one', null)).body.toString()) as Uploaded;
    assert.equal(await readFile(path, 'utf8'), 'one');
    await assert.rejects(upload('two', null), refused('conflict', /is there already/u));
    assert.equal((await upload('three', first.version)).status, 200);
    await utimes(path, 1, 1);
    await assert.rejects(upload('four', first.version), refused('conflict', /changed meanwhile/u));
    assert.equal((await upload('five!', anyVersion)).status, 200);
    assert.equal(await readFile(path, 'utf8'), 'five!');
    assert.deepEqual(await readdir(room.dir), ['new']);
    assert.equal(room.counted.in, 'onethreefive!'.length);
  });

  test('a file that is changed while another version is on its way stays as it is', async () => {
    await using room = await makeFilesRoom();
    const path = join(room.dir, 'f');
    await writeFile(path, 'old');
    const { version } = await ask(room, { what: 'download', path });
    const { url } = await ask(room, { what: 'upload', path, size: 4, only: version });
    await writeFile(path, 'theirs');
    const answer = await room.http('PUT', url, 'mine');
    assert.equal(answer.status, 409);
    assert.match(answer.body.toString(), /changed meanwhile/u);
    assert.equal(await readFile(path, 'utf8'), 'theirs');
    assert.deepEqual(await readdir(room.dir), ['f']);
  });

  test('a replaced file keeps its mode, and a link goes on leading to it', async () => {
    await using room = await makeFilesRoom();
    const [path, link] = [join(room.dir, 'script'), join(room.dir, 'link')];
    await writeFile(path, '#!/bin/sh\n');
    await chmod(path, 0o750);
    await symlink('script', link);
    const { url } = await ask(room, { what: 'upload', path: link, size: 2, only: anyVersion });
    await room.http('PUT', url, 'hi');
    assert.equal(await readFile(path, 'utf8'), 'hi');
    assert.equal(((await stat(path)).mode & 0o777).toString(8), '750');
    assert.equal(await readlink(link), 'script');
  });

  test('an upload that breaks off leaves nothing behind', async () => {
    await using room = await makeFilesRoom();
    const { url } = await ask(room, { what: 'upload', path: join(room.dir, 'f'), size: 10, only: null });
    const short = await room.http('PUT', url, 'less');
    assert.equal(short.status, 400);
    const again = await ask(room, { what: 'upload', path: join(room.dir, 'f'), size: 2 ** 20, only: null });
    const headers = { host: 'own', origin: 'https://own', 'content-length': String(2 ** 20) };
    const broken = request({ host: '127.0.0.1', port: room.port, path: again.url, method: 'PUT', agent: false, headers });
    broken.on('error', () => {});
    broken.write('the beginning');
    await until(async () => (await readdir(room.dir)).some((name) => name.endsWith('.part')));
    broken.destroy();
    await until(async () => (await readdir(room.dir)).length === 0);
  });

  test('a name that is taken stays whose it is', async () => {
    await using room = await makeFilesRoom();
    const [a, b] = [join(room.dir, 'a'), join(room.dir, 'b')];
    await writeFile(a, 'a');
    await writeFile(b, 'b');
    await assert.rejects(ask(room, { what: 'rename', from: a, to: b }), refused('conflict'));
    assert.equal(await ask(room, { what: 'rename', from: a, to: join(room.dir, 'c') }), null);
    assert.deepEqual(await readdir(room.dir), ['b', 'c']);
  });

  test('attack: what is removed is what was named, whatever its name says to a shell, and links lead nowhere', async () => {
    await using room = await makeFilesRoom();
    const kept = join(room.dir, 'kept');
    await mkdir(kept);
    await writeFile(join(kept, 'precious'), '');
    for (const name of [`'; touch ${room.dir}/ran; '`, '$(touch ran)', '-rf', 'two\nlines', '\\']) {
      const tree = join(room.dir, name.replaceAll('/', ':'));
      await mkdir(join(tree, 'deep'), { recursive: true });
      await symlink(kept, join(tree, 'deep/link'));
      await ask(room, { what: 'remove', path: tree });
    }
    assert.deepEqual(await readdir(room.dir), ['kept']);
    await symlink(kept, join(room.dir, 'link'));
    await ask(room, { what: 'remove', path: join(room.dir, 'link') });
    assert.deepEqual(await readdir(kept), ['precious']);
  });

  test('what is not there or not allowed is told with the path', async () => {
    await using room = await makeFilesRoom();
    const nowhere = join(room.dir, 'nowhere');
    for (const asked of [
      { what: 'list', path: nowhere },
      { what: 'download', path: nowhere },
      { what: 'remove', path: nowhere },
    ] as const)
      await assert.rejects(room.desk.answer(asked), refused('not-found', /nowhere: there is no such file/u));
    await assert.rejects(ask(room, { what: 'download', path: '/dev/null' }), refused('bad-request', /neither a file nor a folder/u));
    await assert.rejects(ask(room, { what: 'upload', path: room.dir, size: 1, only: anyVersion }), refused('conflict', /is no file/u));
  });

  test('attack: a folder that never ends, and names that lead elsewhere, come to their end', async () => {
    const names = ['../up', '.', '..', '', 'a/b', 'x'.repeat(256), 'good'];
    await using room = await makeFilesRoom({ onSftp: (channel) => strangeSftp(channel, names) });
    const { entries, isCut } = await ask(room, { what: 'list', path: '/' });
    assert.deepEqual(
      entries.map(({ name }) => name),
      ['good'],
    );
    assert.ok(!isCut);
  });

  test('a server without SFTP says so', async () => {
    await using room = await makeFilesRoom({ onSftp: (channel) => void channel.destroy() });
    await assert.rejects(ask(room, { what: 'list', path: '/' }), refused('cannot-here', /no SFTP/u));
  });
});

/** Speaks SFTP as far as a list needs it: those names once, and empty answers for ever. */
function strangeSftp(channel: Duplex, names: readonly string[]): void {
  let waiting = Buffer.alloc(0);
  let hasTold = false;
  const uint32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer).swap32();
  const text = (value: string) => Buffer.concat([uint32(Buffer.byteLength(value)), Buffer.from(value)]);
  const say = (type: number, ...parts: readonly Buffer[]) => {
    const body = Buffer.concat([Buffer.of(type), ...parts]);
    channel.write(Buffer.concat([uint32(body.length), body]));
  };
  /** SSH_FXP_NAME: each with a long name and no attributes. */
  const tell = (id: Buffer, told: readonly string[]) =>
    say(104, id, uint32(told.length), ...told.flatMap((name) => [text(name), text(name), uint32(0)]));
  channel.on('data', (data: Buffer) => {
    waiting = Buffer.concat([waiting, data]);
    while (waiting.length >= 5 && waiting.length >= 4 + waiting.readUInt32BE(0)) {
      const packet = waiting.subarray(4, 4 + waiting.readUInt32BE(0));
      waiting = waiting.subarray(4 + packet.length);
      const [type] = packet;
      const id = packet.subarray(1, 5);
      if (type === 1) say(2, uint32(3));
      else if (type === 16) tell(id, ['/']);
      else if (type === 11) say(102, id, text('handle'));
      else if (type === 12) {
        tell(id, hasTold ? [] : names);
        hasTold = true;
      } else say(101, id, uint32(0), text(''), text(''));
    }
  });
}
