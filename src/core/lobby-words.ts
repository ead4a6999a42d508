/** Words that people type out of habit and that are no command of the manager: what each means in the lobby, or a sentence that leads on. */
import type { LobbyWorld } from './lobby-world.ts';

export const leaveWords: ReadonlySet<string> = new Set(['exit', 'logout', 'quit', 'bye']);
export const clearWords: ReadonlySet<string> = new Set(['clear', 'cls', 'reset']);
export const helpWords: ReadonlySet<string> = new Set(['help', '?', 'man']);

const shells = 'sh bash dash zsh fish ksh csh tcsh ash busybox cmd powershell pwsh chsh screen tmux exec source . eval'.split(' ');
const copiers = 'scp sftp rsync sshfs'.split(' ');
/** Programs that people look for on any Unix: they are inside the servers. */
const programs = (
  'cat cd cp mv mkdir rmdir touch chmod chown tail head less more grep find df du free uname uptime top htop mount ip ifconfig ping nc ' +
  'apt apt-get dpkg dnf yum apk systemctl service journalctl docker podman incus git make gcc vi vim nano emacs python python3 perl node npm ' +
  'curl wget reboot shutdown poweroff halt export alias echo env which tar unzip'
).split(' ');

const sayings: Readonly<Record<string, (world: LobbyWorld) => string>> = {
  putty: ({ host }) => `PuTTY is a program of your own machine: host ${host}, and as port the one that "list" shows under SSH`,
  plink: ({ host }) =>
    `plink is a program of your own machine: plink -P PORT NAME@${host}, with the port that "list" shows under SSH; here it is "ssh 123"`,
  pscp: ({ host }) => `copy on your own machine: pscp -P PORT FILE NAME@${host}: with the port that "list" shows under SSH`,
  telnet: () => 'telnet is not spoken here: "ssh 123" logs you in to server 123',
  ftp: ({ host }) =>
    `ftp is not spoken here: copy on your own machine with sftp -P PORT NAME@${host}, with the port that "list" shows under SSH`,
  mosh: () => 'mosh is not spoken here: "ssh 123" logs you in to server 123',
  su: ({ person }) => `you are ${person}, and nobody else from here: for another user in a server type "ssh root@123"`,
  sudo: () => 'nothing here needs sudo: type the command alone. For root in a server: "ssh 123", and sudo there',
  doas: () => 'nothing here needs doas: type the command alone',
  login: ({ person }) => `you are signed in already, as ${person}`,
  'ssh-copy-id': () => 'give us your public key once and it goes into every server you create: "key add", then paste it',
  'ssh-keygen': () => 'keys are made on your own machine, with ssh-keygen there; "key add" takes the public one',
  'ssh-add': () => 'keys stay on your own machine; "key add" takes the public one',
  history: () => 'the lines you typed come back with the arrow keys, up and down',
  pwd: () => 'there are no directories here: this is the lobby of myserver, and "list" shows your servers',
};

/** Undefined for a word that has no meaning of its own here. */
export function sayingFor(word: string, world: LobbyWorld): string | undefined {
  if (shells.includes(word)) return `there is no shell here: this is the lobby of myserver. A shell in server 123 is "ssh 123"`;
  if (copiers.includes(word))
    return word === 'rsync'
      ? `copy on your own machine: rsync -e "ssh -p PORT" FILE NAME@${world.host}: with the port that "list" shows under SSH`
      : `copy on your own machine: ${word} -${word === 'sshfs' ? 'p' : 'P'} PORT ... NAME@${world.host}: with the port that "list" shows under SSH`;
  if (programs.includes(word)) return `${word} is a program inside a server, not here: "ssh 123 ${word}" runs it in server 123`;
  return Object.hasOwn(sayings, word) ? sayings[word]?.(world) : undefined;
}
