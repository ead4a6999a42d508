/** What a program with all that it started takes from the machine, whoever else is busy on it. */
import { readdir, readFile } from 'node:fs/promises';

/** proc(5): fields of `/proc/PID/stat` after the program's name. */
const [parentAt, userTicksAt, systemTicksAt, deadUserTicksAt, deadSystemTicksAt] = [1, 11, 12, 13, 14] as const;
const ticksASecond = 100;

interface Process {
  readonly pid: number;
  readonly fields: readonly string[];
}

async function treeOf(root: number): Promise<readonly Process[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/u.test(name));
  const all = await Promise.all(
    pids.map(async (pid) => {
      const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => undefined);
      return stat === undefined ? undefined : { pid: Number(pid), fields: stat.slice(stat.lastIndexOf(')') + 2).split(' ') };
    }),
  );
  const living = all.filter((one) => one !== undefined);
  const children = Map.groupBy(living, ({ fields }) => Number(fields[parentAt]));
  const tree = living.filter(({ pid }) => pid === root);
  for (const one of tree) tree.push(...(children.get(one.pid) ?? []));
  return tree;
}

/** Of the kernel's work for it, too; of processes that have ended meanwhile as well, once they were waited for. */
export async function cpuSecondsOf(root: number): Promise<number> {
  const tree = await treeOf(root);
  const ticks = tree.flatMap(({ fields }) =>
    [userTicksAt, systemTicksAt, deadUserTicksAt, deadSystemTicksAt].map((at) => Number(fields[at])),
  );
  return ticks.reduce((sum, value) => sum + value, 0) / ticksASecond;
}

export interface Memory {
  /** Proportional: pages that several share are counted once in all. */
  readonly megabytes: number;
  readonly processes: number;
}

export async function memoryOf(root: number): Promise<Memory> {
  const tree = await treeOf(root);
  const parts = await Promise.all(
    tree.map(async ({ pid }) => {
      const text = await readFile(`/proc/${pid}/smaps_rollup`, 'latin1').catch(() => '');
      return Number(/^Pss:\s+(\d+) kB$/mu.exec(text)?.[1] ?? 0) / 1024;
    }),
  );
  return { megabytes: parts.reduce((sum, value) => sum + value, 0), processes: tree.length };
}
