/** The attacks of a server's root on the host below it: devices, mounts, the kernel's own switches, control groups, other people's disks. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServerView } from '../src/contract/schemas.ts';
import { lacksImages, type TestInstallation } from '../src/testing/test-installation.ts';
import { makeInstallationOfAda } from './installation-of-ada.ts';
import { nameOf, tryInside } from './host-view.ts';
import { inside } from './inside.ts';
import type { Root } from './root-client.ts';

/** Of its own namespaces: keys, messages, process IDs. The kernel keeps one of each for every server. */
const ownInside = /^\/proc\/sys\/(?:kernel\/(?:msg|sem|shm|auto_msgmni|keys\/)|fs\/mqueue\/|kernel\/(?:ns_last_pid|pid_max)$)/u;

suite('attacks on the host from a server', { skip: lacksImages }, () => {
  let installation: TestInstallation;
  let root: Root;
  let mallory: ServerView;
  let secret: string;

  before(async () => {
    ({ installation, root } = await makeInstallationOfAda());
    mallory = (await root.create())[0] as ServerView;
    secret = join(installation.engine.dir, 'secret');
    await writeFile(secret, 'the host’s own');
  });
  after(async () => await installation[Symbol.asyncDispose]());

  const attempt = async (script: string) => {
    const ran = await tryInside(installation, mallory, script);
    return ran.stdout + ran.stderr;
  };

  test('devices: the host’s disks, memory and loop devices are not there and cannot be made', async () => {
    const said = await attempt(`
      cd /root; for device in "b 254 0" "b 8 0" "b 7 0" "c 1 1" "c 1 4" "c 10 237"; do mknod d $device && { head -c1 d >/dev/null && echo "READ $device"; rm -f d; }; done
      for device in /dev/vda /dev/sda /dev/mem /dev/kmem /dev/port /dev/loop0 /dev/loop-control /dev/kmsg; do head -c1 $device >/dev/null && echo "READ $device"; done
      losetup -f && echo READ loop; true`);
    assert.doesNotMatch(said, /READ/u);
  });

  test('the kernel’s own: no memory of it is read, no switch of the whole machine is within reach', async () => {
    // Opened for writing and no more: where the kernel would let it, the machine that runs this test shall not suffer.
    const said = await attempt(`
      head -c1 /proc/kcore >/dev/null 2>&1 && echo READ kcore
      awk '$1 !~ /^0+$/ { print "READ kallsyms"; exit }' /proc/kallsyms
      for path in /proc/sysrq-trigger /proc/sys/kernel/* /proc/sys/vm/* /proc/sys/fs/* /proc/sys/kernel/*/* /sys/power/* /sys/kernel/* /sys/kernel/mm/*/* /sys/module/*/parameters/* /sys/block/*/queue/* /sys/bus/*/drivers_probe; do
        case $path in /proc/sys/kernel/hostname|/proc/sys/kernel/domainname) continue;; esac
        [ -f $path ] && (: >> $path) 2>/dev/null && echo "OPENED $path"
      done
      insmod /dev/null && echo THROWN insmod; modprobe loop && echo THROWN modprobe
      date -s "@$(date +%s)" >/dev/null && echo THROWN clock; true`);
    assert.doesNotMatch(said, /THROWN|READ/u);
    const opened = [...said.matchAll(/^OPENED (.*)$/gmu)].map(([, path = '']) => path);
    assert.deepEqual(
      opened.filter((path) => !ownInside.test(path)),
      [],
    );
  });

  test('mounts: neither the pool’s other disks nor a file of the host come into view', async () => {
    const other = (await root.create())[0] as ServerView;
    await inside(installation, other.id, 'echo private > /root/diary; sync');
    const said = await attempt(`
      mkdir -p /mnt/a; device=$(awk '$2 == "/" { print $1 }' /proc/mounts)
      for option in subvolid=5 subvol=/ subvol=/containers/myserver_${nameOf(other)}; do mount -t btrfs -o $option $device /mnt/a && echo MOUNTED $option; done
      mount -o remount,subvolid=5 / 2>/dev/null; find / -xdev -name diary -exec echo SEEN {} \\;
      mount -t overlay -o lowerdir=/proc/1/root,upperdir=/mnt,workdir=/tmp x /mnt/a 2>/dev/null
      for pid in $(ls /proc | grep '^[0-9]*$'); do [ -e /proc/$pid/root${secret} ] && echo SEEN $pid; done
      mount -t debugfs none /mnt/a && echo MOUNTED debugfs; mount -t securityfs none /mnt/a && echo MOUNTED securityfs; mount -t ext4 /dev/vda /mnt/a && echo MOUNTED vda; true`);
    assert.doesNotMatch(said, /MOUNTED|SEEN/u);
    await root.tell('dropServer', other.id);
  });

  test('control groups: its own limits stay, whatever it mounts and writes', async () => {
    const total = "awk '/^MemTotal/ { print $2 }' /proc/meminfo";
    const before = await inside(installation, mallory.id, total);
    await attempt(`
      for kind in memory pids cpu; do mkdir -p /mnt/$kind; mount -t cgroup -o $kind none /mnt/$kind; done; mkdir -p /mnt/two; mount -t cgroup2 none /mnt/two
      find /mnt /sys/fs/cgroup \\( -name memory.limit_in_bytes -o -name memory.max -o -name pids.max -o -name cpu.max -o -name cpu.cfs_quota_us \\) 2>/dev/null |
        while read file; do echo max > $file; echo -1 > $file; done
      find /mnt -name release_agent 2>/dev/null | while read file; do echo /evil > $file && echo AGENT; done; umount /proc/meminfo; true`);
    const hog = await attempt(`perl -e 'for (1..64) { push @all, "x" x ${16 * 2 ** 20} } print "had it all"'`);
    assert.doesNotMatch(hog, /had it all/u);
    await root.tell('killServer', mallory.id);
    await root.tell('startServer', mallory.id);
    assert.equal(await inside(installation, mallory.id, total), before);
  });

  test('identity: root inside is nobody outside, and no other server’s root', async () => {
    const other = (await root.create())[0] as ServerView;
    const mapOf = async (id: number) => (await inside(installation, id, 'cat /proc/self/uid_map')).trim().split(/\s+/u).map(Number);
    const [[inner, outer = 0, count = 0], [, outerOther = 0]] = [await mapOf(mallory.id), await mapOf(other.id)] as const;
    assert.equal(inner, 0);
    assert.ok(outer >= 1_000_000 && Math.abs(outer - outerOther) >= count);
    await root.tell('dropServer', other.id);
  });

  test('the guest API of the engine is not there', async () => {
    assert.doesNotMatch(await attempt('ls /dev/incus/sock /dev/lxd/sock 2>/dev/null'), /sock/u);
  });
});
