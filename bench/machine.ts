/** What the figures were measured on: without it they say nothing. */
import { existsSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { runProgram } from '../src/host/program.ts';

export interface MachineFacts {
  readonly at: string;
  readonly commit: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryMB: number;
  readonly kernel: string;
  readonly cgroups: string;
  /** Over 1, 5 and 15 minutes, before the first figure. */
  readonly loadBefore: readonly number[];
  readonly node: string;
  readonly incus: string;
  readonly nft: string;
}

export async function machineFacts(): Promise<MachineFacts> {
  return {
    at: new Date().toISOString(),
    commit: await said(['git', '-C', import.meta.dirname, 'describe', '--always', '--dirty']),
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryMB: Math.round(totalmem() / 2 ** 20),
    kernel: release(),
    cgroups: existsSync('/sys/fs/cgroup/cgroup.controllers') ? 'v2' : existsSync('/sys/fs/cgroup/unified') ? 'v1 and v2' : 'v1',
    loadBefore: loadavg().map((value) => Math.round(value * 100) / 100),
    node: process.version,
    incus: await said(['incus', '--version']),
    nft: await said(['nft', '--version']),
  };
}

async function said(argv: readonly string[]): Promise<string> {
  return await runProgram(argv).then(
    (text) => text.trim(),
    () => 'absent',
  );
}
