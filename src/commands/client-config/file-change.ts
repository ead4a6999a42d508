/** What is to happen to one text file, to be shown as a unified diff or done. */
export interface FileChange {
  readonly path: string;
  /** Undefined: there is no such file. */
  readonly before: string | undefined;
  readonly after: string | undefined;
}

const contextLines = 3;
const noNewline = '\\ No newline at end of file';

/** As `diff -u` writes it and `patch` reads it, with all that differs in one hunk; nothing for a file that stays as it is. */
export function diffText({ path, before, after }: FileChange): string {
  if (before === after) return '';
  const [old, next] = [linesOf(before ?? ''), linesOf(after ?? '')];
  const shorter = Math.min(old.length, next.length);
  let same = 0;
  while (same < shorter && old[same] === next[same]) same += 1;
  let sameAtEnd = 0;
  while (sameAtEnd < shorter - same && old.at(-1 - sameAtEnd) === next.at(-1 - sameAtEnd)) sameAtEnd += 1;
  const first = Math.max(0, same - contextLines);
  const trailing = Math.min(contextLines, sameAtEnd);
  const [oldEnd, nextEnd] = [old.length - sameAtEnd, next.length - sameAtEnd];
  const lines = [
    ...marked(' ', old.slice(first, same)),
    ...marked('-', old.slice(same, oldEnd)),
    ...marked('+', next.slice(same, nextEnd)),
    ...marked(' ', old.slice(oldEnd, oldEnd + trailing)),
  ];
  const head = `--- ${before === undefined ? '/dev/null' : path}\n+++ ${after === undefined ? '/dev/null' : path}\n`;
  const ranges = `@@ -${range(first, oldEnd + trailing - first)} +${range(first, nextEnd + trailing - first)} @@\n`;
  return head + (lines.length === 0 ? '' : ranges + lines.join(''));
}

/** Each with its end, the last one perhaps without. */
function linesOf(text: string): readonly string[] {
  return text.match(/[^\n]*\n|[^\n]+$/gu) ?? [];
}

function marked(mark: string, lines: readonly string[]): readonly string[] {
  return lines.map((line) => (line.endsWith('\n') ? `${mark}${line}` : `${mark}${line}\n${noNewline}\n`));
}

function range(first: number, count: number): string {
  return `${count === 0 ? first : first + 1},${count}`;
}
