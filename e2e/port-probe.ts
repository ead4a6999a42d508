/** Connections from the machine outside through the port blocks, with nothing but bash: what answers, and lines that stay open. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { TestInstallation } from '../src/testing/test-installation.ts';
import { echoProgram, runInside } from './inside.ts';
import { soon } from './root-client.ts';

export interface ProbeOptions {
  readonly from?: 'client' | 'host';
  readonly address?: string;
  /** How long silence is waited for. */
  readonly seconds?: number;
}

/** The first line that the listener says; `refused`, or `silent` where nothing came. */
export async function firstLineAt(installation: TestInstallation, port: number, options: ProbeOptions = {}): Promise<string> {
  const { from = 'client', address = installation.engine.publicAddress, seconds = 10 } = options;
  const script = 'exec 3<>"/dev/tcp/$0/$1" || exit 3; IFS= read -r -t "$2" line <&3 && printf "%s" "$line"';
  const argv = ['timeout', '-s', 'KILL', String(seconds), 'bash', '-c', script, address, String(port), String(seconds)];
  const { exitCode, stdout } = await installation.run(from, argv);
  if (exitCode === 3) return 'refused';
  return stdout === '' ? 'silent' : stdout.trimEnd();
}

/** Whether SSH greets at the server's public port. */
export async function greets(installation: TestInstallation, port: number, options: ProbeOptions = {}): Promise<boolean> {
  return (await firstLineAt(installation, port, options)).startsWith('SSH-2.0-');
}

/** A program of somebody's own on port 8000, which says back what it is told. */
export async function startEcho(installation: TestInstallation, id: number): Promise<void> {
  await runInside(installation, id, 8000, ['perl', '-e', echoProgram, '8000']);
}

/** A server that has just been started greets as soon as its SSH is up. */
export async function waitForGreeting(installation: TestInstallation, port: number): Promise<void> {
  await soon(`SSH to greet at port ${port}`, 30_000, async () => ((await greets(installation, port)) ? true : undefined));
}

export interface OpenLine extends Disposable {
  /** What came back; `silent` or `closed` where nothing did. */
  say(text: string): Promise<string>;
}

/** A connection from the machine outside that stays open. */
export function openLine(installation: TestInstallation, port: number): OpenLine {
  const script =
    'exec 3<>"/dev/tcp/$0/$1" || exit 3; while IFS= read -r said; do printf "%s\\n" "$said" >&3; IFS= read -r -t 5 back <&3; case $? in 0) echo "$back";; 1) echo closed;; *) echo silent;; esac; done';
  const [program, ...args] = [...installation.engine.enterClient, 'bash', '-c', script, installation.engine.publicAddress, String(port)];
  const child = spawn(program ?? '', args, { stdio: ['pipe', 'pipe', 'ignore'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  child.stdin.on('error', () => {});
  return {
    async say(text) {
      child.stdin.write(`${text}\n`);
      const { value, done } = await lines.next();
      return done === true ? 'closed' : value;
    },
    [Symbol.dispose]: () => void child.kill('SIGKILL'),
  };
}
