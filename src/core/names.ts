/**
 * Names of people, groups, servers, systems and types. A person's name is also a Unix user name inside that person's servers, a part of an SSH user
 * name (where `+` and `@` separate) and a part of a DNS name, so the narrowest of those rules holds for all; and no name looks like an ID.
 */
import type { Brand } from '../base/brand.ts';
import { fault } from './errors.ts';
import { shorten } from './ids.ts';

export type PersonName = Brand<string, 'PersonName'>;
export type GroupName = Brand<string, 'GroupName'>;
export type ServerName = Brand<string, 'ServerName'>;

/** Accounts of the base images (Debian base-passwd 3.6, systemd, openssh, Ubuntu's first user) and words with a meaning of their own in our addresses. */
const takenNames = new Set(
  (
    'root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc gnats _apt nobody messagebus sshd ' +
    'systemd-network systemd-resolve systemd-timesync systemd-coredump systemd-oom systemd-journal syslog uuidd tcpdump polkitd ' +
    'adm tty disk kmem dialout fax voice cdrom floppy tape sudo audio dip operator src shadow utmp video sasl plugdev staff users nogroup ' +
    'input sgx kvm render crontab ssh netdev ubuntu debian lxd incus incus-admin ' +
    'myserver server gateway control host localhost www usr api self me all'
  ).split(' '),
);

const unixNameRule = /^[a-z][a-z\d_-]{0,30}[a-z\d]$|^[a-z]$/u;
const dnsNameRule = /^[a-z](?:[a-z\d-]{0,30}[a-z\d])?$/u;

/** Throws `bad-name`. Used for owners, admins and any other user inside a server that we make. */
export function parsePersonName(text: string): PersonName {
  return parse(text, 'a person', unixNameRule, 'letters a-z, digits, "-" and "_", beginning with a letter') as PersonName;
}

/** Throws `bad-name`. */
export function parseGroupName(text: string): GroupName {
  return parse(text, 'a group', unixNameRule, 'letters a-z, digits, "-" and "_", beginning with a letter') as GroupName;
}

/** Throws `bad-name`. `server-123` is what we call server 123 ourselves, so nobody may give that name. */
export function parseServerName(text: string): ServerName {
  if (/^server-\d+$/u.test(text)) {
    throw fault('bad-name', `"${shorten(text)}" cannot be a server's name: the names server-0, server-1, ... belong to the IDs themselves`);
  }
  return parse(text, 'a server', dnsNameRule, 'letters a-z, digits and "-", beginning with a letter') as ServerName;
}

/** A system (`debian12`, `ubuntu24.04`) or a type (`minimal`): also a part of file names and image aliases. Throws `bad-name`. */
export function parseSystemName(text: string): string {
  if (!/^[a-z][a-z\d]*(?:[.-][a-z\d]+){0,4}$/u.test(text) || text.length > 40) {
    throw fault(
      'bad-name',
      `"${shorten(text)}" cannot name a system or type: use words such as debian12 or minimal (see "myserver image list")`,
    );
  }
  return text;
}

function parse(text: string, whose: string, rule: RegExp, allowed: string): string {
  if (!rule.test(text)) throw fault('bad-name', `"${shorten(text)}" cannot be ${whose}'s name: use 1 to 32 characters, ${allowed}`);
  if (takenNames.has(text))
    throw fault('bad-name', `"${text}" cannot be ${whose}'s name: the operating system or myserver itself uses it; choose another`);
  return text;
}
