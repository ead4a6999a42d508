/** The whole of the classic handbook for one server, with this person's real values. Every line is there to be copied. */
import type { PlanView, ServerDetail } from '../contract/schemas.ts';

export interface WayLine {
  readonly label: string;
  readonly text: string;
  readonly href?: string;
}

export interface Way {
  readonly title: string;
  readonly lines: readonly WayLine[];
}

interface Endpoint {
  readonly user: string;
  readonly host: string;
  readonly port: number;
}

export function waysInto({ server, waysIn }: ServerDetail, plan: PlanView): readonly Way[] {
  const pages = waysIn.filter(({ kind }) => kind !== 'ssh' && kind !== 'browser').map(({ text }) => ({ label: text, text, href: text }));
  const ssh = server.ports.find(({ block, protocol }) => block === 'ssh' && protocol === 'tcp');
  const direct: Endpoint | undefined =
    ssh === undefined ? undefined : { user: server.admin, host: ssh.publicAddress ?? plan.publicHost, port: ssh.publicPort };
  const bastion: Endpoint | undefined =
    plan.bastion === null ? undefined : { user: String(server.id), host: plan.bastion.host, port: plan.bastion.port };
  const best = direct ?? bastion;
  const terminal = `${location.origin}/ssh/${server.id}`;
  return [
    { title: 'Browser', lines: [{ label: 'Terminal', text: terminal, href: terminal }, ...pages] },
    ...(direct === undefined ? [] : [openssh('OpenSSH, at its own port', direct)]),
    ...(bastion === undefined ? [] : [openssh('OpenSSH, by the bastion (with your key)', bastion)]),
    ...(best === undefined ? [] : [putty(best), transfer(best), vsCode(server.id, best), tunnels(best)]),
    {
      title: 'myserver on your own machine',
      lines: [
        { label: 'Sign in once', text: `myserver login ${location.origin}` },
        { label: 'Enter', text: `myserver ssh ${server.id}` },
        { label: 'Let ssh, scp, rsync and editors know all your servers', text: 'myserver ssh-config --write' },
      ],
    },
  ];
}

const portOf = ({ port }: Endpoint, option: string) => (port === 22 ? '' : `${option} ${port} `);
const at = ({ user, host }: Endpoint) => `${user}@${host}`;
const urlOf = (scheme: string, { user, host, port }: Endpoint) => `${scheme}://${user}@${host.includes(':') ? `[${host}]` : host}:${port}/`;

function openssh(title: string, to: Endpoint): Way {
  const ssh = portOf(to, '-p');
  const scp = portOf(to, '-P');
  return {
    title,
    lines: [
      { label: 'Shell', text: `ssh ${ssh}${at(to)}` },
      { label: 'Copy a file there', text: `scp ${scp}FILE ${at(to)}:` },
      { label: 'Copy a file back', text: `scp ${scp}${at(to)}:FILE .` },
      { label: 'Files, one by one', text: `sftp ${scp}${at(to)}` },
      { label: 'Keep a directory the same', text: `rsync -av -e "${`ssh ${ssh}`.trimEnd()}" DIRECTORY/ ${at(to)}:DIRECTORY/` },
      { label: 'A directory of the server on your machine', text: `sshfs ${portOf(to, '-p')}${at(to)}: MOUNTPOINT` },
    ],
  };
}

function putty(to: Endpoint): Way {
  return {
    title: 'PuTTY (Windows)',
    lines: [
      { label: 'Host Name', text: at(to) },
      { label: 'Port', text: String(to.port) },
      { label: 'Or, in a command window', text: `putty -P ${to.port} ${at(to)}` },
      { label: 'Copy a file there', text: `pscp -P ${to.port} FILE ${at(to)}:` },
    ],
  };
}

function transfer(to: Endpoint): Way {
  return {
    title: 'FileZilla, Cyberduck, WinSCP',
    lines: [
      { label: 'Open in Cyberduck or WinSCP', text: urlOf('sftp', to), href: urlOf('sftp', to) },
      { label: 'FileZilla: Host', text: `sftp://${to.host}` },
      { label: 'FileZilla: Username', text: to.user },
      { label: 'FileZilla: Port', text: String(to.port) },
    ],
  };
}

function vsCode(id: number, to: Endpoint): Way {
  return {
    title: 'VS Code (Remote - SSH), JetBrains',
    lines: [
      {
        label: 'Into ~/.ssh/config',
        text: `Host server-${id}\n  HostName ${to.host}\n  Port ${to.port}\n  User ${to.user}`,
      },
      { label: 'Then', text: `code --remote ssh-remote+server-${id} /home/${to.user}` },
    ],
  };
}

function tunnels(to: Endpoint): Way {
  const ssh = portOf(to, '-p');
  return {
    title: 'Tunnels',
    lines: [
      { label: 'Port 8888 of the server at localhost:8888', text: `ssh ${ssh}-N -L 8888:localhost:8888 ${at(to)}` },
      { label: 'Your port 3000 at port 3000 of the server', text: `ssh ${ssh}-N -R 3000:localhost:3000 ${at(to)}` },
      { label: 'A SOCKS proxy through the server', text: `ssh ${ssh}-N -D 1080 ${at(to)}` },
    ],
  };
}
