/**
 * The namespaces a test's engine lives in: network, mounts and processes of their own. The first process in there only waits for our end of a pipe to
 * close; when it ends, by our wish or by our death, the kernel ends every process of the room, undoes every mount and frees every loop device. So
 * nothing that runs outlives a test, whatever killed it; what is left (names in /run/netns, empty cgroups, a directory) is swept by the next one.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export interface EngineRoom {
  /** The room's first process, seen from outside. */
  readonly pid: number;
  /** Words before a program that run it wholly inside. Ending what was started so ends only `nsenter`, not the program: for incusd and short deeds. */
  readonly inside: readonly string[];
  readonly close: () => Promise<void>;
}

/**
 * What a running installation has mounted is let go, so that it can be taken away meanwhile. A new sysfs shows the new network's devices; the cgroups are carried over to it, because containers need them. bash, because as first process it
 * also buries orphans. Names are resolved by nobody: no question leaves the room.
 */
const script = `
set -e
mkdir -p "$1/cgroup"
mount --rbind /sys/fs/cgroup "$1/cgroup"
mount -t sysfs sysfs /sys
mount --rbind "$1/cgroup" /sys/fs/cgroup
umount --lazy "$1/cgroup"
while read -r _ mounted _; do
  case $mounted in
    /var/lib/incus/* | /var/lib/lxcfs) umount --lazy "$mounted" || true ;;
  esac
done < /proc/self/mounts
: > "$1/resolv.conf"
mount --bind "$1/resolv.conf" /etc/resolv.conf || true
mount --make-rshared /
echo ready
read -r _ || true
`;

export async function openEngineRoom(netns: string, dir: string): Promise<EngineRoom> {
  const apart = ['unshare', '--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child=KILL', '--mount-proc', '--'];
  const args = [`--net=/run/netns/${netns}`, '--', ...apart, 'bash', '-c', script, 'engine-room', dir];
  const child = spawn('nsenter', args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit').catch(() => undefined);
  await isReady(child);
  const pid = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim());
  const inside = ['nsenter', `--target=${pid}`, '--mount', '--net', '--pid', '--'];
  const close = async () => {
    child.stdin.destroy();
    child.stdout.destroy();
    await ended;
  };
  return { pid, inside, close };
}

async function isReady(child: ChildProcess): Promise<void> {
  if (child.stdout === null) throw new Error('the engine room has no standard output');
  const lines = createInterface({ input: child.stdout });
  const failed = once(child, 'exit').then(
    () => 'ended',
    (error: Error) => error.message,
  );
  const first = await Promise.race([once(lines, 'line').then(([line]) => String(line)), failed]);
  lines.close();
  if (first !== 'ready')
    throw new Error(`the namespaces for a test's engine could not be made (${first}): are you root, with mounts allowed?`);
}
