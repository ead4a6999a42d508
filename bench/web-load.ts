/** Load by wrk: 64 connections that are kept, from the core that the backend has. */
import { runProgram } from '../src/host/program.ts';
import { type Contender, loadCore } from './web-room.ts';

const connections = 64;
const seconds = 4;

export interface Load {
  readonly perSecond: number;
  readonly p99Ms: number;
}

export async function load({ url, headers, name }: Contender, file: string): Promise<Load> {
  const words = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', ...headers.flatMap((header) => ['-H', header])];
  const said = await runProgram(['taskset', '-c', loadCore, 'wrk', ...words, url(file)], { timeoutMs: 60_000 });
  if (/Non-2xx|Socket errors/u.test(said)) throw new Error(`${name} fails under load:\n${said}`);
  const perSecond = Number(/Requests\/sec:\s+([\d.]+)/u.exec(said)?.[1]);
  const [, value = '', unit = ''] = /99%\s+([\d.]+)(us|ms|s)/u.exec(said) ?? [];
  return { perSecond, p99Ms: Number(value) * { us: 0.001, ms: 1, s: 1000 }[unit as 'us' | 'ms' | 's'] };
}
