/** What a function of this folder says when it is called in another network: a process of its own runs it there. */
import { join } from 'node:path';
import { runProgram } from './program.ts';

/** `call` is the text of an expression over the module's exports: `findSettings(wanted)`. Its value comes back as JSON. */
export async function callInside<T>(enter: readonly string[], module: string, call: string): Promise<T> {
  const path = JSON.stringify(join(import.meta.dirname, module));
  const script = `const the = await import(${path}); console.log(JSON.stringify((await the.${call}) ?? null));`;
  return JSON.parse(await runProgram([...enter, process.execPath, '--input-type=module', '-e', script])) as T;
}
