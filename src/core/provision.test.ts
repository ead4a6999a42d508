import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { parsePersonName } from './names.ts';
import { provisionFiles, type ProvisionInput } from './provision.ts';

const accounts = {
  passwd: 'root:x:0:0:root:/root:/bin/bash\nsshd:x:100:65534::/run/sshd:/usr/sbin/nologin\n',
  group: 'root:x:0:\nsudo:x:27:\nshadow:x:42:\n',
  shadow: 'root:*:20000:0:99999:7:::\nsshd:!:20000::::::\n',
  gshadow: 'root:*::\nsudo:*::\nshadow:*::\n',
};
const hash = '$6$abcdefgh$0123456789./ABCxyz';

function input(changes: Partial<ProvisionInput> = {}): ProvisionInput {
  return {
    ...accounts,
    admin: { name: parsePersonName('jbond007'), passwordHash: hash, mustChange: true, sudo: true },
    hostname: 'server-123',
    hostKey: { privateKey: '-----BEGIN\n-----END', publicKey: 'ssh-ed25519 AAAA server-123' },
    authorizedKeys: ['ssh-ed25519 AAAA me@home', ' ssh-ed25519 BBBB myserver-gateway\n'],
    skeleton: { '.profile': 'umask 022\n' },
    ...changes,
  };
}

function fileAt(path: string, changes: Partial<ProvisionInput> = {}) {
  const found = provisionFiles(input(changes)).find((file) => file.path === path);
  assert.ok(found, path);
  return found;
}

function textAt(path: string, changes: Partial<ProvisionInput> = {}) {
  const found = fileAt(path, changes);
  assert.ok(found.kind === 'file', path);
  return found.content;
}

const ownership = ({ mode, uid, gid }: { mode: number; uid: number; gid: number }) => `${mode.toString(8)} ${uid}:${gid}`;

suite('provisionFiles', () => {
  test('provisionFiles adds the first user to the image’s accounts and changes no other', () => {
    assert.equal(textAt('/etc/passwd'), `${accounts.passwd}jbond007:x:1000:1000::/home/jbond007:/bin/bash\n`);
    assert.equal(textAt('/etc/group'), 'root:x:0:\nsudo:x:27:jbond007\nshadow:x:42:\njbond007:x:1000:\n');
    assert.equal(textAt('/etc/shadow'), `${accounts.shadow}jbond007:${hash}:1:0:10000:7:::\n`);
    assert.equal(textAt('/etc/gshadow'), 'root:*::\nsudo:*::jbond007\nshadow:*::\njbond007:!::\n');
  });

  test('provisionFiles keeps account files, keys and home as closed as useradd and ssh-keygen would', () => {
    const modes = {
      '/etc/passwd': '644 0:0',
      '/etc/shadow': '640 0:42',
      '/etc/gshadow': '640 0:42',
      '/etc/ssh/ssh_host_ed25519_key': '600 0:0',
      '/etc/ssh/ssh_host_ed25519_key.pub': '644 0:0',
      '/home/jbond007': '700 1000:1000',
      '/home/jbond007/.profile': '644 1000:1000',
      '/home/jbond007/.ssh': '700 1000:1000',
      '/home/jbond007/.ssh/authorized_keys': '600 1000:1000',
    };
    for (const [path, expected] of Object.entries(modes)) assert.equal(ownership(fileAt(path)), expected, path);
  });

  test('provisionFiles names a directory before what goes into it', () => {
    const paths = provisionFiles(input()).map(({ path }) => path);
    assert.ok(paths.indexOf('/home/jbond007') < paths.indexOf('/home/jbond007/.ssh'));
    assert.ok(paths.indexOf('/home/jbond007/.ssh') < paths.indexOf('/home/jbond007/.ssh/authorized_keys'));
  });

  test('provisionFiles gives the server its name, its host key and its owner’s keys', () => {
    assert.equal(textAt('/etc/hostname'), 'server-123\n');
    assert.match(textAt('/etc/hosts'), /^127\.0\.1\.1\tserver-123$/mu);
    assert.equal(textAt('/etc/ssh/ssh_host_ed25519_key'), '-----BEGIN\n-----END\n');
    assert.equal(textAt('/home/jbond007/.ssh/authorized_keys'), 'ssh-ed25519 AAAA me@home\nssh-ed25519 BBBB myserver-gateway\n');
  });

  test('provisionFiles takes the next free UID where the image has a user of its own', () => {
    const passwd = `${accounts.passwd}guest:x:1000:1000::/home/guest:/bin/bash\n`;
    const group = `${accounts.group}guest:x:1000:\nbuild:x:1001:\n`;
    assert.match(textAt('/etc/passwd', { passwd, group }), /^jbond007:x:1002:1002:/mu);
    assert.equal(ownership(fileAt('/home/jbond007', { passwd, group })), '700 1002:1002');
  });

  test('provisionFiles adds to a sudo group that has members, and leaves it alone for a user without sudo', () => {
    const group = accounts.group.replace('sudo:x:27:', 'sudo:x:27:guest');
    assert.match(textAt('/etc/group', { group }), /^sudo:x:27:guest,jbond007$/mu);
    const admin = { ...input().admin, sudo: false };
    assert.match(textAt('/etc/group', { admin }), /^sudo:x:27:$/mu);
  });

  test('provisionFiles asks for no change of a password that does not exist or need not change', () => {
    const locked = { ...input().admin, passwordHash: '!' };
    assert.match(textAt('/etc/shadow', { admin: locked }), /^jbond007:!::0:99999:7:::$/mu);
    const lasting = { ...input().admin, mustChange: false };
    assert.ok(textAt('/etc/shadow', { admin: lasting }).endsWith(`jbond007:${hash}::0:99999:7:::\n`));
  });

  test('provisionFiles refuses a name that the image’s accounts or groups have', () => {
    const admin = { ...input().admin, name: parsePersonName('guest') };
    assert.throws(() => provisionFiles(input({ admin, passwd: `${accounts.passwd}guest:x:5:5::/:/bin/sh\n` })), { code: 'name-taken' });
    assert.throws(() => provisionFiles(input({ admin, group: `${accounts.group}guest:x:5:\n` })), { code: 'name-taken' });
  });

  test('provisionFiles refuses whatever would write another line or field', () => {
    const bad = { code: /bad-/u };
    for (const passwordHash of ['', 'plain', `${hash}\nroot2::0:0::/:/bin/sh`, '$6$a:b$c', `${hash}:`]) {
      assert.throws(() => provisionFiles(input({ admin: { ...input().admin, passwordHash } })), bad, passwordHash);
    }
    for (const hostname of ['', '-a', 'a-', 'a b', 'a\nb', 'a.b', 'A', 'a'.repeat(64)])
      assert.throws(() => provisionFiles(input({ hostname })), bad, hostname);
    assert.throws(() => provisionFiles(input({ authorizedKeys: ['ssh-ed25519 AAAA\nssh-ed25519 BBBB'] })), bad);
  });

  test('provisionFiles refuses account files that it does not understand', () => {
    const broken = { code: 'image-broken' };
    for (const changes of [
      { passwd: '' },
      { passwd: 'root:x:0\n' },
      { group: 'root:x:0:\nsudo:x:27:\n' },
      { group: 'shadow:x:42:\n' },
      { gshadow: '' },
    ]) {
      assert.throws(() => provisionFiles(input(changes)), broken, JSON.stringify(changes));
    }
  });

  test('provisionFiles leaves every account of any image as it was', () => {
    const name = fc.stringMatching(/^[a-z]{9,12}$/u);
    const users = fc.uniqueArray(fc.tuple(name, fc.integer({ min: 1, max: 1100 })), { selector: ([user]) => user, maxLength: 30 });
    fc.assert(
      fc.property(users, (others) => {
        const passwd = accounts.passwd + others.map(([user, id]) => `${user}:x:${id}:${id}::/:/bin/sh\n`).join('');
        const written = textAt('/etc/passwd', { passwd });
        assert.ok(written.startsWith(passwd));
        const ids = written
          .trimEnd()
          .split('\n')
          .map((line) => line.split(':')[2]);
        assert.ok(!ids.slice(0, -1).includes(ids.at(-1)));
      }),
    );
  });
});
