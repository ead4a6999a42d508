/**
 * The host's end of an instance's network cable (a veth pair). Incus leaves it behind when a start fails late or Incus dies in the midst of one; its
 * name is the instance's own (`host_name`), so it can be told, taken away, and does not make the next start fail.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { messageOf } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';

const runProgram = promisify(execFile);

export interface CableOptions {
  readonly log: Log;
  /** Words before `ip` that run it where Incus's network is; none on a usual host. */
  readonly enter: readonly string[];
}

/** Takes the cable away if it is there, and says whether it was. Only for an instance that is not running. */
export async function sweepCable({ log, enter }: CableOptions, name: string): Promise<boolean> {
  const command: readonly string[] = [...enter, 'ip', 'link', 'delete', 'dev', name];
  const [program = 'ip', ...args] = command;
  try {
    await runProgram(program, args, { timeout: 10_000 });
  } catch (error) {
    const isAbsent = /cannot find device/iu.test(messageOf(error));
    if (!isAbsent) log.warn({ name, found: messageOf(error) }, 'a network cable that a failed start left behind could not be taken away');
    return false;
  }
  log.info({ name }, 'took away a network cable that a failed start had left behind');
  return true;
}
