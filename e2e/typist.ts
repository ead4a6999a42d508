/** Types at a real terminal: answers a program's questions as they come. The terminal is util-linux's `script`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

interface Typed {
  /** -1 when it had to be killed. */
  readonly exitCode: number;
  /** Everything that the screen showed. */
  readonly screen: string;
}

/** A dialogue that gets stuck ends here, and its screen shows where. */
const longestMs = 40_000;

/** Each answer is typed, with Enter, when its question has appeared after the one before. */
export async function typeInto(argv: readonly string[], answers: readonly (readonly [RegExp, string])[]): Promise<Typed> {
  const command = argv.map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`).join(' ');
  const env = { ...process.env, TERM: 'xterm', SSH_AUTH_SOCK: '' };
  const child = spawn('script', ['-qefc', command, '/dev/null'], { env, stdio: ['pipe', 'pipe', 'pipe'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), longestMs);
  const waiting = [...answers];
  let [screen, seenTo] = ['', 0];
  const read = (text: string) => {
    screen += text;
    const [next] = waiting;
    if (next === undefined || !next[0].test(screen.slice(seenTo))) return;
    waiting.shift();
    seenTo = screen.length;
    child.stdin.write(`${next[1]}\n`);
  };
  child.stdin.on('error', () => {});
  child.stdout.setEncoding('utf8').on('data', read);
  child.stderr.setEncoding('utf8').on('data', read);
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(timer);
  if (waiting.length > 0) throw new Error(`never asked ${String(waiting[0]?.[0])}:\n${screen}`);
  return { exitCode: code ?? -1, screen };
}
