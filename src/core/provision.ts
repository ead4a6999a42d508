/**
 * What makes an image into one person's server: files to push into the stopped instance before its first start. No framework runs inside, so the first
 * boot costs what every boot costs. The account files are the image's own with one user more, so they are read from the instance first.
 */
import { fault } from './errors.ts';
import { shorten } from './ids.ts';
import type { PersonName } from './names.ts';

interface Placed {
  /** Absolute, inside the instance. */
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** What is put into an instance, as `Engine.pushFiles` takes it. Missing parents are the caller's to name. */
export type FileToPush = (Placed & { readonly kind: 'directory' }) | (Placed & { readonly kind: 'file'; readonly content: string });

/** The instance's own /etc/passwd, group, shadow and gshadow before its first start. */
export interface AccountFiles {
  readonly passwd: string;
  readonly group: string;
  readonly shadow: string;
  readonly gshadow: string;
}

export interface ProvisionInput extends AccountFiles {
  readonly admin: {
    readonly name: PersonName;
    /** In crypt(3)'s form, or `!` for no password. */
    readonly passwordHash: string;
    /** The password is good for one login, which asks for another. Nothing to change where there is none. */
    readonly mustChange: boolean;
    readonly sudo: boolean;
  };
  readonly hostname: string;
  /** In OpenSSH's formats. */
  readonly hostKey: { readonly privateKey: string; readonly publicKey: string };
  /** OpenSSH's lines, one key each. */
  readonly authorizedKeys: readonly string[];
  /** What /etc/skel holds, by name; `skeletonNames` are Debian's and Ubuntu's. */
  readonly skeleton?: Readonly<Record<string, string>>;
}

/** Where sshd looks for the one host key that our images offer. */
export const hostKeyPaths = { privateKey: '/etc/ssh/ssh_host_ed25519_key', publicKey: '/etc/ssh/ssh_host_ed25519_key.pub' } as const;

export const skeletonNames = ['.bash_logout', '.bashrc', '.profile'] as const;

/**
 * How old a one-time password is made to look, in days (shadow(5)): last changed on 2 January 1970, and good for 27 years. So it has run out, and the next
 * password login asks for another, which is good for 27 years from then. The usual 0 for "change it now" would say the same, but then pam_unix tells it at
 * each login with a key, too, whatever its options, and on the error side of each command.
 */
export const oneTimeAge = { changedDay: 1, goodDays: 10_000 } as const;

const downloadPath = '/usr/local/bin/download';

/** Says to the page that shows the terminal which file is meant (`web/terminal/xterm-screen.ts`); other terminals show nothing of that. */
const downloadText = `#!/bin/sh
# Offers files and folders to the browser in which this terminal is shown.
if [ $# -eq 0 ] || [ "$1" = --help ]; then
  echo "usage: download FILE... (in a browser terminal; elsewhere use sftp or scp)"
  [ "$1" = --help ]
  exit
fi
for file; do
  path=$(realpath -- "$file") || exit 1
  [ -r "$path" ] || { echo "download: $file: is it there, and may you read it?" >&2; exit 1; }
  printf '\\033]1337;Download=%s\\007' "$(printf %s "$path" | base64 | tr -d '\\n')"
  echo "offered to your browser: $path"
done
`;

// login.defs of Debian and Ubuntu: UID_MIN..UID_MAX.
const firstId = 1000;
const lastId = 59_999;

/** Throws `bad-name` (hostname), `name-taken` (an account or group of the image has the admin's name), `image-broken` (account files without sense). */
export function provisionFiles(input: ProvisionInput): readonly FileToPush[] {
  const { admin, hostname, hostKey } = input;
  if (!/^[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?$/u.test(hostname)) {
    throw fault('bad-name', `"${shorten(hostname)}" cannot be a host name: use 1 to 63 letters a-z, digits and "-"`);
  }
  const user = newUser(input);
  const home = `/home/${admin.name}`;
  const owned = { uid: user.id, gid: user.id };
  const keys = input.authorizedKeys.map((line) => line.trim()).filter((line) => line !== '');
  if (keys.some((line) => /[\r\n]/u.test(line)))
    throw fault('bad-key', 'an authorized key has a line break inside: give each key on one line');
  return [
    ...user.files,
    file(downloadPath, downloadText, { mode: 0o755 }),
    file('/etc/hostname', `${hostname}\n`),
    file('/etc/hosts', hostsText(hostname)),
    file(hostKeyPaths.privateKey, withNewline(hostKey.privateKey), { mode: 0o600 }),
    file(hostKeyPaths.publicKey, withNewline(hostKey.publicKey)),
    { path: home, kind: 'directory', mode: 0o700, ...owned },
    ...Object.entries(input.skeleton ?? {}).map(([name, content]) => file(`${home}/${name}`, content, owned)),
    { path: `${home}/.ssh`, kind: 'directory', mode: 0o700, ...owned },
    ...(keys.length > 0 ? [file(`${home}/.ssh/authorized_keys`, `${keys.join('\n')}\n`, { ...owned, mode: 0o600 })] : []),
  ];
}

interface NewUser {
  readonly id: number;
  readonly files: readonly FileToPush[];
}

function newUser({ passwd, group, shadow, gshadow, admin }: ProvisionInput): NewUser {
  const users = rows('passwd', passwd, 7);
  const groups = rows('group', group, 4);
  const taken = [...users, ...groups].some(([name]) => name === admin.name);
  if (taken)
    throw fault(
      'name-taken',
      `the first user cannot be called "${admin.name}": the image has an account or group of that name; choose another`,
    );
  // A hash goes into the file as it is: a colon or line break in it would write other fields, or another account.
  if (!/^(?:!|\$[\w$./=,-]{4,255})$/u.test(admin.passwordHash)) {
    throw fault('bad-request', `the password of "${admin.name}" is not a hash in crypt(3)'s form`);
  }
  const used = new Set([...users, ...groups].map((fields) => fields[2]));
  let id = firstId;
  while (used.has(String(id)) && id < lastId) id += 1;
  const shadowGroup = Number(groups.find(([name]) => name === 'shadow')?.[2] ?? Number.NaN);
  if (Number.isNaN(shadowGroup))
    throw fault('image-broken', 'the image has no group "shadow": it is not a system that myserver can provision');
  // Without a day of its last change a password never ages.
  const age = admin.mustChange && admin.passwordHash !== '!' ? `${oneTimeAge.changedDay}:0:${oneTimeAge.goodDays}` : ':0:99999';
  const secret = { mode: 0o640, gid: shadowGroup };
  const groupsOf = (text: string, name: string) => (admin.sudo ? withMember(name, text, 'sudo', admin.name) : text);
  return {
    id,
    files: [
      file('/etc/passwd', `${withNewline(passwd)}${admin.name}:x:${id}:${id}::/home/${admin.name}:/bin/bash\n`),
      file('/etc/group', `${withNewline(groupsOf(group, 'group'))}${admin.name}:x:${id}:\n`),
      file('/etc/shadow', `${withNewline(shadow)}${admin.name}:${admin.passwordHash}:${age}:7:::\n`, secret),
      file('/etc/gshadow', `${withNewline(groupsOf(gshadow, 'gshadow'))}${admin.name}:!::\n`, secret),
    ],
  };
}

function rows(name: string, text: string, fieldCount: number): readonly (readonly string[])[] {
  const lines = text.split('\n').filter((line) => line !== '');
  const fields = lines.map((line) => line.split(':'));
  if (fields.length === 0 || fields.some(({ length }) => length !== fieldCount)) {
    throw fault('image-broken', `the image's /etc/${name} is not what group(5) and passwd(5) describe: build or import the image again`);
  }
  return fields;
}

/** The text with one member more at the end of a group's line, which has it last in group(5) and in gshadow(5). */
function withMember(name: string, text: string, groupName: string, member: string): string {
  let isFound = false;
  const lines = text.split('\n').map((line) => {
    if (!line.startsWith(`${groupName}:`)) return line;
    isFound = true;
    return line.endsWith(':') ? `${line}${member}` : `${line},${member}`;
  });
  if (!isFound)
    throw fault('image-broken', `the image's /etc/${name} has no group "${groupName}": install sudo in it, or make the first user without`);
  return lines.join('\n');
}

function hostsText(hostname: string): string {
  return `127.0.0.1\tlocalhost\n127.0.1.1\t${hostname}\n::1\tlocalhost ip6-localhost ip6-loopback\n`;
}

function file(path: string, content: string, rights: Partial<Omit<Placed, 'path'>> = {}): FileToPush {
  return { path, kind: 'file', mode: 0o644, uid: 0, gid: 0, content, ...rights };
}

function withNewline(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}
