/** The terminal, or what stands in its place in a pipe. Questions go to the error side: the output may be on its way to another program. */
import { Secret } from '../base/secret.ts';
import type { Terminal } from '../commands/context.ts';
import { prompt } from './prompt.ts';

export function makeNodeTerminal(env: NodeJS.ProcessEnv): Terminal {
  const { stdin, stdout, stderr } = process;
  const isDumb = env['TERM'] === 'dumb';
  let lines: Promise<string[]> | undefined;
  const all = async () => {
    const chunks: Buffer[] = [];
    for await (const chunk of stdin) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString('utf8');
  };
  return {
    write: (text) => void stdout.write(text),
    writeError: (text) => void stderr.write(text),
    isTerminal: stdin.isTTY && stderr.isTTY,
    columns: stdout.isTTY ? widthOf(stdout.columns) : undefined,
    colour: stdout.isTTY && !isDumb && (env['NO_COLOR'] ?? '') === '',
    live: stderr.isTTY && !isDumb ? { columns: widthOf(stderr.columns) } : undefined,
    ask: (question) => prompt(question, false),
    askSecret: async (question) => new Secret(await prompt(`${question}: `, true)),
    async readLine() {
      lines ??= all().then((text) => text.replace(/\n$/u, '').split('\n'));
      return (await lines).shift()?.replace(/\r$/u, '');
    },
    readAll: async () => (lines === undefined ? all() : (await lines).splice(0).join('\n')),
  };
}

/** A terminal that does not say how wide it is says 0. */
function widthOf(columns: number | undefined): number {
  return columns === undefined || columns < 20 ? 80 : columns;
}
