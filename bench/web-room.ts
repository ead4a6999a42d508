/**
 * One backend, and the proxies that contend before it. Each proxy has the first core; the backend and the load share the second. All strip the prefix of
 * what they are asked and say who asks, as ours does.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { makePasses } from '../src/control/web/passes.ts';
import { nothingOnTheWeb, type WebRoute, type WebState } from '../src/core/web-route.ts';
import { memoryKeyring } from '../src/gateway/http/conformance-private-ports.testing.ts';
import { keepLocalCertificate } from '../src/host/certificates/local-authority.ts';
import { runProgram, tryProgram } from '../src/host/program.ts';
import { domain, routeTo } from '../src/network/edge-room.testing.ts';
import { freePorts } from '../src/testing/free-ports.ts';
import { lacksHaproxy, makeHaproxyRoom } from '../e2e/haproxy-room.ts';

const proxyCore = '0';
export const loadCore = '1';
const hallPath = fileURLToPath(new URL('web-hall.ts', import.meta.url));
const embeddedPath = fileURLToPath(new URL('../e2e/embedded-edge.ts', import.meta.url));

export interface Contender {
  readonly name: string;
  readonly pid: number;
  /** Of a file of the backend's: by its size, `1k`, `100k` or `1g`. */
  readonly url: (file: string) => string;
  readonly headers: readonly string[];
}

export interface WebRoom extends AsyncDisposable {
  readonly haproxy: Contender;
  /** The same, where pages are repaired for whoever renders them. */
  readonly haproxyAuto: Contender;
  /** By HTTPS and a pass. */
  readonly haproxyPrivate: Contender;
  readonly embedded: Contender;
  readonly nginx: Contender;
  readonly nginxTls: Contender;
  readonly chp: Contender;
  /** What both edges are told. */
  tell(routes: readonly WebRoute[]): Promise<void>;
  /** To the backend. */
  route(id: number, change?: Partial<WebRoute>): WebRoute;
}

const backendAddress = '127.0.9.7';
const sizes = { '1k': 1000, '100k': 100_000, '1g': 2 ** 30 } as const;

/** `hall`: the backend opens WebSockets, and has no files. */
export async function makeWebRoom(backend: 'files' | 'hall' = 'files'): Promise<WebRoom> {
  if (lacksHaproxy !== false) throw new Error(lacksHaproxy);
  await needs('nginx', 'nginx-light');
  await needs('wrk', 'wrk');
  await using undo = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), 'myserver-web-bench-'));
  undo.defer(async () => await rm(dir, { recursive: true }));
  await chmod(dir, 0o755);
  const { certificate } = await keepLocalCertificate(dir, ['host.example', `*.usr.${domain}`], Date.now());
  await writeFile(join(dir, 'tls.pem'), certificate.chain + certificate.key);
  const [port = 0] = await freePorts(1);
  undo.use(await (backend === 'hall' ? startHall(port) : startFiles(dir, port)));
  const peers = await startPeers(undo, dir, `${backendAddress}:${port}`);

  const room = undo.use(await makeHaproxyRoom({ hasHttps: true, mostConnections: 20_000 }));
  const embedded = undo.use(await startEmbedded());
  const route = (id: number, change: Partial<WebRoute> = {}) =>
    routeTo(id, { address: backendAddress, port }, { repair: 'off', ...change });
  const shared = route(7, { door: 'usr', policy: 'shared' });
  const passes = await makePasses(memoryKeyring(), Date.now);
  async function tell(routes: readonly WebRoute[]): Promise<void> {
    const state: WebState = {
      ...nothingOnTheWeb,
      routes: [...routes, shared],
      certificates: [certificate],
      passKey: passes.publicKey,
      stamps: [{ subject: 'ada', stamp: 'one' }],
      readers: [{ generation: shared.generation, subjects: ['ada'] }],
    };
    await room.edge.set(state);
    await embedded.tell(state);
  }
  await tell([route(7), route(8, { repair: 'auto' })]);
  const pid = Number((await readFile(room.files.pid, 'utf8')).trim());
  await runProgram(['taskset', '-acp', proxyCore, String(pid)]);
  const { pass } = passes.give({ subject: 'ada', generation: shared.generation, door: 'usr', stamp: 'one', notAfterMs: undefined });

  const kept = undo.move();
  return {
    ...peers,
    haproxy: below('HAProxy', pid, room.ports.http, '/www/7'),
    haproxyAuto: below('HAProxy, repair auto', pid, room.ports.http, '/www/8'),
    haproxyPrivate: {
      name: 'HAProxy, private',
      pid,
      url: (file) => `https://127.0.0.1:${room.ports.https}/${file}`,
      headers: [`Host: 7.usr.${domain}`, `Cookie: __Host-myserver=${pass}`],
    },
    embedded: below('the embedded edge', embedded.pid, embedded.port, '/www/7'),
    route,
    tell,
    [Symbol.asyncDispose]: async () => await kept.disposeAsync(),
  };
}

function below(name: string, pid: number, port: number | undefined, prefix: string): Contender {
  return { name, pid, url: (file) => `http://127.0.0.1:${port}${prefix}/${file}`, headers: [] };
}

async function startPeers(undo: AsyncDisposableStack, dir: string, to: string): Promise<Pick<WebRoom, 'nginx' | 'nginxTls' | 'chp'>> {
  const [port = 0, tlsPort = 0, chpPort = 0, chpApiPort = 0] = await freePorts(4);
  const nginx = undo.use(await startNginx(proxyCore, dir, 'peer', nginxPeer(dir, to, port, tlsPort), port));
  const chp = undo.use(await startChp(dir, to, chpPort, chpApiPort));
  return {
    nginx: below('nginx', nginx.pid, port, '/www/7'),
    nginxTls: { name: 'nginx, HTTPS', pid: nginx.pid, url: (file) => `https://127.0.0.1:${tlsPort}/www/7/${file}`, headers: [] },
    chp: below('configurable-http-proxy', chp.pid, chpPort, ''),
  };
}

async function startFiles(dir: string, port: number): Promise<Started> {
  for (const [name, size] of Object.entries(sizes)) await fill(join(dir, name), size);
  return await startNginx(loadCore, dir, 'backend', `server { listen ${backendAddress}:${port} backlog=4096; root ${dir}; }`, port);
}

async function startHall(port: number): Promise<Started> {
  return await started(loadCore, [process.execPath, hallPath, backendAddress, String(port)], port);
}

async function startNginx(core: string, dir: string, name: string, servers: string, port: number): Promise<Started> {
  const path = join(dir, `${name}.conf`);
  await writeFile(path, nginxConfig(dir, name, servers));
  return await started(core, ['nginx', '-c', path, '-e', 'stderr'], port);
}

async function needs(program: string, name: string): Promise<void> {
  if ((await tryProgram(['which', program])).exitCode !== 0) throw new Error(`${program} is not here: apt-get install ${name}`);
}

/** Sparse: it is the proxies that are measured. */
async function fill(path: string, size: number): Promise<void> {
  await using file = await open(path, 'w', 0o644);
  await file.truncate(size);
}

function nginxConfig(dir: string, name: string, servers: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${join(dir, `${name}-${kind}`)};`,
  );
  return `user root; daemon off; worker_processes 1; worker_rlimit_nofile 65536; pid ${join(dir, `${name}.pid`)};
events { worker_connections 30000; }
http { ${temporary.join(' ')} access_log off; keepalive_requests 1000000; sendfile on; tcp_nopush on; ${servers} }
`;
}

function nginxPeer(dir: string, to: string, port: number, tlsPort: number): string {
  return `
map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
upstream up { server ${to}; keepalive 64; keepalive_requests 1000000; }
server {
  listen 127.0.0.1:${port} backlog=4096;
  listen 127.0.0.1:${tlsPort} ssl backlog=4096;
  ssl_certificate ${dir}/tls.pem; ssl_certificate_key ${dir}/tls.pem;
  location /www/7/ {
    proxy_pass http://up/;
    proxy_http_version 1.1;
    proxy_set_header Connection $connection_upgrade;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Prefix /www/7;
  }
}`;
}

interface Started extends AsyncDisposable {
  readonly pid: number;
  readonly child: ChildProcess;
}

async function started(core: string, argv: readonly string[], port: number): Promise<Started> {
  const child = spawn('taskset', ['-c', core, ...argv], { stdio: ['pipe', 'pipe', 'inherit'] });
  const one: Started = {
    pid: child.pid ?? 0,
    child,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
  for (let tries = 0; port !== 0 && !(await listensAt(port)); tries += 1) {
    if (tries === 500 || child.exitCode !== null) throw new Error(`${argv[0]} does not listen at ${port}`);
    await sleep(20);
  }
  return one;
}

async function listensAt(port: number): Promise<boolean> {
  for (const host of ['127.0.0.1', backendAddress]) {
    const socket = connect(port, host);
    const isThere = await new Promise<boolean>((resolve) =>
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false)),
    );
    socket.destroy();
    if (isThere) return true;
  }
  return false;
}

/** JupyterHub's proxy, as npm has it. */
async function startChp(dir: string, to: string, port: number, apiPort: number): Promise<Started> {
  const prefix = join(dir, 'npm');
  await runProgram(['npm', 'install', '--prefix', prefix, '--no-audit', '--no-fund', 'configurable-http-proxy@5'], { timeoutMs: 300_000 });
  const program = join(prefix, 'node_modules/configurable-http-proxy/bin/configurable-http-proxy');
  const at = ['--ip', '127.0.0.1', '--port', String(port), '--api-ip', '127.0.0.1', '--api-port', String(apiPort)];
  return await started(proxyCore, [process.execPath, program, ...at, '--default-target', `http://${to}`, '--log-level', 'error'], port);
}

async function startEmbedded() {
  const one = await started(proxyCore, [process.execPath, '--disable-warning=ExperimentalWarning', embeddedPath], 0);
  const { stdin, stdout } = one.child;
  async function answer(): Promise<string> {
    return String(((await once(stdout ?? process.stdin, 'data')) as [Buffer])[0]).trim();
  }
  const port = Number(await answer());
  return {
    ...one,
    port,
    async tell(state: WebState): Promise<void> {
      stdin?.write(`${JSON.stringify(state)}\n`);
      await answer();
    },
  };
}
