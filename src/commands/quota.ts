/** A person's quota on the command line. */
import type { Command } from 'commander';
import { parseCount, parseDisk, parseMemory } from './arguments.ts';

export interface QuotaOptions {
  readonly servers?: string;
  readonly cpus?: string;
  readonly mem?: string;
  readonly disk?: string;
}

export interface QuotaChange {
  servers?: number | null;
  cpus?: number | null;
  memoryBytes?: number | null;
  diskBytes?: number | null;
}

export function addQuotaOptions(command: Command): Command {
  return command
    .option('--servers <n>', 'at most so many servers; "default": what the configuration says')
    .option('--cpus <n>', 'at most so many CPUs over all servers')
    .option('--mem <size>', 'at most so much memory over all servers: 4G')
    .option('--disk <size>', 'at most so much disk over all servers: 50G');
}

/** What was given, and nothing else. */
export function quotaOf({ servers, cpus, mem, disk }: QuotaOptions): QuotaChange {
  const part = (text: string, parse: (text: string) => number) => (text === 'default' ? null : parse(text));
  return {
    ...(servers === undefined ? {} : { servers: part(servers, (text) => parseCount(text, 'a number of servers', 0, 65_536)) }),
    ...(cpus === undefined ? {} : { cpus: part(cpus, (text) => parseCount(text, 'a number of CPUs', 0, 1_000_000)) }),
    ...(mem === undefined ? {} : { memoryBytes: part(mem, parseMemory) }),
    ...(disk === undefined ? {} : { diskBytes: part(disk, parseDisk) }),
  };
}
