import type { ServerDetail } from '../contract/schemas.ts';
import { fault } from '../core/errors.ts';
import { parseInsideUser, parseServerReference, type ServerReference } from '../core/login.ts';
import { leaf, listed, perform, type Register, required } from './grammar.ts';
import type { CommonOptions, Invocation } from './invocation.ts';
import { serverNamed } from './named-servers.ts';
import { visible } from './plain-text.ts';
import { sshPort } from './server-columns.ts';

interface SshOptions extends CommonOptions {
  readonly inside?: string;
  readonly print?: boolean;
  readonly tty?: boolean;
}

export const registerSsh: Register = (program, invocation) => {
  const command = leaf(program, invocation, {
    usage: 'ssh <server> [command...]',
    aliases: ['shell'],
    summary: 'log in to a server, or run a command in it',
    examples: [
      'myserver ssh 123',
      'myserver ssh 123 uptime',
      'myserver ssh -t 123 sudo apt install -y git    # sudo asks for a password, which needs a terminal',
      'myserver ssh root@123              # as another user inside; also --inside root',
    ],
    more:
      (invocation.context.enter === undefined
        ? "It runs this machine's own ssh with the server's true host key, so that it never asks whether to trust it.\n"
        : 'ssh as you know it works too: "ssh -l root 123", "ssh -p 2123 root@myserver". Forwards (-L) belong on the outer ssh.\n') +
      'A server is an ID or the name given to it. What follows it goes to the server as it is; options of myserver come\nbefore it. The exit code is that of the session.',
  })
    .passThroughOptions()
    .option('-t, --tty', 'a terminal for the command too, as ssh -t')
    .option('--inside <user>', "a user inside the server (default: the server's admin)")
    .option('--print', 'print the command for ssh, and do not run it');
  perform<SshOptions>(command, async (args, options) => {
    const { server, inside } = targetOf(required(args[0]), options.inside);
    const { signal, enter } = invocation.context;
    if (enter !== undefined && options.print !== true) {
      const words = afterDashes(listed(args[1]));
      invocation.exitCode = await enter({
        server,
        inside: inside === undefined ? undefined : parseInsideUser(inside),
        command: words.length === 0 ? undefined : words.join(' '),
      });
      return;
    }
    const client = invocation.client(options);
    const id = await serverNamed(invocation, options, server);
    const detail = await client.call('getServer', { params: { id } }, { signal });
    const { publicHost } = await client.call('getPlan', {}, { signal });
    const way = wayInto(detail, publicHost, inside);
    if (options.print === true || invocation.context.machine === undefined) {
      await invocation.result(options, { argv: plainArgv(way) }, `${plainArgv(way).map(shellWord).join(' ')}\n`);
      return;
    }
    invocation.exitCode = await runSsh(invocation, detail, { ...way, wantsTerminal: options.tty === true }, afterDashes(listed(args[1])));
  });
};

/** `123`, `mybox`, `root@123`. */
function targetOf(text: string, option: string | undefined): { readonly server: ServerReference; readonly inside: string | undefined } {
  const at = text.lastIndexOf('@');
  return { server: parseServerReference(text.slice(at + 1)), inside: option ?? (at < 0 ? undefined : text.slice(0, at)) };
}

/** `ssh 123 -- ls`: as with ssh itself, the dashes only say that no option of ours follows. */
function afterDashes(words: readonly string[]): readonly string[] {
  return words[0] === '--' ? words.slice(1) : words;
}

interface Way {
  readonly host: string;
  readonly port: number;
  readonly user: string;
}

function wayInto({ server }: ServerDetail, host: string, inside: string | undefined): Way {
  const { id, status, problem } = server;
  if (status === 'stopped') throw fault('wrong-state', `server ${id} is stopped: start it with "myserver start ${id}", then try again`);
  if (status !== 'running')
    throw fault('wrong-state', `server ${id} is ${status}${problem === null ? '' : ` (${problem})`}: "myserver info ${id}" tells more`);
  const port = sshPort(server);
  if (port === undefined) throw fault('cannot-here', `server ${id} has no public port for SSH in this plan (see "myserver plan show")`);
  return { host: port.publicAddress ?? host, port: port.publicPort, user: inside ?? server.admin };
}

/** With the host's key in a file of its own, under a name of its own: other servers at other ports of the same host do not get in its way. */
async function runSsh(
  invocation: Invocation,
  { server, hostKey }: ServerDetail,
  way: Way & { readonly wantsTerminal: boolean },
  words: readonly string[],
): Promise<number> {
  const machine = invocation.machine('ssh');
  const key = /^([a-z\d@.-]+) ([A-Za-z\d+/=]+)(?: |$)/u.exec(hostKey ?? '');
  const alias = `server-${server.id}`;
  await using file = key === null ? undefined : await machine.temporaryFile('known_hosts', `${alias} ${key[1]} ${key[2]}\n`);
  const trust =
    file === undefined
      ? []
      : [
          `HostKeyAlias=${alias}`,
          `UserKnownHostsFile="${file.path.replaceAll('%', '%%')}"`,
          'GlobalKnownHostsFile=none',
          'StrictHostKeyChecking=yes',
          'CheckHostIP=no',
          'UpdateHostKeys=no',
        ];
  const options = [...(way.wantsTerminal ? ['-t'] : []), ...trust.flatMap((option) => ['-o', option])];
  // `--` and -l: neither a host nor a user that begins with "-" can become an option (-oProxyCommand=...).
  // Awaited here: the file must outlive ssh.
  return await machine.execute(['ssh', '-p', String(way.port), '-l', way.user, ...options, '--', way.host, ...words]);
}

function plainArgv({ host, port, user }: Way): readonly string[] {
  return ['ssh', '-p', String(port), `${user}@${host}`];
}

function shellWord(word: string): string {
  const plain = visible(word);
  return /^[\w@%+=:,./-]+$/u.test(plain) ? plain : `'${plain.replaceAll("'", String.raw`'\''`)}'`;
}
