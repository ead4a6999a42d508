/** Power on for a bare machine: cgroups and namespaces of its own, its disk as root, the devices that Incus needs, and then its own /sbin/init. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface BootOptions {
  readonly name: string;
  readonly dir: string;
  readonly disk: string;
  readonly signal: AbortSignal;
}

export interface Booted {
  /** The machine's first process, seen from the host. */
  readonly init: number;
  /** Ends with the machine. When the test dies, however, so does this, and the machine with it. */
  readonly running: ChildProcess;
}

/** $1 name, $2 directory, $3 disk, $4 the second script. A cgroup of the machine's own in each hierarchy there is (one in version 2). */
const apart = `
set -e
while read -r _ mounted kind _; do
  case $kind in cgroup | cgroup2) ;; *) continue ;; esac
  case $mounted in /sys/fs/cgroup*) ;; *) continue ;; esac
  mkdir -p "$mounted/$1"
  if [ -e "$mounted/cpuset.cpus" ] && [ "$kind" = cgroup ]; then
    cat "$mounted/cpuset.cpus" > "$mounted/$1/cpuset.cpus"
    cat "$mounted/cpuset.mems" > "$mounted/$1/cpuset.mems"
    echo 1 > "$mounted/$1/cgroup.clone_children"
  fi
  echo $$ > "$mounted/$1/cgroup.procs"
done < /proc/self/mounts
exec nsenter --net="/run/netns/$1" unshare --mount --propagation private --uts --ipc --cgroup --pid --fork --kill-child=KILL bash -c "$4" boot "$@"
`;

/**
 * /sys and /proc/sys are read-only but for the network, which is the machine's own. /dev/.lxc holds whole mounts of proc and sysfs: without such, the kernel
 * lets no user namespace below mount either. systemd runs on old cgroups only when it is told so.
 */
const inside = `
set -e
root=$2/root
mkdir -p "$root"
mount -o loop,noatime "$3" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
options=systemd.log_target=journal
if [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
else
  options="$options systemd.unified_cgroup_hierarchy=0 SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"
  mount -t tmpfs -o mode=755 tmpfs "$root/sys/fs/cgroup"
  while IFS=: read -r _ controllers _; do
    case $controllers in
      '') dir=unified ;;
      name=*) dir=\${controllers#name=} ;;
      *) dir=$controllers ;;
    esac
    mkdir "$root/sys/fs/cgroup/$dir"
    case $controllers in
      '') mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup/$dir" ;;
      name=*) mount -t cgroup -o "none,$controllers" cgroup "$root/sys/fs/cgroup/$dir" ;;
      *) mount -t cgroup -o "$controllers" cgroup "$root/sys/fs/cgroup/$dir" ;;
    esac
  done < /proc/self/cgroup
fi
mount --bind "$root/sys/devices/virtual/net" "$root/sys/devices/virtual/net"
mount -o remount,ro,bind "$root/sys"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,ro,bind "$root/proc/sys"
mount --bind "$root/proc/sys/net" "$root/proc/sys/net"
mount -o remount,rw,bind "$root/proc/sys/net"
mount -t tmpfs -o mode=755,nosuid tmpfs "$root/dev"
cd "$root/dev"
for node in 'null 1 3' 'zero 1 5' 'full 1 7' 'random 1 8' 'urandom 1 9' 'tty 5 0' 'fuse 10 229'; do
  read -r device major minor <<< "$node" && mknod -m 666 "$device" c "$major" "$minor"
done
mknod -m 600 loop-control c 10 237
mknod -m 600 btrfs-control c 10 234
mkdir net && mknod -m 666 net/tun c 10 200
for i in {0..63}; do mknod -m 660 "loop$i" b 7 "$i"; done
mkdir -p .lxc/proc .lxc/sys pts shm
mount -t proc proc .lxc/proc
mount -t sysfs sysfs .lxc/sys
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts pts
mount -t tmpfs tmpfs shm
ln -s pts/ptmx ptmx
ln -s /proc/self/fd fd
ln -s fd/0 stdin && ln -s fd/1 stdout && ln -s fd/2 stderr
mount -t tmpfs tmpfs "$root/run"
cd "$root"
mkdir -p .host
pivot_root . .host
mount --make-rshared /
umount --lazy /.host
exec chroot / env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin /sbin/init $options < /dev/null > /dev/null 2>&1
`;

export async function boot({ name, dir, disk, signal }: BootOptions): Promise<Booted> {
  const words = ['--pdeathsig', 'KILL', 'bash', '-c', apart, 'power', name, dir, disk, inside];
  const running = spawn('setpriv', words, { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = () => running.exitCode !== null || running.signalCode !== null;
  for (let tries = 0; tries < 300 && !ended(); tries += 1) {
    signal.throwIfAborted();
    const init = firstChild(running.pid ?? 0);
    // Before, it is still a shell of the host's.
    if (init !== undefined && /^(?:init|systemd)$/u.test(nameOf(init))) return { init, running };
    await sleep(100);
  }
  running.kill('SIGKILL');
  throw new Error('the machine could not be started: see above');
}

function firstChild(pid: number): number | undefined {
  const children = read(`/proc/${pid}/task/${pid}/children`).split(' ')[0] ?? '';
  return children === '' ? undefined : Number(children);
}

function nameOf(pid: number): string {
  return read(`/proc/${pid}/comm`);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}
