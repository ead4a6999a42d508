/**
 * The store is lost, put back from an old copy, or another installation's: nobody's server is erased by that, what is unknown is closed to the outside, and
 * an administrator takes it in again or gives it up.
 */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { chmod, copyFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { FindingView, ServerView } from '../src/contract/schemas.ts';
import { lacksImages, testBases, type TestInstallation } from '../src/testing/test-installation.ts';
import { makeInstallationOfAda } from './installation-of-ada.ts';
import { assertWhole, incus, nameOf, rulesTable } from './host-view.ts';
import { inside } from './inside.ts';
import { firstLineAt, greets, openLine, startEcho } from './port-probe.ts';
import type { Root } from './root-client.ts';

const isLong = process.env['MYSERVER_TEST_LONG'] === '1';
const skip = isLong ? lacksImages : 'a rare fault, and long: ./test --long';

suite('the store lost, old or foreign', { skip }, () => {
  let installation: TestInstallation;
  let root: Root;
  let first: ServerView;

  before(async () => {
    ({ installation, root } = await makeInstallationOfAda());
    first = await one({ id: 1 });
    await inside(installation, first.id, 'echo precious > /home/ada/thesis');
    await keep('yesterday');
  });
  after(async () => await installation[Symbol.asyncDispose]());

  async function one(request: { readonly id: number }): Promise<ServerView> {
    const [server] = await root.create(request);
    assert.ok(server !== undefined);
    return server;
  }

  /** Stops control in order, changes what it keeps, starts it again. */
  async function whileStopped(change: () => Promise<void>): Promise<void> {
    await installation.endControl('SIGTERM');
    await change();
    await installation.startControl();
  }

  const copyAt = (name: string) => join(installation.engine.dir, `copy-${name}.db`);
  const keep = async (name: string) => await installation.ok('backup', copyAt(name));
  const removeStore = async () => await rm(installation.stateDir, { recursive: true });
  /** As `myserver backup --help` says it. */
  async function putBack(name: string): Promise<void> {
    const store = join(installation.stateDir, 'store.db');
    await rm(`${store}-wal`, { force: true });
    await copyFile(copyAt(name), store);
    await chmod(store, 0o600);
  }

  const findings = async (code: string): Promise<readonly FindingView[]> =>
    (await root.client.call('doctor')).findings.filter((finding) => finding.code === code);
  const instances = async () =>
    (await incus(installation, ['list', '-f', 'csv', '-c', 'ns'])).stdout.split('\n').filter(Boolean).toSorted();
  const addAda = async () => await root.client.call('addPerson', { body: { name: 'ada', role: 'administrator' } });

  const hostKeyOf = async (id: number) => (await root.client.call('getServer', { params: { id } })).hostKey;

  test('a day-old store: a server that it does not know is kept, closed to the outside, and its ID is not given out', async () => {
    const later = await one({ id: 2 });
    await startEcho(installation, later.id);
    await inside(installation, later.id, 'echo fresh > /home/ada/draft; sync');
    const laterKey = await hostKeyOf(later.id);
    using line = openLine(installation, testBases.usr + 2);
    assert.equal(await line.say('open'), 'open');

    await whileStopped(async () => await putBack('yesterday'));
    assert.deepEqual(
      (await root.client.call('listServers', { query: {} })).servers.map(({ id, status }) => [id, status]),
      [[1, 'running']],
    );
    assert.deepEqual(await instances(), [`${nameOf(first)},RUNNING`, `${nameOf(later)},RUNNING`].toSorted());
    assert.ok(await greets(installation, testBases.ssh + 1));
    assert.notEqual(await line.say('still there?'), 'still there?', 'its live connection went on');
    assert.equal(await greets(installation, testBases.ssh + 2, { seconds: 1 }), false);
    assert.equal(await greets(installation, 22, { from: 'host', address: later.address, seconds: 1 }), false);
    const taken = await installation.myserver(['create', '2']);
    assert.notEqual(taken.exitCode, 0);
    assert.match(taken.stderr, /\b2\b/u);
    assert.equal((await findings('instance-unknown'))[0]?.subject, nameOf(later));

    await installation.ok('doctor', 'adopt', `instance-unknown:${nameOf(later)}`, '--owner', 'ada');
    assert.equal((await root.becomes(2, 'running')).generation, later.generation);
    assert.ok(await greets(installation, testBases.ssh + 2));
    assert.equal(await inside(installation, later.id, 'cat /home/ada/draft'), 'fresh\n');
    assert.equal(await hostKeyOf(later.id), laterKey, 'whoever knows it is warned of nothing');
    await assertWhole(installation, root);
  });

  test('a day-old store: doctor discard destroys what nobody wants, and its ID can be leased again', async () => {
    await whileStopped(async () => await putBack('yesterday'));
    const [found] = await findings('instance-unknown');
    assert.ok(found !== undefined);
    assert.notEqual((await installation.myserver(['doctor', 'discard', found.id])).exitCode, 0, 'without --yes nothing is destroyed');
    await installation.ok('doctor', 'discard', found.id, '-y');
    assert.deepEqual(await findings('instance-unknown'), []);
    await assertWhole(installation, root);
    await one({ id: 2 });
    await root.tell('dropServer', 2);
  });

  test('backup: written by control for root alone while servers run, never over a file unless told', async () => {
    assert.equal((await stat(copyAt('yesterday'))).mode & 0o777, 0o600);
    const again = await installation.myserver(['backup', copyAt('yesterday')]);
    assert.equal(again.exitCode, 5);
    assert.match(again.stderr, /--force/u);
    await keep('replaced');
    await installation.ok('backup', '--force', copyAt('replaced'));
    assert.ok((await root.client.call('listAudit', { query: {} })).lines.some(({ deed, allowed }) => deed === 'backup' && allowed));
  });

  test('a day-old store after a kill: a server dropped since is shown as gone, and dropping it again gives the ID back', async () => {
    const gone = await one({ id: 7 });
    await keep('before the drop');
    await root.tell('dropServer', gone.id);
    await installation.endControl('SIGKILL');
    await putBack('before the drop');
    await installation.startControl();
    assert.match((await root.becomes(gone.id, 'failed')).problem ?? '', /no instance of it/u);
    assert.deepEqual(await instances(), [`${nameOf(first)},RUNNING`]);
    assert.ok(await greets(installation, testBases.ssh + 1));
    await root.tell('dropServer', gone.id);
    await assertWhole(installation, root);
  });

  test('an empty store: nothing is erased or changed, every deed is refused, and adopt brings each server back with its data', async () => {
    const before = await instances();
    const keyBefore = await hostKeyOf(1);
    await whileStopped(removeStore);
    assert.deepEqual(await instances(), before);
    assert.equal((await findings('installation-mismatch')).length, 1);
    assert.ok(await greets(installation, testBases.ssh + 1), 'its ports stay open while nobody decides');
    await addAda();
    const refused = await installation.myserver(['create', '-f', 'json']);
    assert.equal(refused.exitCode, 7);
    assert.match(refused.stdout + refused.stderr, /installation-mismatch/u);
    await installation.myserver(['doctor', '--mend']);
    assert.ok(await greets(installation, testBases.ssh + 1), '--mend closed servers that nobody had decided about');

    const adoption = { params: { id: `instance-unknown:${nameOf(first)}`, action: 'adopt' }, body: { owner: 'ada' } };
    await root.client.call('treatFinding', adoption);
    assert.equal((await root.becomes(1, 'running')).generation, first.generation);
    assert.ok(await greets(installation, testBases.ssh + 1));
    assert.equal(await inside(installation, first.id, 'cat /home/ada/thesis'), 'precious\n');
    assert.equal(await hostKeyOf(1), keyBefore);
    await root.tell('restartServer', 1);
    await assertWhole(installation, root);
    await one({ id: 3 });
    await root.tell('dropServer', 3);
  });

  test('the store of another installation: its servers are shown as gone, ours are kept, nothing is changed', async () => {
    await keep('today');
    await whileStopped(async () => await putBack('yesterday'));
    assert.deepEqual(await instances(), [`${nameOf(first)},RUNNING`]);
    assert.equal((await findings('installation-mismatch')).length, 1);
    const refusal = { code: 'installation-mismatch' };
    await assert.rejects(root.client.call('dropServer', { params: { id: 1 }, query: {} }), refusal);
    await assert.rejects(root.client.call('stopServer', { params: { id: 1 } }), refusal);
    await assert.rejects(root.begin(), refusal);
    assert.ok(await greets(installation, testBases.ssh + 1));
    await whileStopped(async () => {
      // What a reboot leaves of the rules. Servers that the engine starts by itself must not run without any.
      for (const family of ['inet', 'bridge'])
        assert.equal((await installation.run('host', ['nft', 'delete', 'table', family, rulesTable])).exitCode, 0);
    });
    assert.equal(await greets(installation, testBases.ssh + 1, { seconds: 1 }), false);
    assert.match((await installation.run('host', ['nft', 'list', 'tables'])).stdout, /inet myserver_test/u);
    await whileStopped(async () => await putBack('today'));
    await root.becomes(1, 'running');
    await assertWhole(installation, root);
    assert.equal(await firstLineAt(installation, testBases.ssh + 2, { seconds: 1 }), 'refused');
  });
});
