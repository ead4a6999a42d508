/**
 * Our creation beside bare `incus launch`, in one engine: the same image, limits, disk and network device, the same watching for the banner. For the peer
 * control stands still, so that it costs the peer nothing. A bare launch of our image would never greet, as it holds no host key: the peer's has one put in.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeClient, type Client } from '../src/client/client.ts';
import { makeNodeFetch } from '../src/transport/node-fetch.ts';
import { parseGeneration, parseServerId } from '../src/core/ids.ts';
import { macOf } from '../src/core/mac.ts';
import { defaultLimits } from '../src/core/server.ts';
import { cableNameOf } from '../src/engines/engine.ts';
import { instanceBody } from '../src/engines/incus/incus-instance.ts';
import { runProgram } from '../src/host/program.ts';
import { runProcess } from '../src/testing/run-process.ts';
import { lacksImages, makeTestInstallation, type TestInstallation } from '../src/testing/test-installation.ts';
import { type BannerProbe, startProbe } from './banner.ts';
import { builtProgram } from './program.ts';

export interface Contest extends AsyncDisposable {
  readonly installation: TestInstallation;
  readonly client: Client;
  readonly probe: BannerProbe;
  addressOf(id: number): string;
  /** Until the operation has ended well. */
  ended(operationId: string): Promise<void>;
  /** Drops servers and waits until nothing of them is left. */
  drop(...ids: readonly number[]): Promise<void>;
  /** `incus` without a terminal, in our project. Throws when it fails. */
  incus(...args: readonly string[]): Promise<void>;
  /** `incus launch` of the same server as ours. */
  launch(peer: Peer): Promise<void>;
  /** Runs `work` while control stands still and the firewall lets the peers through. */
  besideControl<T>(peers: readonly Peer[], work: () => Promise<T>): Promise<T>;
  peer(number: number): Peer;
}

export interface Peer {
  readonly number: number;
  readonly name: string;
  readonly address: string;
}

const image = 'debian12/minimal';
const maxProcesses = 2000;
const waitSeconds = 60;
const generation = parseGeneration('00000000-0000-4000-8000-000000000000');

export async function makeContest(): Promise<Contest> {
  if (lacksImages !== false) throw new Error(lacksImages);
  await using undo = new AsyncDisposableStack();
  const program = undo.use(await builtProgram());
  const installation = undo.use(await makeTestInstallation({ program: program.path, isInside: true, poolBytes: 16 * 2 ** 30 }));
  const { engine } = installation;
  await installation.ok('user', 'add', 'bench', '--role', 'administrator');
  const probe = undo.use(startProbe(engine.enter));
  const client = makeClient({ baseUrl: 'http://localhost', fetch: makeNodeFetch({ socketPath: join(installation.runDir, 'root.sock') }) });
  const incus = incusFor(installation);
  const peerImage = await imageWithHostKey(installation, incus);

  async function ended(id: string): Promise<void> {
    for (;;) {
      const { operation } = await client.call('getOperation', { params: { id }, query: { waitSeconds } });
      if (operation.state === 'done') return;
      if (operation.state !== 'running' && operation.state !== 'pending')
        throw new Error(`${operation.kind} of ${operation.subject} ended as ${operation.state}: ${operation.error?.message}`);
    }
  }

  const kept = undo.move();
  return {
    installation,
    client,
    probe,
    ended,
    addressOf: (id) => installation.plan.addressOf(parseServerId(id)),
    peer: (number) => ({ number, name: `${engine.name}-p${number}`, address: `10.77.200.${number}` }),
    incus: (...args) => incus(args),
    launch: (peer) => incus(['launch', peerImage, peer.name, '--no-profiles'], launchConfig(installation, peer)),
    async drop(...ids) {
      const begun = await Promise.all(ids.map((id) => client.call('dropServer', { params: { id }, query: {} })));
      for (const { operation } of begun) await ended(operation.id);
    },
    async besideControl(peers, work) {
      const pids = await controlPids(installation);
      const addresses = peers.map(({ address }) => address);
      const macs = peers.map(({ number, address }) => `"${cableOf(number)}" . ${macOf(address)}`);
      const change = (verb: string, family: string, set: string, elements: readonly string[]) =>
        runProgram([...engine.enter, 'nft', verb, 'element', family, 'myserver_test', set, `{ ${elements.join(', ')} }`]);
      const letThrough = async (verb: 'add' | 'delete') => {
        for (const family of ['inet', 'bridge']) await change(verb, family, 'leased', addresses);
        await change(verb, 'bridge', 'macs', macs);
      };
      process.kill(pids.control, 'SIGSTOP');
      try {
        await letThrough('add');
        const result = await work();
        await incus(['delete', '--force', ...peers.map(({ name }) => name)]);
        await letThrough('delete');
        return result;
      } finally {
        for (const pid of [pids.control, pids.before]) process.kill(pid, 'SIGCONT');
      }
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** As `launchConfig` names it. */
function cableOf(number: number): string {
  return cableNameOf(parseServerId(number), generation);
}

type Incus = (args: readonly string[], input?: string) => Promise<void>;

function incusFor({ engine }: TestInstallation): Incus {
  const env = { ...process.env, INCUS_SOCKET: engine.socket, INCUS_PROJECT: engine.project, INCUS_CONF: join(engine.dir, 'incus-client') };
  return async (args, input = '') => {
    const { exitCode, stderr } = await runProcess(['incus', '--quiet', ...args], { env, input });
    if (exitCode !== 0) throw new Error(`incus ${args.join(' ')} ended with ${exitCode}: ${stderr}`);
  };
}

/** Its reference. Published once and imported from nowhere, so that the engine has it unpacked as it has ours. */
async function imageWithHostKey(installation: TestInstallation, incus: Incus): Promise<string> {
  const { engine } = installation;
  const name = `${engine.name}-key`;
  const keyPath = join(engine.dir, 'bench-host-key');
  await runProgram(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', keyPath]);
  const model = { number: 999, name, address: '10.77.199.1' };
  await incus(['init', image, name, '--no-profiles'], launchConfig(installation, model));
  await incus(['file', 'push', '--mode=0600', '--uid=0', '--gid=0', keyPath, `${name}/etc/ssh/ssh_host_ed25519_key`]);
  await incus(['publish', name, '--alias', name, '--compression', 'none']);
  await incus(['delete', name]);
  return name;
}

/** What an instance of ours says of itself, for `incus launch`'s standard input: YAML, of which JSON is a part. */
function launchConfig({ engine }: TestInstallation, { number, name, address }: Peer): string {
  const tags = { installation: 'bench', generation, id: parseServerId(number) };
  const spec = { name, tags, image, limits: defaultLimits, maxProcesses, address };
  const place = { pool: engine.pool, network: engine.bridge, hasOldCgroups: !existsSync('/sys/fs/cgroup/cgroup.controllers') };
  const { config, devices } = instanceBody(spec, place, '', 2 ** 28) as { readonly config: object; readonly devices: object };
  return JSON.stringify({ config, devices });
}

/** `nsenter` stays before what it starts in another PID namespace, and stands still when that does. */
async function controlPids(installation: TestInstallation): Promise<{ readonly before: number; readonly control: number }> {
  const before = installation.controlPid() ?? 0;
  const child = await readFile(`/proc/${before}/task/${before}/children`, 'utf8');
  return { before, control: Number(child.trim()) };
}
