/** Servers with real applications of Debian and npm, and a browser on the machine outside that visits them through HAProxy by HTTPS. */
import assert from 'node:assert/strict';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { runProcess } from '../src/testing/run-process.ts';
import { type BastionRoom, makeBastionRoom } from './bastion-room.ts';
import { launchChromium } from './chromium.ts';
import { inside, putInside } from './inside.ts';
import { chromiumOutside } from './portal-room.ts';

export interface ApplicationRoom extends AsyncDisposable {
  readonly bastion: BastionRoom;
  /** A directory of this machine's that goes with the room. */
  directory(name: string): Promise<string>;
  /** Packages of Debian, with what they need and the server lacks, as the host's own apt finds them. */
  debian(id: number, packages: readonly string[]): Promise<void>;
  /** Packages of npm, with what their own scripts build, and Node itself, below /opt/app. `files` are laid beside them. */
  npm(id: number, packages: readonly string[], files: Readonly<Record<string, string>>): Promise<void>;
  /** Runs a shell's script as a unit in /opt/app until something listens at `port`. */
  serve(id: number, port: number, script: string): Promise<void>;
  visit(path: string): Promise<Visit>;
}

export interface Visit extends AsyncDisposable {
  readonly page: Page;
  /** Requests that went wrong: status and address of each. */
  readonly failures: string[];
}

const applicationDomain = 'pages.example';
const applicationOrigin = `https://www.${applicationDomain}`;
const longMs = 480_000;

export async function makeApplicationRoom(ids: readonly number[]): Promise<ApplicationRoom> {
  await using undo = new AsyncDisposableStack();
  const web = { edge: 'haproxy', port: 80, httpsPort: 443, domain: applicationDomain };
  const bastion = undo.use(await makeBastionRoom({ config: { web } }));
  const { installation, host } = bastion;
  const { dir } = installation.engine;
  await bastion.person('jbond007', '--role', 'administrator');
  for (const id of ids) await installation.ok('create', String(id), '--admin', 'jbond007', '--mem', '2G');
  const program = await chromiumOutside(installation);
  const browser = await launchChromium({ [`*.${applicationDomain}`]: host, [applicationDomain]: host }, program);
  undo.defer(async () => await browser.close());

  async function directory(name: string): Promise<string> {
    const path = join(dir, 'applications', name);
    await mkdir(path, { recursive: true });
    return path;
  }

  const kept = undo.move();
  return {
    bastion,
    directory,
    async debian(id, packages) {
      const archives = await directory(`debian-${id}`);
      await mkdir(join(archives, 'partial'), { recursive: true });
      const status = join(dir, `status-${id}`);
      await writeFile(status, await inside(installation, id, 'cat /var/lib/dpkg/status'));
      const fetching = [
        '-o',
        `Dir::State::status=${status}`,
        '-o',
        `Dir::Cache::archives=${archives}`,
        '--download-only',
        '--no-install-recommends',
      ];
      await hostRuns(['apt-get', '-q', '-y', ...fetching, 'install', ...packages]);
      await putInside(installation, id, archives, '/var/tmp/archives');
      const script = 'apt-get -q -y --no-install-recommends -o Dpkg::Options::=--force-unsafe-io install /var/tmp/archives/*.deb';
      await inside(
        installation,
        id,
        `export DEBIAN_FRONTEND=noninteractive; (${script}) > /var/tmp/dpkg.log 2>&1 || (tail -n 20 /var/tmp/dpkg.log >&2; exit 1)`,
        { timeoutMs: longMs },
      );
    },
    async npm(id, packages, files) {
      const app = await directory(`npm-${id}`);
      for (const [name, content] of Object.entries(files)) {
        await mkdir(join(app, name, '..'), { recursive: true });
        await writeFile(join(app, name), content);
      }
      await hostRuns(['npm', 'install', '--prefix', app, '--no-audit', '--no-fund', '--dangerously-allow-all-scripts', ...packages]);
      await cp(process.execPath, join(app, 'node'));
      await putInside(installation, id, app, '/opt/app');
    },
    async serve(id, port, script) {
      await inside(
        installation,
        id,
        'timeout 20 bash -c "until [ -S /run/dbus/system_bus_socket ]; do sleep 0.05; done"; mkdir -p /opt/app',
      );
      const unit = ['systemd-run', '--quiet', `--unit=port-${port}`, '--working-directory=/opt/app', '--setenv=HOME=/root'];
      await inside(installation, id, `${unit.join(' ')} -- bash -c '${script.replaceAll("'", String.raw`'\''`)}'`);
      const isThere = `for i in $(seq 300); do ss -Htln "sport = :${port}" | grep -q . && exit 0; sleep 0.2; done; journalctl --no-pager -n 30 -u port-${port} >&2; exit 1`;
      await inside(installation, id, isThere, { timeoutMs: 90_000 });
    },
    visit: async (path) => await visit(browser, path),
    [Symbol.asyncDispose]: async () => await kept.disposeAsync(),
  };
}

async function visit(browser: Browser, path: string): Promise<Visit> {
  const context = await browser.newContext();
  const page = await context.newPage();
  const failures: string[] = [];
  page.on('response', (answer) => void (answer.status() >= 400 && failures.push(`${answer.status()} ${answer.url()}`)));
  page.on('requestfailed', (request) => failures.push(`${request.failure()?.errorText ?? ''} ${request.url()}`));
  await page.goto(`${applicationOrigin}${path}`);
  return { page, failures, [Symbol.asyncDispose]: async () => await context.close() };
}

async function hostRuns(argv: readonly string[]): Promise<void> {
  const ran = await runProcess(argv, { timeoutMs: longMs });
  assert.equal(ran.exitCode, 0, `${argv.join(' ')}\n${ran.stderr}${ran.stdout}`);
}

/** What `look` gives, once it is `wanted`; by itself at most half a minute. */
export async function soonIs<T>(look: () => Promise<T>, wanted: (value: T) => boolean, most = 150): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    const value = await look();
    if (wanted(value)) return value;
    assert.ok(tries < most, `it stays ${JSON.stringify(value)}`);
    await sleep(200);
  }
}
