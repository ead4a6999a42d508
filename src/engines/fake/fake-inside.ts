/** What is inside a fake instance: the files that a fresh Debian has and that setting up its first user reads, and half a dozen programs. */
import type { RunResult } from '../engine.ts';
import type { FakeInstance } from './fake-world.ts';

const directories = [
  '/',
  '/etc',
  '/etc/ssh',
  '/etc/skel',
  '/etc/sudoers.d',
  '/home',
  '/usr/local/bin',
  '/root',
  '/run',
  '/tmp',
  '/usr',
  '/usr/local',
  '/var',
  '/var/lib',
];

const texts: Readonly<Record<string, string>> = {
  '/etc/passwd': 'root:x:0:0:root:/root:/bin/bash\nsshd:x:100:65534::/run/sshd:/usr/sbin/nologin\n',
  '/etc/group': 'root:x:0:\nshadow:x:42:\nsudo:x:27:\nusers:x:100:\n',
  '/etc/shadow': 'root:*:20000:0:99999:7:::\nsshd:!:20000::::::\n',
  '/etc/gshadow': 'root:*::\nsudo:*::\nusers:*::\n',
  '/etc/skel/.bashrc': '# ~/.bashrc\n',
  '/etc/skel/.profile': '# ~/.profile\n',
};

export function baseFiles(): FakeInstance['files'] {
  const files: FakeInstance['files'] = new Map();
  for (const path of directories) files.set(path, { kind: 'directory', mode: 0o755, uid: 0, gid: 0, content: new Uint8Array() });
  for (const [path, text] of Object.entries(texts))
    files.set(path, { kind: 'file', mode: 0o644, uid: 0, gid: 0, content: Buffer.from(text) });
  return files;
}

/** Only what the conformance suite runs is told from success. */
export function runFake(argv: readonly string[], input: string): RunResult {
  const [program, ...args] = argv;
  const result = (stdout: string, exitCode = 0): RunResult => ({ exitCode, stdout, stderr: '' });
  switch (program) {
    case 'cat':
      return result(input.slice(0, 2 ** 20));
    case 'echo':
      return result(`${args.join(' ')}\n`);
    case 'false':
      return result('', 1);
    case 'no-such-program':
      return { exitCode: 127, stdout: '', stderr: 'no-such-program: not found\n' };
    case undefined:
    default:
      return result('');
  }
}
