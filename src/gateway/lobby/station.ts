/** What a person or a program at a channel is served with: the terminal of `commands/`, and lines of commands. */
import type { Terminal } from '../../commands/context.ts';
import type { TypedLine } from './typed-line.ts';

export interface Station {
  readonly terminal: Terminal;
  /** The next line of commands. `prompt` is shown to people only. */
  line(prompt: string): Promise<TypedLine>;
  /** Lets go of the channel while `act` has it. */
  handOver(act: () => Promise<number>): Promise<number>;
  /** Nothing is read or written any more. */
  close(): void;
}
