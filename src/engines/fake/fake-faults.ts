/** Faults on demand: every call of the fake engine passes through here. */
import type { Fault } from '../../base/fault.ts';
import { fault } from '../../core/errors.ts';
import type { FakeWorld } from './fake-world.ts';

export type FakeCall =
  | 'facts'
  | 'list'
  | 'get'
  | 'create'
  | 'start'
  | 'stop'
  | 'kill'
  | 'pause'
  | 'resume'
  | 'destroy'
  | 'reclaim'
  | 'retag'
  | 'setLimits'
  | 'readFile'
  | 'pushFiles'
  | 'run'
  | 'usage'
  | 'images.list'
  | 'images.import'
  | 'images.fetch'
  | 'images.remove';

type Planned = { readonly kind: 'hang' } | { readonly kind: 'fail'; readonly problem: Fault; readonly when: 'before' | 'afterwards' };

export class FakeFaults {
  readonly calls: string[] = [];
  delayMs: number;
  readonly #world: FakeWorld;
  readonly #planned = new Map<FakeCall, Planned[]>();

  constructor(world: FakeWorld, delayMs: number) {
    this.#world = world;
    this.delayMs = delayMs;
  }

  failNext(call: FakeCall, problem: Fault, when: 'before' | 'afterwards'): void {
    this.#plan(call, { kind: 'fail', problem, when });
  }

  hangNext(call: FakeCall): void {
    this.#plan(call, { kind: 'hang' });
  }

  async through<Result>(call: FakeCall, subject: string, signal: AbortSignal | undefined, deed: () => Result): Promise<Result> {
    this.calls.push(subject === '' ? call : `${call} ${subject}`);
    const planned = this.#planned.get(call)?.shift();
    if (planned?.kind === 'hang') await untilAborted(signal);
    if (this.delayMs > 0) await Promise.race([new Promise((resolve) => setTimeout(resolve, this.delayMs)), untilAborted(signal)]);
    else await Promise.resolve();
    if (signal?.aborted === true) throw fault('cancelled', 'this was cancelled before it was done', { cause: signal.reason });
    if (!this.#world.isUp) throw fault('engine-unavailable', 'the engine does not answer; is it running?');
    if (planned?.kind === 'fail' && planned.when === 'before') throw planned.problem;
    const result = deed();
    if (planned?.kind === 'fail') throw planned.problem;
    return result;
  }

  #plan(call: FakeCall, planned: Planned): void {
    this.#planned.set(call, [...(this.#planned.get(call) ?? []), planned]);
  }
}

/** Never resolves without a signal, as a hung engine. */
function untilAborted(signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (signal?.aborted === true) resolve();
  signal?.addEventListener('abort', () => resolve(), { once: true });
  return promise;
}
