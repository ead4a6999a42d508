/** `./up` whole, on a machine with systemd that nobody has touched: of the host's own release, and Debian 13. About five minutes each. */
import assert from 'node:assert/strict';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test, type TestContext } from 'node:test';
import { recipeOf, type System, systemOfCodename } from '../src/host/image/recipe.ts';
import { readRelease } from '../src/host/packages.ts';
import { type BareMachine, lacksBareMachine, makeBareMachine } from '../src/testing/bare-machine.ts';
import { sourcesOf } from '../src/testing/bare-machine-disk.ts';
import { runProcess } from '../src/testing/run-process.ts';
import { testRoot } from '../src/testing/sweep.ts';
import { soon } from './root-client.ts';

const isLong = process.env['MYSERVER_TEST_LONG'] === '1';
const skip = isLong ? await lacksBareMachine() : 'takes minutes: set MYSERVER_TEST_LONG=1';
const longestMs = 600_000;
/** What the README promises of a second time. */
const againMs = 5000;
const rules = 'nft list table inet myserver > /dev/null && nft list table bridge myserver > /dev/null';

const own = systemOfCodename((await readRelease()).codename);
const debian13 = recipeOf('debian13', 'minimal').system;
const systems = [...(own === undefined ? [] : [own]), debian13].filter((system, at, all) => all.indexOf(system) === at);

suite('up on a bare machine with systemd', { skip }, () => {
  for (const system of systems) {
    test(
      `${system.title}: sudo ./up makes a server somebody is in, restarts and a reboot bring everything back, and --uninstall takes it away`,
      { timeout: longestMs },
      (t) => bringUp(t, system),
    );
  }
});

async function bringUp(t: TestContext, system: System): Promise<void> {
  const scratch = join(testRoot, `sources-${process.pid}`);
  await mkdir(scratch, { recursive: true });
  const sources = await sourcesOf(system, scratch, t.signal);
  await rm(scratch, { recursive: true });
  if (typeof sources === 'string') return t.skip(sources);
  await using machine = await makeBareMachine(system, sources, t.signal);

  const first = await up(machine, '--pool', '5G');
  assert.match(first.said, /^Server 0 is running\. The ways in:$/mu, first.said);
  const steps = [...first.said.matchAll(/^(.*): done in (.*) s$/gmu)].map(([, step, seconds]) => `${step} ${seconds}`);
  t.diagnostic(`${system.title}: the first up took ${first.seconds.toFixed(1)} s (${steps.join(', ')})`);
  const again = await changesNothing(machine);
  t.diagnostic(`${system.title}: the second took ${again.toFixed(1)} s`);
  await getIn(machine);
  await pagesAreServed(machine);
  await edgeGoes(machine);

  await machine.shell('systemctl disable myserver-rules');
  assert.match((await up(machine)).said, /^control: it would not start at the next boot$/mu);

  await controlGoes(machine);
  await rulesComeBack(machine);
  await engineGoes(machine);
  await rebootedWhole(t, machine);
  await pagesAreServed(machine);
  const journal = await machine.shell('journalctl --no-pager -o cat -u myserver-control');
  assert.match(journal, /"msg":"ready"/u);
  assert.doesNotMatch(journal, /"level":(?:50|60)/u, 'no error was logged');
  await takenAway(machine);
}

/** As somebody who may use sudo runs it. */
async function up(machine: BareMachine, ...words: readonly string[]): Promise<{ readonly said: string; readonly seconds: number }> {
  const began = performance.now();
  const { exitCode, stdout, stderr } = await machine.run(['sudo', './up', ...words], longestMs);
  assert.equal(exitCode, 0, `${stdout}\n${stderr}`);
  return { said: stdout, seconds: (performance.now() - began) / 1000 };
}

async function changesNothing(machine: BareMachine): Promise<number> {
  const { said, seconds } = await up(machine);
  assert.equal(said.trim(), 'Everything is up. Another server: myserver create. All that can be done: myserver');
  assert.ok(seconds < againMs / 1000, `it took ${seconds.toFixed(1)} s`);
  return seconds;
}

/** From the neighbour through the port and through the bastion, with a key that the server was given after it was made. */
async function getIn(machine: BareMachine): Promise<void> {
  const key = join(machine.dir, 'key');
  const made = await runProcess(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', key]);
  assert.equal(made.exitCode, 0, made.stderr);
  const line = (await readFile(`${key}.pub`, 'utf8')).trim();
  await machine.shell(`echo '${line}' | myserver key add --person admin --server 0`);
  assert.equal(await inServer(machine, 'hostname; systemctl is-system-running --wait'), 'server-0\nrunning\n');
  await byBastion(machine);
  const memory = await inServer(machine, "sed -n 's/MemTotal: *//p' /proc/meminfo");
  assert.equal(memory, '524288 kB\n', 'lxcfs shows the limits of the server');
}

async function inServer(machine: BareMachine, script: string): Promise<string> {
  return await enter(machine, 2000, 'admin', script);
}

/** Where the machine's own sshd leaves it. */
async function byBastion(machine: BareMachine): Promise<void> {
  assert.equal(await enter(machine, 3022, '0', 'hostname'), 'server-0\n');
  assert.match(await enter(machine, 3022, 'admin', 'list -f csv'), /^0,admin,/mu);
}

/** Its first server has no web server: the page says so, by HTTP and HTTPS, and HAProxy is who stands in front. */
async function pagesAreServed(machine: BareMachine): Promise<void> {
  const asked = async (url: string) =>
    (await runProcess([...machine.enterNeighbour, 'curl', '-sk', '--max-time', '10', '-w', String.raw`\n%{http_code}`, url])).stdout;
  for (const url of [`http://${machine.address}/www/0/`, `https://${machine.address}:9444/www/0/`])
    await soon(`the page at ${url}`, 15_000, async () => (/no program at port 80[\s\S]*\n502$/u.test(await asked(url)) ? true : undefined));
  assert.equal((await machine.run(['systemctl', 'is-active', '--quiet', 'myserver-edge'])).exitCode, 0);
}

/** Killed, systemd starts it again from its files; stopped, control does. */
async function edgeGoes(machine: BareMachine): Promise<void> {
  await machine.shell('systemctl kill --signal=KILL myserver-edge');
  await pagesAreServed(machine);
  await machine.shell('systemctl stop myserver-edge');
  await pagesAreServed(machine);
  await machine.shell('systemctl stop myserver-control && systemctl restart myserver-edge');
  await pagesAreServed(machine);
  await machine.shell('systemctl start myserver-control');
  await works(machine);
}

async function enter(machine: BareMachine, port: number, user: string, script: string): Promise<string> {
  const options = ['BatchMode=yes', 'StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR', 'ConnectTimeout=5'];
  const login = ['-F', 'none', '-i', join(machine.dir, 'key'), ...options.flatMap((option) => ['-o', option])];
  const ran = await runProcess([...machine.enterNeighbour, 'ssh', ...login, '-p', String(port), `${user}@${machine.address}`, script]);
  assert.equal(ran.exitCode, 0, ran.stderr);
  return ran.stdout;
}

/** Stopped, restarted and killed: servers, their connections and the rules do not notice. */
async function controlGoes(machine: BareMachine): Promise<void> {
  const session = inServer(machine, 'sleep 4; echo still here');
  await machine.shell('systemctl restart myserver-control');
  await machine.shell('systemctl stop myserver-control');
  await machine.shell(rules);
  assert.equal(await inServer(machine, 'echo in'), 'in\n');
  assert.equal(await session, 'still here\n');
  await machine.shell('systemctl start myserver-control && systemctl kill --signal=KILL myserver-control');
  await works(machine);
}

/** `systemctl` says done before control listens. */
async function works(machine: BareMachine): Promise<void> {
  await soon('control to answer', 15_000, async () => ((await machine.run(['myserver', 'list'])).exitCode === 0 ? true : undefined));
}

/** Debian's nftables.service begins each of these with "flush ruleset". */
async function rulesComeBack(machine: BareMachine): Promise<void> {
  await machine.shell('systemctl enable --now nftables && systemctl restart myserver-control');
  await works(machine);
  for (const verb of ['reload', 'restart']) {
    await machine.shell(`systemctl ${verb} nftables`);
    await soon(`the rules to be back after ${verb}`, 5000, async () =>
      (await machine.run(['sh', '-c', rules])).exitCode === 0 ? true : undefined,
    );
    assert.equal(await inServer(machine, 'echo in'), 'in\n');
  }
}

async function engineGoes(machine: BareMachine): Promise<void> {
  await machine.shell('systemctl stop incus.service');
  assert.equal(await inServer(machine, 'echo in'), 'in\n');
  // Asking at its socket starts it.
  await machine.shell('myserver create --notes second');
  await machine.shell('systemctl kill --signal=KILL lxcfs');
  await soon('lxcfs to be back', 15_000, async () =>
    (await machine.run(['ls', '/var/lib/lxcfs/proc'])).exitCode === 0 ? true : undefined,
  );
}

async function rebootedWhole(t: TestContext, machine: BareMachine): Promise<void> {
  await machine.shell('myserver stop 1');
  await inServer(machine, 'echo kept > kept; sync');
  const downMs = await machine.reboot();
  t.diagnostic(`going down took ${(downMs / 1000).toFixed(1)} s`);
  assert.ok(downMs < 60_000, 'servers were shut down in order, and nothing was waited for');
  await soon('the server to be back', 60_000, async () => inServer(machine, 'cat kept').catch(() => undefined));
  assert.equal(await inServer(machine, 'cat kept'), 'kept\n');
  await soon(
    'the bastion to be back',
    30_000,
    async () =>
      await byBastion(machine)
        .then(() => true)
        .catch(() => undefined),
  );
  const list = await machine.shell('myserver list --format csv');
  assert.match(list, /^0,.*,running,/mu);
  assert.match(list, /^1,.*,stopped,/mu);
  const [rulesAt = 0, engineAt = 0] = await Promise.all(
    [
      ['myserver-rules', 'ActiveEnter'],
      ['incus', 'InactiveExit'],
    ].map(async ([unit, what]) => Number(await machine.shell(`systemctl show --value -p ${what}TimestampMonotonic ${unit}`))),
  );
  assert.ok(rulesAt > 0 && rulesAt < engineAt, 'the rules stood before Incus was started');
  assert.equal(await machine.shell('systemctl --failed --no-legend --plain'), '');
  assert.equal(await machine.shell('systemd-analyze verify /etc/systemd/system/myserver-*.service 2>&1'), '');
  await changesNothing(machine);
}

async function takenAway(machine: BareMachine): Promise<void> {
  const { said } = await up(machine, '--uninstall', '--yes', '--servers', '0,1');
  assert.match(said, /^myserver is taken off this machine\.$/mu);
  const left =
    'ls -d /etc/myserver /var/lib/myserver /run/myserver /usr/local/*/myserver /etc/sysctl.d/*myserver* /etc/systemd/system/*myserver*';
  assert.equal(await machine.shell(`${left} 2> /dev/null || true`), '');
  assert.doesNotMatch(await machine.shell('nft list tables'), /myserver/u);
  const held =
    'incus list --all-projects -f csv; incus storage list -f csv; incus image list --all-projects -f csv; incus network list -f csv';
  assert.doesNotMatch(await machine.shell(held), /myserver/u);
  assert.equal(await machine.shell('systemctl --failed --no-legend --plain'), '');
}
