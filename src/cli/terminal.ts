/** The terminal, or what stands in its place in a pipe. Questions go to the error side: the output may be on its way to another program. */
import type { ReadStream } from 'node:tty';
import { Secret } from '../base/secret.ts';
import type { Terminal } from '../commands/context.ts';
import { fault } from '../core/errors.ts';

export function makeNodeTerminal(env: NodeJS.ProcessEnv): Terminal {
  const { stdin, stdout, stderr } = process;
  const isDumb = env['TERM'] === 'dumb';
  let lines: Promise<string[]> | undefined;
  // Prompts need a terminal on both sides: without one they would end the program silently.
  const prompt = async (kind: 'text' | 'password', message: string): Promise<string> => {
    if (!stdin.isTTY || !stderr.isTTY) throw fault('bad-request', `there is no terminal to ask at: ${message}`);
    const clack = await import('@clack/prompts');
    const answer = await clack[kind]({ message, input: stdin as ReadStream, output: stderr, ...(kind === 'password' ? { mask: '' } : {}) });
    if (clack.isCancel(answer)) throw fault('cancelled', 'nothing was done: the question was not answered');
    return answer ?? '';
  };
  const all = async () => {
    const chunks: Buffer[] = [];
    for await (const chunk of stdin) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString('utf8');
  };
  return {
    write: (text) => void stdout.write(text),
    writeError: (text) => void stderr.write(text),
    isTerminal: stdin.isTTY && stderr.isTTY,
    columns: stdout.isTTY ? stdout.columns : undefined,
    colour: stdout.isTTY && !isDumb && (env['NO_COLOR'] ?? '') === '',
    live: stderr.isTTY && !isDumb ? { columns: stderr.columns } : undefined,
    ask: (question) => prompt('text', question),
    askSecret: async (question) => new Secret(await prompt('password', question)),
    async readLine() {
      lines ??= all().then((text) => text.replace(/\n$/u, '').split('\n'));
      return (await lines).shift()?.replace(/\r$/u, '');
    },
    readAll: async () => (lines === undefined ? all() : (await lines).splice(0).join('\n')),
  };
}
