/** Errors as people and programs see them: one plain sentence on the error side, or with `-f json` one JSON line there; the output stays empty. */
import { CommanderError } from 'commander';
import { Fault, messageOf } from '../base/fault.ts';
import { errorCatalogue, type ErrorCode, fault, toFault } from '../core/errors.ts';
import { escapeHarmful, visible } from './plain-text.ts';

/** What `error` means to whoever typed the command. `help` is the command that explains more. */
export function failureOf(error: unknown, help: string, signal: AbortSignal): Fault<ErrorCode> {
  if (signal.aborted && !(error instanceof Fault)) return fault('cancelled', 'interrupted');
  if (error instanceof CommanderError) {
    const found = error.message
      .replace(/^error: /u, '')
      .replaceAll(/\n\(Did you mean (.*?)\?\)/gu, ' (did you mean $1?)')
      .replaceAll('\n', ' ')
      .replace(/\.$/u, '');
    return fault('bad-request', `${found}; see "${help}"`);
  }
  if (error instanceof Fault) return toFault(error);
  return fault('internal', `something went wrong inside myserver: ${messageOf(error)}`, {
    cause: error,
  });
}

export function exitCodeOf(failure: Fault<ErrorCode>): number {
  return errorCatalogue[failure.code].exitCode;
}

export function failureText(failure: Fault<ErrorCode>, asJson: boolean): string {
  if (!asJson) return `myserver: ${visible(failure.message)}\n`;
  const { code, message, details } = failure;
  return `${escapeHarmful(JSON.stringify({ error: { code, message, ...(Object.keys(details).length === 0 ? {} : { details }) } }))}\n`;
}
