/** Live progress on the error side: a line each that is written over where that can be done, else a plain line whenever a step changes. */
import type { OperationView } from '../contract/schemas.ts';
import type { Terminal } from './context.ts';
import { cutTo, padTo, visible, widthOf } from './plain-text.ts';

/** More lines than this would scroll a small terminal, where they can no longer be written over. */
const mostLines = 16;
const barCells = 20;

export interface Progress {
  update(operation: OperationView): void;
  /** Takes the live lines away. */
  end(): void;
}

export function makeProgress(terminal: Terminal): Progress {
  return terminal.live === undefined ? plainProgress(terminal) : liveProgress(terminal, terminal.live.columns);
}

function plainProgress(terminal: Terminal): Progress {
  const said = new Map<string, string>();
  return {
    update(operation) {
      const step = stepOf(operation);
      // How it ended is said by whoever followed it.
      if (step === '' || hasEnded(operation) || said.get(operation.id) === step) return;
      said.set(operation.id, step);
      terminal.writeError(`${visible(operation.subject)}: ${step}\n`);
    },
    end() {},
  };
}

function liveProgress(terminal: Terminal, columns: number): Progress {
  const operations = new Map<string, OperationView>();
  let drawn = 0;
  const draw = (lines: readonly string[]) => {
    const up = drawn === 0 ? '' : `\u001B[${drawn}A`;
    terminal.writeError(`${up}\r\u001B[J${lines.map((line) => `${cutTo(line, columns - 1)}\n`).join('')}`);
    drawn = lines.length;
  };
  return {
    update(operation) {
      operations.set(operation.id, operation);
      draw(liveLines([...operations.values()]));
    },
    end() {
      if (drawn > 0) draw([]);
    },
  };
}

function liveLines(operations: readonly OperationView[]): readonly string[] {
  const moving = operations.filter((operation) => !hasEnded(operation));
  const shown = operations.length <= mostLines ? operations : moving.slice(0, mostLines - 1);
  const width = Math.max(0, ...shown.map((operation) => widthOf(visible(operation.subject))));
  const lines = shown.map((operation) => `${padTo(visible(operation.subject), width)}  ${bar(operation.fraction)}  ${stepOf(operation)}`);
  if (operations.length > mostLines) lines.push(`${operations.length - moving.length} of ${operations.length} are done`);
  return lines;
}

function bar(fraction: number): string {
  const full = Math.round(Math.min(1, Math.max(0, fraction)) * barCells);
  return `[${'#'.repeat(full)}${'.'.repeat(barCells - full)}]`;
}

function stepOf(operation: OperationView): string {
  return hasEnded(operation) ? operation.state : visible(operation.step);
}

export function hasEnded(operation: OperationView): boolean {
  return operation.state !== 'pending' && operation.state !== 'running';
}
