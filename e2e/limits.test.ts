/** What one server takes, the others and the host do not miss: processes, memory, CPU and disk end where its limits are, and limits change under its feet. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { ServerView } from '../src/contract/schemas.ts';
import { lacksImages, testBases, type TestInstallation } from '../src/testing/test-installation.ts';
import { makeInstallationOfAda } from './installation-of-ada.ts';
import { assertWhole, tryInside } from './host-view.ts';
import { inside } from './inside.ts';
import { greets, waitForGreeting } from './port-probe.ts';
import type { Root } from './root-client.ts';

const mib = 2 ** 20;
const maxProcesses = 300;
/** A neighbour answers within this, on a busy machine too; a host that is starved does not. */
const answerSeconds = 10;

suite('limits of a server', { skip: lacksImages }, () => {
  let installation: TestInstallation;
  let root: Root;
  let hog: ServerView;

  before(async () => {
    ({ installation, root } = await makeInstallationOfAda({ config: { server: { maxProcesses } } }));
    const [made] = (
      await Promise.all([root.create({ id: 0, memoryBytes: 256 * mib, diskBytes: 1024 * mib }), root.create({ id: 1 })])
    ).flat();
    assert.ok(made !== undefined);
    hog = made;
  });
  after(async () => await installation[Symbol.asyncDispose]());

  async function assertOthersWell(what: string): Promise<void> {
    assert.ok(await greets(installation, testBases.ssh + 1, { seconds: answerSeconds }), `${what}: the neighbour does not answer`);
    const listed = await installation.myserver(['list', '--no-header'], { timeoutMs: answerSeconds * 1000 });
    assert.equal(listed.exitCode, 0, `${what}: list does not answer`);
    assert.equal(await inside(installation, 1, 'echo alive; : > /root/writes; sync /root/writes'), 'alive\n');
  }

  const number = async (script: string) => Number(await inside(installation, 0, script));

  test('memory, swap and processes as the system inside sees them are the server’s', async () => {
    assert.equal(await number("awk '/^MemTotal/ { print $2 }' /proc/meminfo"), 256 * 1024);
    assert.equal(await number("awk '/^SwapTotal/ { print $2 }' /proc/meminfo"), 0);
  });

  test('a fork bomb ends at the limit of processes; the others go on, and the server can be killed', async () => {
    const bomb = 'bomb() { bomb | bomb & }; bomb';
    await inside(installation, 0, `systemd-run -q --unit=bomb -p TasksMax=infinity bash -c '${bomb}; sleep 600'`);
    for (let look = 0; look < 3; look += 1) {
      await assertOthersWell('fork bomb');
      const { usage } = await root.client.call('getServer', { params: { id: 0 } });
      assert.ok((usage?.processes ?? 0) <= maxProcesses, `${usage?.processes} processes`);
    }
    await root.tell('killServer', 0);
    await root.tell('startServer', 0);
    await waitForGreeting(installation, testBases.ssh);
  });

  test('a memory hog is ended inside at the limit; the others and the host keep theirs', async () => {
    const hostFree = async () =>
      Number((await installation.run('host', ['awk', '/^MemAvailable/ { print $2 }', '/proc/meminfo'])).stdout) * 1024;
    const before = await hostFree();
    const [ran] = await Promise.all([
      tryInside(installation, hog, `perl -e 'for (1..64) { push @all, "x" x ${16 * mib} } print "had it all"; sleep 5'`),
      assertOthersWell('memory hog'),
    ]);
    assert.notEqual(ran.exitCode, 0);
    assert.doesNotMatch(ran.stdout, /had it all/u);
    assert.ok(before - (await hostFree()) < 2 ** 30, 'the host lost its memory');
    assert.ok(await greets(installation, testBases.ssh));
  });

  test('as many busy programs as one likes get the CPUs promised, not more', async () => {
    const cpuSeconds = async () => (await root.client.call('getServer', { params: { id: 0 } })).usage?.cpuSeconds ?? Number.NaN;
    await inside(installation, 0, 'for one in 1 2 3 4; do systemd-run -q --unit=busy-$one sh -c "while :; do :; done"; done');
    const [from, began] = [await cpuSeconds(), performance.now()];
    await assertOthersWell('busy CPUs');
    await inside(installation, 0, 'sleep 2');
    const share = ((await cpuSeconds()) - from) / ((performance.now() - began) / 1000);
    await inside(installation, 0, 'systemctl stop "busy-*"');
    assert.ok(share < 1.25, `one CPU was promised, ${share.toFixed(2)} were used`);
  });

  test('a full disk is the server’s own trouble: it ends at its size, the others write on, and removing files helps', async () => {
    const filled = await tryInside(installation, hog, 'fallocate -l 800M /room; dd if=/dev/zero of=/fill bs=1M count=2000; sync');
    assert.match(filled.stderr, /quota exceeded|No space left/u);
    const bytes = Number(/(\d+) bytes/u.exec(filled.stderr)?.[1]);
    assert.ok(bytes > 50 * mib && bytes <= 224 * mib, `${bytes} bytes were written to a disk of 1 GiB beside 800 MiB`);
    await assertOthersWell('full disk');
    assert.ok(await greets(installation, testBases.ssh));
    await inside(installation, 0, 'rm /fill /room; sync; echo well > /root/again');
  });

  test('set changes memory, CPUs and disk of the running server, seen inside at once', async () => {
    const boot = await inside(installation, 0, 'cut -d" " -f22 /proc/1/stat');
    await installation.ok('set', '0', '--mem', '384M', '--cpus', '2', '--disk', '2G');
    assert.equal(await number("awk '/^MemTotal/ { print $2 }' /proc/meminfo"), 384 * 1024);
    await inside(installation, 0, 'fallocate -l 1300M /room && rm /room');
    const held = await tryInside(installation, hog, `perl -e 'push @all, "x" x ${16 * mib} for 1..18; print "had it all"'`);
    assert.equal(held.stdout, 'had it all', '288 MiB fit into 384 and did not into 256');
    assert.equal(await inside(installation, 0, 'cut -d" " -f22 /proc/1/stat'), boot, 'it was restarted');
    await installation.ok('set', '0', '--mem', '128M', '--cpus', '1');
    assert.equal(await number("awk '/^MemTotal/ { print $2 }' /proc/meminfo"), 128 * 1024);
    await assertWhole(installation, root);
  });
});
