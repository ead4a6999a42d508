/**
 * Our bastion beside Debian's sshd in the same place: one host, one client machine, the same servers behind both, the same person with the same key, and
 * OpenSSH's client with one configuration that knows every way there is.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BastionRoom, makeBastionRoom, untilListening } from '../e2e/bastion-room.ts';
import { inside, runInside } from '../e2e/inside.ts';
import { parseServerId } from '../src/core/ids.ts';
import { lacksImages, testBases, type TestInstallation } from '../src/testing/test-installation.ts';
import { builtProgram } from './program.ts';
import { type SshdPeer, startSshdPeer } from './sshd-peer.ts';

/**
 * Hosts of the configuration: `lobby` and `sshd` are the bastions alone, `ours` and `theirs` are sessions on server 0 through one of them, `direct` is its
 * port 2000+ID.
 */
export type Way = 'lobby' | 'sshd' | 'ours' | 'theirs' | 'direct';

export interface BastionContest extends AsyncDisposable {
  readonly installation: TestInstallation;
  readonly room: BastionRoom;
  readonly sshd: SshdPeer;
  readonly keyPath: string;
  /** The process that all of our gateway's descend from. */
  gatewayPid: () => number;
  addressOf: (id: number) => string;
  /** Words of a program in the client machine, and before it what brings it there. */
  inClient: (...words: readonly string[]) => readonly string[];
  /** `ssh`, or another of its programs, with the configuration that knows the ways. */
  ssh: (words: readonly string[], options?: SshOptions) => readonly string[];
  /** In the background until disposed of: `-L`, ready when it listens. */
  forward: (way: Way, options: ForwardOptions) => Promise<AsyncDisposable>;
}

export interface SshOptions {
  readonly program?: 'ssh' | 'scp';
  /** OpenSSH and Debian's sshd take a costlier one between them, which ours does not have; with `same` all take curve25519, at each hop. */
  readonly exchange?: 'usual' | 'same';
}

export interface ForwardOptions {
  readonly localPort: number;
  readonly target: string;
  readonly cipher: string;
}

export const user = 'bench';
export const workers = 2;
export const streamPort = 8000;
export const hallPort = 8001;
/** Where `stream.pl` is inside a server. */
export const streamProgram = '/opt/stream.pl';

export async function makeBastionContest(servers: number): Promise<BastionContest> {
  if (lacksImages !== false) throw new Error(lacksImages);
  await using undo = new AsyncDisposableStack();
  const program = undo.use(await builtProgram());
  const config = { gateway: { user: 'nobody', workers, host: '0.0.0.0' } };
  const room = undo.use(await makeBastionRoom({ config, program: program.path, poolBytes: 16 * 2 ** 30 }));
  const { installation, host } = room;
  const person = await room.person(user, '--role', 'administrator');
  await person.ok('create', '--count', String(servers));
  const sshd = undo.use(await startSshdPeer(installation, user, person.key.publicPath));
  const text = await readFile(new URL('stream.pl', import.meta.url), 'utf8');
  for (let id = 0; id < servers; id += 1) {
    await inside(installation, id, `cat > ${streamProgram}`, { input: text });
    await runInside(installation, id, hallPort, ['perl', streamProgram, 'serve']);
  }
  const addressOf = (id: number) => installation.plan.addressOf(parseServerId(id));
  const usual = sshConfig({ host, sshdPort: sshd.port, keyPath: person.key.path, server: addressOf(0) });
  const configs = { usual, same: `${usual}  KexAlgorithms curve25519-sha256\n` };
  const pathOf = (exchange: 'usual' | 'same') => join(installation.engine.dir, `bench_ssh_config_${exchange}`);
  for (const exchange of ['usual', 'same'] as const) await writeFile(pathOf(exchange), configs[exchange]);
  const ssh: BastionContest['ssh'] = (words, { program: name = 'ssh', exchange = 'usual' } = {}) => [
    name,
    '-F',
    pathOf(exchange),
    ...words,
  ];
  const inClient: BastionContest['inClient'] = (...words) => [...installation.engine.enterClient, ...words];
  const kept = undo.move();
  return {
    installation,
    room,
    sshd,
    keyPath: person.key.path,
    gatewayPid: () => room.gateway.pid() ?? 0,
    addressOf,
    inClient,
    ssh,
    async forward(way, { localPort, target, cipher }) {
      const options = ['-N', '-c', cipher, '-m', 'hmac-sha2-256-etm@openssh.com', '-L', `127.0.0.1:${localPort}:${target}`];
      const [first = '', ...rest] = inClient(...ssh([...options, way]));
      const child = spawn(first, rest, { stdio: ['ignore', 'ignore', 'inherit'], env: quietEnv });
      await untilListening(installation, localPort);
      return {
        async [Symbol.asyncDispose]() {
          const ended = once(child, 'exit');
          child.kill('SIGKILL');
          await ended;
        },
      };
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Nothing of whoever measures takes part. */
export const quietEnv = { ...process.env, SSH_AUTH_SOCK: '', LC_ALL: 'C.UTF-8' };

interface Places {
  readonly host: string;
  readonly sshdPort: number;
  readonly keyPath: string;
  readonly server: string;
}

function sshConfig({ host, sshdPort, keyPath, server }: Places): string {
  return `
Host lobby
  HostName ${host}
Host ours
  HostName ${host}
  User 0
Host sshd
  HostName ${host}
  Port ${sshdPort}
Host theirs
  HostName ${server}
  ProxyJump sshd
Host direct
  HostName ${host}
  Port ${testBases.ssh}
Host *
  User ${user}
  IdentityFile ${keyPath}
  IdentitiesOnly yes
  BatchMode yes
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
  GlobalKnownHostsFile none
  LogLevel ERROR
  ConnectTimeout 20
`;
}
