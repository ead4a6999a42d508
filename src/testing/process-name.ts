/** Whose something is: a process told by its PID *and* its start time, because PIDs are given out again. */
import { readFileSync } from 'node:fs';

/** `1234 567890`, or undefined when there is no such process (any more). */
export function processName(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // proc_pid_stat(5): the second field may hold spaces and parentheses; starttime is the 20th after it, the state the first.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : `${pid} ${fields[19]}`;
  } catch {
    return undefined;
  }
}

/** Whether the process that was named so still lives. */
export function isAlive(name: string): boolean {
  return processName(Number.parseInt(name, 10)) === name.trim();
}
