/**
 * Which user IDs of the host servers' users are: `/etc/subuid` and `/etc/subgid`. Each server has a range of 65,536 of its own in there. There must be
 * exactly one line of root's: with two, every start fails (`newuidmap: write to uid_map failed`).
 */
import { readFile } from 'node:fs/promises';
import { writeWhole } from './packages.ts';
import type { HostStep } from './step.ts';

const files = ['/etc/subuid', '/etc/subgid'] as const;
const ours = { first: 1_000_000, count: 1_000_000_000 } as const;
/** Enough for 1000 servers with a range each. */
const leastCount = 65_536 * 1000;

/** What is wrong with it; undefined when nothing is. */
export function subordinateIdsTrouble(text: string): string | undefined {
  const lines = rootLines(text);
  const [line] = lines;
  if (line === undefined) return 'no line of root';
  if (lines.length > 1) return `${lines.length} lines of root, and only one works`;
  const [, first, count] = line.split(':');
  if (!(Number(first) >= 65_536)) return `root's line starts at ${first ?? 'nothing'}, among the host's own users`;
  return Number(count) >= leastCount ? undefined : `root's line has room for ${Math.floor(Number(count) / 65_536)} servers only`;
}

/** With one line of root that will do; everybody else's lines as they were. A line of root that will do is kept, for servers may live in its range. */
export function withRootLine(text: string): string {
  const lines = text.split('\n').filter((line) => line !== '');
  const good = rootLines(text).find((line) => subordinateIdsTrouble(line) === undefined);
  const others = lines.filter((line) => !isRoots(line));
  return [...others, good ?? `root:${ours.first}:${ours.count}`, ''].join('\n');
}

function rootLines(text: string): readonly string[] {
  return text.split('\n').filter(isRoots);
}

function isRoots(line: string): boolean {
  return /^(?:root|0):/u.test(line);
}

export async function readSubordinateIds(): Promise<
  readonly { readonly file: string; readonly text: string; readonly trouble: string | undefined }[]
> {
  return Promise.all(
    files.map(async (file) => {
      const text = await readFile(file, 'utf8').catch(() => '');
      return { file, text, trouble: subordinateIdsTrouble(text) };
    }),
  );
}

export function subordinateIdsStep(): HostStep {
  return {
    name: 'user IDs for servers',
    async check() {
      const troubles = (await readSubordinateIds()).filter(({ trouble }) => trouble !== undefined);
      return troubles.length === 0 ? undefined : troubles.map(({ file, trouble }) => `${file}: ${trouble}`).join('; ');
    },
    async apply() {
      for (const { file, text, trouble } of await readSubordinateIds())
        if (trouble !== undefined) await writeWhole(file, withRootLine(text));
    },
  };
}
