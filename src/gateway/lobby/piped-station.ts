import { fault } from '../../core/errors.ts';
import { PipedInput } from './piped-input.ts';
import type { Seat } from './seat.ts';
import type { Station } from './station.ts';

/** For a channel without a terminal: output and errors apart, nobody to ask. */
export function makePipedStation({ channel, errors }: Seat): Station {
  const input = new PipedInput(channel);
  const nobody = (question: string) => Promise.reject(fault('bad-request', `there is no terminal to ask at: ${question}`));
  let isOpen = true;
  return {
    terminal: {
      write: (text) => void (isOpen && channel.writable && channel.write(text)),
      writeError: (text) => void (isOpen && errors.writable && errors.write(text)),
      isTerminal: false,
      columns: undefined,
      colour: false,
      live: undefined,
      ask: nobody,
      askSecret: nobody,
      readLine: () => input.line(),
      readAll: () => input.all(),
    },
    async line() {
      const text = await input.line();
      return text === undefined ? { kind: 'end' } : { kind: 'line', text };
    },
    handOver(act) {
      input.release();
      return act();
    },
    close() {
      isOpen = false;
      input.release();
    },
  };
}
