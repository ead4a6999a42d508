/**
 * Places where a build works, and how its result takes the name that others look for. A place bears the mark of the process that made it, so what a
 * killed process left behind is told from what a living one is working in.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './run.ts';

export interface Place extends AsyncDisposable {
  readonly dir: string;
}

const placePattern = /^\.build-(?<mark>\d+-\d+)-/u;

/** A new directory in `parent` (made if need be), removed with all it holds at the end. */
export async function makePlace(parent: string): Promise<Place> {
  await mkdir(parent, { recursive: true });
  const dir = join(parent, `.build-${await ownMark()}-${randomUUID().slice(0, 8)}`);
  await mkdir(dir, { mode: 0o700 });
  return { dir, [Symbol.asyncDispose]: () => removeTree(dir) };
}

/** Removes the places of processes that are no more. */
export async function sweep(parent: string): Promise<void> {
  await mkdir(parent, { recursive: true });
  for (const name of await readdir(parent)) {
    const mark = placePattern.exec(name)?.groups?.['mark'];
    if (mark !== undefined && !(await isAlive(mark))) await removeTree(join(parent, name));
  }
}

/** Moves a finished directory to its name; what stood there goes to `asideDir`. At no instant is anything half-made at `target`. */
export async function publish(finished: string, target: string, asideDir: string): Promise<void> {
  try {
    await rename(target, join(asideDir, `replaced-${randomUUID()}`));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  await rename(finished, target);
}

/** PID and start time: no later process has both. */
export async function ownMark(): Promise<string> {
  return `${process.pid}-${await startTimeOf(process.pid)}`;
}

export async function isAlive(mark: string): Promise<boolean> {
  const [pid, startTime] = mark.split('-');
  return startTime !== undefined && (await startTimeOf(Number(pid))) === startTime;
}

/** In clock ticks since boot (proc_pid_stat(5), field 22; the second field may hold spaces and parentheses). Empty when there is no such process. */
async function startTimeOf(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

/** Never leaves the file system of `dir`: should something be mounted there after all, it is not emptied. Goes on after an abort. */
async function removeTree(dir: string): Promise<void> {
  await run('rm', ['--recursive', '--force', '--one-file-system', '--', dir], new AbortController().signal);
}
