/**
 * Debian's own sshd as a bastion, beside ours on the same host: the one out of the image, in a root, a PID namespace and with accounts of its own, so that
 * nothing of it is seen on this machine. Configured as Debian does it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, chmod, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runProgram } from '../src/host/program.ts';
import { testImages, type TestInstallation } from '../src/testing/test-installation.ts';

export interface SshdPeer extends AsyncDisposable {
  /** Of the process that all of its processes descend from. */
  readonly pid: number;
  readonly port: number;
}

const port = 2222;
const readyMs = 10_000;

const config = `
Port ${port}
HostKey /etc/ssh/bench_host_key
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM yes
X11Forwarding yes
PrintMotd no
AcceptEnv LANG LC_*
Subsystem sftp /usr/lib/openssh/sftp-server
`;

const script = `
mount --rbind /dev "$1/dev"
mount -t proc proc "$1/proc"
mkdir -p "$1/run/sshd"
exec chroot "$1" /usr/sbin/sshd -D -e -f /etc/ssh/bench_config
`;

/** `user` may sign in with the key. */
export async function startSshdPeer(installation: TestInstallation, user: string, publicKeyPath: string): Promise<SshdPeer> {
  const { engine } = installation;
  const root = join(engine.dir, 'sshd-root');
  await runProgram(['unsquashfs', '-q', '-n', '-d', root, join(testImages ?? '', 'debian12-minimal.squashfs')]);
  const keyPath = join(root, 'etc/ssh/bench_host_key');
  await runProgram(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', keyPath]);
  await writeFile(join(root, 'etc/ssh/bench_config'), config);
  await appendFile(join(root, 'etc/passwd'), `${user}:x:2000:2000::/home/${user}:/bin/bash\n`);
  await appendFile(join(root, 'etc/group'), `${user}:x:2000:\n`);
  await appendFile(join(root, 'etc/shadow'), `${user}:*:19000:0:99999:7:::\n`);
  const sshDir = join(root, 'home', user, '.ssh');
  await mkdir(sshDir, { recursive: true });
  await copyFile(publicKeyPath, join(sshDir, 'authorized_keys'));
  await chmod(join(sshDir, 'authorized_keys'), 0o644);

  const [program, ...args] = [...engine.enter, 'unshare', '--mount', '--pid', '--fork', '--kill-child', 'sh', '-ec', script, 'sh', root];
  const child = spawn(program ?? '', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => void (said = (said + text).slice(-4000)));
  const until = Date.now() + readyMs;
  while ((await installation.run('host', ['ss', '-Htln', `sport = :${port}`])).stdout === '') {
    if (child.exitCode !== null || Date.now() > until) throw new Error(`sshd does not listen: ${said}`);
    await sleep(50);
  }
  const inner = (await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')).trim();
  return {
    pid: Number(inner),
    port,
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}
