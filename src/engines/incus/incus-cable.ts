/**
 * The host's end of an instance's network cable (a veth pair). Incus leaves it behind when a start fails late; it is named like the instance
 * (`incus-instance.ts`), so it can be told, taken away, and does not make the next start fail.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { messageOf } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import type { IncusClient } from './incus-client.ts';
import { isNotFound } from './incus-error.ts';

const runProgram = promisify(execFile);

export interface CableOptions {
  readonly client: IncusClient;
  readonly log: Log;
  /** Words before `ip` that run it where Incus's network is; none on a usual host. */
  readonly enter: readonly string[];
}

/** Takes the cable away if it is there. Only for an instance that is not running. Says whether there was one. */
export async function sweepCable(options: CableOptions, name: string): Promise<boolean> {
  const { client, log, enter } = options;
  try {
    await client.ask({ method: 'GET', path: `/1.0/networks/${encodeURIComponent(name)}/state`, deed: `look for the cable ${name}` });
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
  const [program = 'ip', ...args]: readonly string[] = [...enter, 'ip', 'link', 'delete', 'dev', name];
  try {
    await runProgram(program, args, { timeout: 10_000 });
  } catch (error) {
    log.warn({ name, found: messageOf(error) }, 'a network cable that a failed start left behind could not be taken away');
    return false;
  }
  log.info({ name }, 'took away a network cable that a failed start had left behind');
  return true;
}
