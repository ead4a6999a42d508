/** The installed `myserver`, asked as root as anybody else would ask it: what `up` does has no door of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fault } from '../../src/core/errors.ts';
import { tryProgram } from '../../src/host/program.ts';
import { places } from './places.ts';

/** Its answer as JSON. Throws with its own sentence. */
export async function askManager<T>(args: readonly string[], signal: AbortSignal): Promise<T> {
  const { exitCode, stdout, stderr } = await tryProgram([places.launcher, ...args, '--format', 'json'], {
    signal,
    timeoutMs: 600_000,
    env: plainEnv,
  });
  if (exitCode !== 0)
    throw fault('internal', `"myserver ${args.join(' ')}" failed: ${sentenceIn(stderr) || sentenceIn(stdout) || `exit code ${exitCode}`}`);
  return JSON.parse(stdout) as T;
}

/** With its progress and questions on this terminal. */
export async function showManager(args: readonly string[]): Promise<void> {
  const child = spawn(places.launcher, args, { stdio: 'inherit', env: { ...process.env, ...plainEnv } });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw fault('internal', `"myserver ${args.join(' ')}" failed, as it says above`);
}

/** Nothing of the caller's may turn the command to another myserver. */
const plainEnv = { MYSERVER_URL: undefined, MYSERVER_USER: undefined } as const;

function sentenceIn(text: string): string {
  try {
    const { error } = JSON.parse(text) as { readonly error?: { readonly message?: string } };
    return error?.message ?? text.trim();
  } catch {
    return text.trim().split('\n').at(-1) ?? '';
  }
}
