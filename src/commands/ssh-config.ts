import { rights } from '../core/access.ts';
import { fault } from '../core/errors.ts';
import { Option } from 'commander';
import { changeFiles, includeChanges, removalChanges, type SshFiles } from './client-config/ssh-files.ts';
import { filezillaXml, winscpIni } from './client-config/file-transfer.ts';
import { parseForwards } from './client-config/forwards.ts';
import { type KeySource, openSshText } from './client-config/openssh.ts';
import { puttyFileChanges } from './client-config/putty-files.ts';
import { puttyRegistry } from './client-config/putty.ts';
import { makeSites, type Sites, type Via, vias } from './client-config/sites.ts';
import { leaf, listed, perform, type Register } from './grammar.ts';
import type { Machine } from './context.ts';
import type { CommonOptions, Invocation } from './invocation.ts';
import { serversNamed } from './named-servers.ts';

interface SshConfigOptions extends CommonOptions {
  readonly via: Via;
  readonly prefix: string;
  readonly localForward?: readonly string[];
  readonly dynamicForward?: readonly string[];
  readonly inlineKeys?: boolean;
  readonly putty?: boolean;
  readonly winscp?: boolean;
  readonly filezilla?: boolean;
  /** True: the file that is meant when none is named. */
  readonly puttyUnix?: string | true;
  readonly write?: string | true;
  readonly remove?: string | true;
  readonly dryRun?: boolean;
}

export const registerSshConfig: Register = (program, invocation) => {
  const command = leaf(program, invocation, {
    usage: 'ssh-config [ids...]',
    summary: 'your servers for OpenSSH, PuTTY, WinSCP and FileZilla',
    examples: [
      'myserver ssh-config --write --dry-run    # what would change',
      'myserver ssh-config --write              # then: ssh server-123, or ssh 123; scp, rsync and VS Code know it too',
      'myserver ssh-config --write --prefix lab-    # a second myserver: ssh lab-123',
      'myserver ssh-config 123 --local-forward 8888:localhost:8888 --dynamic-forward 10080',
      'myserver ssh-config --putty > myserver.reg    # then open the file in Windows',
    ],
    more:
      'Without an ID: all servers that you may enter, as server-123, as 123, and by the names that you gave to your own.\n' +
      'The host keys come from "myserver known-hosts" at each connection (OpenSSH 8.5 or newer): no warning ever appears.\n' +
      'With --write they stand in ~/.ssh/myserver.config, which a line in ~/.ssh/config includes. For new servers run it again.',
  });
  command
    .addOption(
      new Option('--via <way>', "direct: ports of one's own; bastion: through it; auto: direct where there is a port")
        .choices(vias)
        .default('auto'),
    )
    .option('--prefix <text>', 'begins every name, for several myservers side by side', '')
    .option('--local-forward <forward>', '[ID=]PORT:HOST:PORT, as ssh -L; for all servers without ID=; repeatable', collect)
    .option('--dynamic-forward <port>', '[ID=]PORT, as ssh -D (a SOCKS proxy); repeatable', collect)
    .option('--inline-keys', 'the host keys in the file itself: for a machine without myserver; outdated when a server changes hands')
    .option('--putty', 'PuTTY: a registry file for Windows, with the host keys')
    .option('--winscp', 'WinSCP: an ini file (WinSCP.exe /ini=FILE, or import it)')
    .option('--filezilla', 'FileZilla: an XML file (File, Import)');
  if (invocation.context.machine !== undefined)
    command
      .option('--putty-unix [dir]', 'put the sessions into the files of PuTTY on Unix (default: ~/.putty)')
      .option('--write [file]', 'put it into a file, between marker lines (default: ~/.ssh/myserver.config, with an Include)')
      .option('--remove [file]', 'take out again what --write put in')
      .option('--dry-run', 'show what would change as a diff, and change nothing');
  perform<SshConfigOptions>(command, async (args, options) => {
    const way = oneWay(options);
    if (way === 'remove') return await change(invocation, options, await removalChanges(sshFiles(invocation, options, options.remove)));
    const sites = await askSites(invocation, options, listed(args[0]));
    if (way === 'puttyUnix') {
      const machine = invocation.machine('--putty-unix');
      const dir = typeof options.puttyUnix === 'string' ? machine.absolutePath(options.puttyUnix) : `${machine.home}/.putty`;
      return await change(invocation, options, await puttyFileChanges(machine, dir, sites));
    }
    if (way === 'putty') return await print(invocation, options, puttyRegistry(sites));
    if (way === 'winscp') return await print(invocation, options, winscpIni(sites));
    if (way === 'filezilla') return await print(invocation, options, filezillaXml(sites));
    const text = openSshText(sites, await keySource(invocation, options));
    if (way === 'print') return await print(invocation, options, text);
    return await change(invocation, options, await includeChanges(sshFiles(invocation, options, options.write), text));
  });
};

const ways = ['putty', 'winscp', 'filezilla', 'puttyUnix', 'write', 'remove'] as const;

/** `--dry-run` alone is the trial of `--write`. */
function oneWay(options: SshConfigOptions): (typeof ways)[number] | 'print' {
  const [way, other] = ways.filter((one) => options[one] !== undefined);
  if (other !== undefined)
    throw fault(
      'bad-request',
      'choose one of --write, --remove, --putty, --putty-unix, --winscp and --filezilla; see "myserver ssh-config --help"',
    );
  return way ?? (options.dryRun === true ? 'write' : 'print');
}

async function askSites(invocation: Invocation, options: SshConfigOptions, words: readonly string[]): Promise<Sites> {
  const client = invocation.client(options);
  const call = { signal: invocation.context.signal };
  const plan = await client.call('getPlan', {}, call);
  const [{ servers: all }, { name }, { hostKeys }] = await Promise.all([
    client.call('listServers', { query: {} }, call),
    client.call('me', {}, call),
    client.call('listHostKeys', { query: {} }, call),
  ]);
  const enterable = all.filter(({ right, status }) => rights.indexOf(right) >= rights.indexOf('write') && status !== 'dropping');
  const wanted = words.length === 0 ? undefined : await serversNamed(invocation, options, words);
  const missing = wanted?.find((id) => !enterable.some((server) => server.id === id));
  if (missing !== undefined)
    throw fault('no-such-server', `there is no server ${missing} that you may enter: "myserver list" shows those you may see`);
  const { via, prefix } = options;
  const servers = wanted === undefined ? enterable : enterable.filter(({ id }) => wanted.some((one) => one === id));
  const forwards = parseForwards(options.localForward, options.dynamicForward);
  const sites = makeSites({ servers, plan, hostKeys, person: name ?? undefined, prefix, via, forwards });
  const stray = forwards.find(({ id }) => id !== undefined && !servers.some((server) => server.id === id));
  if (stray !== undefined) throw fault('no-such-server', `a forward is for server ${stray.id}, which is not among those written here`);
  for (const id of sites.unreachable)
    invocation.remark(`server ${id} is left out: it has no public port for SSH in this plan, and there is no bastion to go through\n`);
  return sites;
}

/** Where nobody can run myserver, the keys go into the file. */
async function keySource(invocation: Invocation, options: SshConfigOptions): Promise<KeySource> {
  const { machine } = invocation.context;
  if (machine === undefined || options.inlineKeys === true) return { kind: 'inline' };
  const { url, ca, insecureHttp } = await machine.addressOf(options);
  const connection = [
    ...(url === undefined ? [] : ['--url', url]),
    ...(ca === undefined ? [] : ['--ca', machine.absolutePath(ca)]),
    ...(insecureHttp === true ? ['--insecure-http'] : []),
  ];
  return { kind: 'command', argv: [...machine.program, 'known-hosts', ...connection] };
}

function sshFiles(invocation: Invocation, { prefix }: SshConfigOptions, given: string | true | undefined): SshFiles {
  const machine = invocation.machine('--write');
  return { machine, prefix, ...sshPlaces(machine, given) };
}

function sshPlaces(machine: Machine, given: string | true | undefined): Pick<SshFiles, 'path' | 'including'> {
  if (typeof given === 'string') return { path: machine.absolutePath(given), including: undefined };
  return { path: `${machine.home}/.ssh/myserver.config`, including: `${machine.home}/.ssh/config` };
}

async function print(invocation: Invocation, options: SshConfigOptions, text: string): Promise<void> {
  if (options.dryRun === true)
    throw fault('bad-request', '--dry-run shows what would change in files: use it with --write, --remove or --putty-unix');
  await invocation.result(options, { text }, text);
}

async function change(
  invocation: Invocation,
  options: SshConfigOptions,
  changes: Awaited<ReturnType<typeof includeChanges>>,
): Promise<void> {
  const done = await changeFiles(invocation.machine('--write'), changes, options.dryRun === true);
  await invocation.result(options, { changed: done.paths, dryRun: options.dryRun === true }, done.text);
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}
