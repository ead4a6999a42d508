import type { Context } from './context.ts';

/** What `myserver` alone prints: enough to get a server and get into it without reading anything else. */
export const usageText = `myserver: a server of your own, with root, in one word

  myserver create              a new server: it prints how to get in, and a one-time password
  myserver list                your servers
  myserver ssh 123             log in to server 123

Servers
  create [ID]                  create a server (--system --type --disk --mem --cpus --key FILE --count N)
                               for a class: --for-group GROUP, one for each member (staff and administrators)
  list                         the classic table; -f json|csv|yaml, -c id,ssh,status for scripts
  info ID                      all about a server, with the ways into it
  start ID   stop ID           several at once: stop 1 2 5-9
  restart ID   kill ID         kill pulls the plug
  set ID                       notes, name, memory, CPUs, disk: set 123 --mem 1G --cpus 2
  drop ID                      destroy it with everything on it, and give the ID back

Getting in
  ssh ID [COMMAND]             log in, or run a command there
  ssh-config                   your servers for OpenSSH (--write), PuTTY, WinSCP and FileZilla; then: ssh 123
  known-hosts [HOST]           the true SSH host keys
  password ID                  a new one-time password inside the server
  key add FILE                 your SSH public key, put into the servers you create; key list, key remove

Working together
  share add ID WHO RIGHT       RIGHT is list, read, write (enters it), control or all; share list, share remove
  share link ID PORT           an address that lets whoever has it visit one port for a time; share links, share unlink
  domain add ID NAME           a name of the DNS for a server; domain check, domain list, domain remove
  group add|list|remove        classes and courses; group member add|remove GROUP PEOPLE
  user add|list|set|remove     people, their roles and quotas (administrators)

You
  login URL   logout           sign in once instead of giving the password at each command
  password                     change the password you sign in with
  token list|revoke            where you are signed in
  sessions list|kill           who is in a server through the gateway now
  recording list|show|remove   what terminals of your servers showed, where you want it recorded: set 123 --record on

The installation
  image list|build|import|remove   what servers are made from
  plan show|check              which address and which ports belong to which ID
  operation list|show|cancel   long work that is under way
  doctor                       what is not as it should be; doctor --mend
  audit                        who did what
  backup FILE                  copy people, servers, leases, keys and audit to a file; for root
  completion bash|zsh|fish     completion with the Tab key for your shell

Ways in to server 123 (default plan), from any machine
  ssh -p 2123 NAME@HOST        SSH, SFTP, VS Code, PuTTY: port 2000 + ID
  http://HOST:8123/            its web server (port 80 inside): port 8000 + ID
  HOST:58123                   its own program (port 8000 inside): port 58000 + ID

Also
  COMMAND --help               options, defaults and examples of a command
  -f table|json|csv|yaml       how to print; errors are then JSON too: {"error":{"code","message"}} on the error side
  -y, --yes                    do not ask; without a terminal nothing is ever asked
  --url, --user                the address of myserver and your name there; also MYSERVER_URL, MYSERVER_USER
  --version                    the version

Exit codes
  0 done   1 something else failed, or doctor found an error   2 the command line was wrong   3 not signed in or not allowed
  4 no such thing   5 it conflicts with what is there   6 a limit is reached   7 the host cannot do it now   130 interrupted
  Of several servers the first failure counts; "ssh" gives the exit code of ssh.
`;

/** Not there for want of a machine of one's own. */
const onlyWithMachine = /^ {2}(?:login |completion |backup |--url).*\n/gmu;

const lobby = `In this lobby
  COMMAND                      with or without "myserver" before it
  ssh root@123, ssh NAME       a session on a server; "ssh -p 2123 myserver" works too, with ssh's own options
  exit, Ctrl-D                 leave; Ctrl-C clears the line, or ends what is running
  Tab, arrow keys              complete a word; bring earlier lines back
  From your own machine        ssh HOST COMMAND runs one command here: ssh HOST list -f json

`;

export function usageFor({ machine, enter }: Pick<Context, 'machine' | 'enter'>): string {
  if (machine !== undefined) return usageText;
  const there = usageText
    .replaceAll(onlyWithMachine, '')
    .replace('OpenSSH (--write),', 'OpenSSH,')
    .replace(/^( {2}key add )FILE {9}/mu, '$1-, then paste');
  return enter === undefined ? there : there.replace('Servers\n', () => `${lobby}Servers\n`);
}
