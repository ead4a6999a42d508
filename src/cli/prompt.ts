/** One question on one line, as ssh and sudo ask: it works on a serial console, in a terminal without a size and with a screen reader alike. */
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { fault } from '../core/errors.ts';

/** The answer, without its line end; nothing typed is echoed when `isSecret`. Throws `cancelled` at ^C or ^D, and when the process is to end. */
export function prompt(question: string, isSecret: boolean): Promise<string> {
  const { stdin, stderr } = process;
  // Without a terminal there is nobody to ask, and waiting for an answer would hang whatever runs us.
  if (!stdin.isTTY || !stderr.isTTY) throw fault('bad-request', `there is no terminal to ask at: ${question}`);
  const unseen = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: isSecret ? unseen : stderr, terminal: true, historySize: 0 });
  // Only now is the echo off: an answer to a question seen earlier could be seen too.
  if (isSecret) stderr.write(question);
  return new Promise((resolve, reject) => {
    let answer: string | undefined;
    const end = () => lines.close();
    lines.on('SIGINT', end);
    process.once('SIGTERM', end).once('SIGHUP', end);
    lines.on('close', () => {
      process.off('SIGTERM', end).off('SIGHUP', end);
      if (isSecret || answer === undefined) stderr.write('\n');
      if (answer === undefined) reject(fault('cancelled', 'nothing was done: the question was not answered'));
      else resolve(answer);
    });
    lines.question(isSecret ? '' : question, (text) => {
      answer = text;
      lines.close();
    });
  });
}
