import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { suite, test } from 'node:test';
import { Secret } from '../base/secret.ts';
import { silentLog } from '../base/log.ts';
import { systemClock } from '../base/clock.ts';
import { newestSchema } from './migrations/migrate.ts';
import { openStore } from './open.ts';
import { alice, makeTestStore, newPerson, serverId, takeOne, takeRequest } from './store.testing.ts';

const open = async (path: string) => await openStore({ path, clock: systemClock, log: silentLog, lockWaitMs: 50 });
const mode = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

/** Another process that opens the store and then runs `code` with `store`. Its output is collected until it ends. */
function otherProcess(path: string, code: string) {
  const program = `
    import { openStore } from '${import.meta.dirname}/open.ts';
    import { takeRequest } from '${import.meta.dirname}/store.testing.ts';
    const store = await openStore({ path: ${JSON.stringify(path)}, clock: { now: () => Date.now() }, log: { info() {}, warn() {}, error() {} }, lockWaitMs: 50 }).catch((error) => {
      process.stdout.write(error.code + ': ' + error.message);
      process.exit(3);
    });
    ${code}`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const output: string[] = [];
  child.stdout.setEncoding('utf8').on('data', (text: string) => output.push(text));
  return { child, output, ended: once(child, 'close') };
}

suite('openStore', () => {
  test('openStore makes the directory 0700 and every file 0600, and gives an installation ID that stays', async () => {
    await using t = await makeTestStore();
    const path = join(t.directory, 'deep', 'er', 'store.db');
    const store = await open(path);
    await store.people.add(newPerson('alice'));
    assert.equal(await mode(join(t.directory, 'deep', 'er')), '700');
    const files = await readdir(join(t.directory, 'deep', 'er'));
    assert.ok(files.includes('store.db-wal'));
    for (const file of files) assert.equal(await mode(join(t.directory, 'deep', 'er', file)), '600', file);
    assert.match(store.installation, /^[\da-f-]{36}$/u);
    assert.equal(store.schemaVersion, newestSchema);
    await store[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    await using again = await open(path);
    assert.equal(again.installation, store.installation);
    assert.notEqual(again.installation, t.store.installation);
  });

  test('openStore refuses a second opening from this process', async () => {
    await using t = await makeTestStore();
    await assert.rejects(open(t.path), { code: 'busy', message: /in use by another process/u });
    await takeOne(t.store);
  });

  test('openStore refuses a second process, and is free again after a kill -9', async () => {
    await using t = await makeTestStore();
    const second = otherProcess(t.path, '');
    await second.ended;
    assert.match(second.output.join(''), /^busy: .*in use by another process/u);
    await t.store[Symbol.asyncDispose]();
    const holder = otherProcess(t.path, "process.stdout.write('open'); setInterval(() => {}, 1000);");
    await once(holder.child.stdout, 'data');
    await assert.rejects(open(t.path), { code: 'busy' });
    holder.child.kill('SIGKILL');
    await holder.ended;
    assert.equal((await (await t.reopen()).people.list()).length, 2);
  });

  test('openStore brings a store of the first shape to the newest, with all that is in it', async () => {
    await using t = await makeTestStore();
    const { server } = await takeOne(t.store, { wantedId: serverId(1) });
    const path = join(t.directory, 'older.db');
    await t.store.backup(path);
    const raw = new DatabaseSync(path);
    raw.exec(
      "alter table servers drop column recorded; alter table servers drop column ports; alter table servers drop column repair; drop table web_links; drop table web_domains; drop table usage; drop index tokens_former_hash; alter table tokens drop column former_hash; alter table tokens drop column former_until_ms; alter table tokens drop column lifetime_ms; update meta set value = '1' where key = 'schema'",
    );
    raw.close();
    await using store = await open(path);
    assert.equal(store.schemaVersion, newestSchema);
    assert.deepEqual(await store.servers.list(), [server]);
  });

  test('openStore refuses a store that a newer program made, and leaves it as it is', async () => {
    await using t = await makeTestStore();
    const path = join(t.directory, 'newer.db');
    await t.store.backup(path);
    const raw = new DatabaseSync(path);
    raw.exec(`update meta set value = '${newestSchema + 1}' where key = 'schema'`);
    raw.close();
    await assert.rejects(open(path), { code: 'cannot-here', message: /newer myserver/u });
    await assert.rejects(open(path), { code: 'cannot-here' }, 'the lock was let go');
  });

  test('openStore refuses what is no store of ours: text, another database, a directory', async () => {
    await using t = await makeTestStore();
    const text = join(t.directory, 'text.db');
    await writeFile(text, 'not a database, but long enough to be read as one. '.repeat(40));
    await assert.rejects(open(text), { code: 'store-failed', message: /damaged or is no store/u });
    const other = join(t.directory, 'other.db');
    const raw = new DatabaseSync(other);
    raw.exec('create table somebodys (a)');
    raw.close();
    await assert.rejects(open(other), { code: 'store-failed', message: /not a store of myserver/u });
    await mkdir(join(t.directory, 'folder.db'), { mode: 0o755 });
    await assert.rejects(open(join(t.directory, 'folder.db')), { code: 'store-failed' });
    assert.equal(await mode(join(t.directory, 'folder.db')), '755', 'a mistaken path does no harm');
    await assert.rejects(open(join(text, 'below', 'store.db')), { code: 'store-failed' });
  });

  test('openStore makes a store whose own constraints hold against any writer', async () => {
    await using t = await makeTestStore();
    await takeOne(t.store, { wantedId: serverId(1) });
    const path = join(t.directory, 'copy.db');
    await t.store.backup(path);
    const raw = new DatabaseSync(path);
    const columns = 'owner, admin, system, type, memory_bytes, cpus, disk_bytes, notes, gateway_key, created_ms';
    const copy = (id: string, generation: string, wanted: string, owner = 'owner') =>
      `insert into servers (id, generation, wanted, ${columns}) select ${id}, ${generation}, ${wanted}, ${columns.replace('owner', owner)} from servers`;
    const attempts = {
      'the same ID twice': copy('id', "'x'", 'wanted'),
      'the same generation twice': copy('2', 'generation', 'wanted'),
      'an owner who is nobody': copy('2', "'x'", 'wanted', "'nobody'"),
      'a wanted state that is none': copy('2', "'x'", "'flying'"),
      'a person who owns a server removed': "delete from people where name = 'alice'",
      'a role that is none': "update people set role = 'king'",
      'the same person twice': "insert into people select * from people where name = 'bob'",
    };
    for (const [what, sql] of Object.entries(attempts)) assert.throws(() => raw.exec(sql), /constraint/u, what);
    raw.exec(copy('2', "'x'", 'wanted'));
    raw.close();
  });
});

suite('atomically', () => {
  test('atomically: all comes true together, or nothing when the work throws', async () => {
    await using t = await makeTestStore();
    const { store } = t;
    const { generation } = (await takeOne(store)).server;
    const work = (fails: boolean) =>
      store.atomically(async (tables) => {
        await tables.servers.setWanted(generation, 'dropping');
        const server = { id: serverId(0), generation };
        const operation = await tables.operations.add({ kind: 'drop', person: alice, server, subject: 'server 0', params: {} });
        await takeOne(tables);
        if (fails) throw new Error('midway');
        return operation.id;
      });
    await assert.rejects(work(true), /midway/u);
    assert.deepEqual(
      (await store.servers.list()).map(({ id, wanted }) => [id, wanted]),
      [[0, 'creating']],
    );
    assert.equal((await store.operations.list()).length, 1);
    const id = await work(false);
    assert.equal((await store.servers.byGeneration(generation))?.wanted, 'dropping');
    assert.equal((await store.operations.get(id))?.kind, 'drop');
  });

  test('atomically refuses to wait for itself, and what it started may use the store afterwards', async () => {
    await using t = await makeTestStore();
    const { store } = t;
    await assert.rejects(
      store.atomically(async () => await store.people.list()),
      { code: 'internal', message: /tables handed in/u },
    );
    await assert.rejects(
      store.atomically(async () => await store.atomically(async () => {})),
      { code: 'internal' },
    );
    const gate = Promise.withResolvers<undefined>();
    let later: Promise<number> | undefined;
    await store.atomically(async () => {
      later = gate.promise.then(async () => (await store.people.list()).length);
      await Promise.resolve();
    });
    gate.resolve(undefined);
    assert.equal(await later, 2);
  });

  test('atomically keeps others out until it is done: nobody reads what may yet be undone', async () => {
    await using t = await makeTestStore();
    const gate = Promise.withResolvers<undefined>();
    const began = Promise.withResolvers<undefined>();
    const work = t.store.atomically(async (tables) => {
      await takeOne(tables);
      began.resolve(undefined);
      await gate.promise;
      throw new Error('midway');
    });
    await began.promise;
    const seen = t.store.servers.list();
    gate.resolve(undefined);
    await assert.rejects(work, /midway/u);
    assert.deepEqual(await seen, []);
  });
});

suite('backup', () => {
  test('backup makes a whole copy while the store is used, and never overwrites', async () => {
    await using t = await makeTestStore();
    const path = join(t.directory, 'backup.db');
    await t.store.keyring.keep('gateway-ssh', { privateKey: new Secret('p'), publicKey: 'q' });
    const takes = Array.from({ length: 20 }, () => takeOne(t.store));
    await Promise.all([...takes, t.store.backup(path)]);
    assert.equal(await mode(path), '600');
    await assert.rejects(t.store.backup(path), { code: 'conflict', message: /give another path/u });
    await assert.rejects(t.store.backup(join(t.directory, 'no', 'such', 'folder')), { code: 'bad-request' });
    await assert.rejects(t.store.backup('relative.db'), { code: 'bad-request', message: /absolute/u });
    assert.deepEqual(
      (await readdir(t.directory)).filter((name) => name.includes('partial')),
      [],
    );
    await using copy = await open(path);
    assert.equal(copy.installation, t.store.installation);
    assert.equal((await copy.keyring.get('gateway-ssh'))?.privateKey.reveal(), 'p');
    const [servers, operations] = [await copy.servers.list(), await copy.operations.unfinished()];
    assert.deepEqual(new Set(operations.map(({ server }) => server?.generation)), new Set(servers.map(({ generation }) => generation)));
    assert.equal(operations.length, servers.length);
  });

  test('backup replaces a plain file when told, and never the store, a folder or a link', async () => {
    await using t = await makeTestStore();
    const own = join(t.directory, 'own');
    const path = join(own, 'store.db');
    await using store = await open(path);
    const target = join(t.directory, 'backup.db');
    const link = join(t.directory, 'link.db');
    await writeFile(target, 'an older one', { mode: 0o644 });
    await symlink(target, link);
    for (const taken of [path, `${path}-wal`, own, link])
      await assert.rejects(store.backup(taken, { replaces: true }), { code: 'bad-request' }, taken);
    assert.equal(await readFile(target, 'utf8'), 'an older one');
    await store.people.add(newPerson('alice'));
    await store.backup(target, { replaces: true });
    assert.equal(await mode(target), '600');
    await using copy = await open(target);
    assert.equal((await copy.people.list()).length, 1);
  });
});

suite('faults', () => {
  test('a store on a full disk says so, keeps what it had, takes nothing half, and goes on when there is room', async (context) => {
    await using t = await makeTestStore();
    const mount = join(t.directory, 'small');
    await mkdir(mount);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1200k', 'store-test', mount], { stdio: 'pipe' });
    } catch {
      context.skip('mounting a small disk needs root and the right to mount');
      return;
    }
    try {
      const store = await open(join(mount, 'store.db'));
      await store.people.add(newPerson('alice'));
      let taken = 0;
      const fill = async () => {
        for (; taken < 10_000; taken += 3)
          await store.leases.take(takeRequest({ count: 3, idRange: { first: 0, last: 50_000 }, params: 'x'.repeat(3000) }));
      };
      await assert.rejects(fill(), { code: 'store-full', message: /disk .* is full, so nothing was changed/u });
      assert.ok(taken > 0);
      assert.equal((await store.servers.list()).length, taken, 'whole takes only');
      assert.equal((await store.operations.unfinished()).length, taken);
      execFileSync('mount', ['-o', 'remount,size=8m', mount]);
      await takeOne(store, { idRange: { first: 0, last: 50_000 } });
      await store[Symbol.asyncDispose]();
      const again = await open(join(mount, 'store.db'));
      assert.equal((await again.servers.list()).length, taken + 1);
      await again[Symbol.asyncDispose]();
    } finally {
      execFileSync('umount', [mount]);
    }
  });

  test('a store killed with -9 amid takes and releases opens again with everything it had said it did, and nothing half', async () => {
    await using t = await makeTestStore();
    await t.store[Symbol.asyncDispose]();
    let certain = 0;
    for (let round = 0; round < 3; round += 1) {
      const worker = otherProcess(
        t.path,
        `for (let i = 0; ; i += 1) {
          const { leases } = await store.leases.take(takeRequest({ count: 2 + (i % 3), idRange: { first: 0, last: 60000 }, params: { filler: 'x'.repeat(2000) } }));
          const last = leases[leases.length - 1].server.generation;
          await store.leases.release(last);
          process.stdout.write(leases.slice(0, -1).map(({ server }) => 'taken ' + server.generation + '\\n').join('') + 'released ' + last + '\\n');
        }`,
      );
      const enough = Promise.withResolvers<undefined>();
      worker.child.stdout.on('data', () => {
        if (worker.output.join('').split('\n').length > 60 + 23 * round) enough.resolve(undefined);
      });
      await Promise.race([enough.promise, worker.ended]);
      assert.equal(worker.child.exitCode, null, worker.output.join('').slice(0, 500));
      worker.child.kill('SIGKILL');
      await worker.ended;

      const store = await t.reopen();
      const servers = await store.servers.list();
      const generations = new Set<string>(servers.map(({ generation }) => generation));
      const said = worker.output
        .join('')
        .split('\n')
        .slice(0, -1)
        .map((line) => line.split(' '));
      for (const [what, generation = ''] of said) assert.equal(generations.has(generation), what === 'taken', `${what} ${generation}`);
      certain += said.filter(([what]) => what === 'taken').length;
      assert.ok(servers.length >= certain);
      const operations = await store.operations.unfinished();
      for (const { generation } of servers) assert.equal(operations.filter(({ server }) => server?.generation === generation).length, 1);
      const audited = await store.audit.list({ deed: 'create', limit: 100_000 });
      assert.deepEqual(
        audited.map(({ server }) => server?.generation).toReversed(),
        operations.map(({ server }) => server?.generation),
        'an operation and an audit line for each, in the same order',
      );
      certain = servers.length;
      await store[Symbol.asyncDispose]();
      const raw = new DatabaseSync(t.path);
      assert.deepEqual({ ...raw.prepare('pragma integrity_check').get() }, { integrity_check: 'ok' });
      assert.deepEqual(raw.prepare('pragma foreign_key_check').all(), []);
      raw.close();
    }
  });
});
