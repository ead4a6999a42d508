/** The Tab key in the lobby: what `myserver complete` offers to shells, and the lobby's own words. */
import type { Context } from '../../commands/context.ts';
import { runCommand } from '../../commands/run.ts';
import type { Completions } from './line-editor.ts';

const ownWords = ['exit', 'help'];

/** `line` is what stands before the cursor. Never throws. */
export async function completionsOf(line: string, context: Context): Promise<Completions> {
  const words = line.trimStart().split(/[ \t]+/u);
  const current = words.at(-1) ?? '';
  // Within quotes and after a shell's signs there is nothing to offer that would be right.
  if (/["'\\|;&<>$`]/u.test(line)) return [[], current];
  if (words.length > 1 && words[0] === 'myserver') words.shift();
  if (words.length > 1 && words[0] === 'help') words.shift();
  const offered = await offeredFor(words, context);
  if (words.length === 1) offered.push(...ownWords.filter((word) => word.startsWith(current)));
  const [only, another] = offered;
  // A value that is meant as a whole: on to the next word.
  if (only !== undefined && another === undefined && !only.endsWith('=') && !only.endsWith(':')) return [[`${only} `], current];
  return [offered.toSorted(byNumberOrName), current];
}

async function offeredFor(words: readonly string[], context: Context): Promise<string[]> {
  const lines: string[] = [];
  const terminal = { ...context.terminal, write: (text: string) => void lines.push(text), writeError: () => {} };
  await runCommand(['complete', '--', ...words], { ...context, terminal });
  return lines
    .join('')
    .split('\n')
    .map((line) => line.split('\t')[0] ?? '')
    .filter((value) => value !== '' && value !== ':files');
}

function byNumberOrName(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
