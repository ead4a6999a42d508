/** What the tests of the conformance suite share: the engine under test, and instances that go with the test that made them. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fault } from '../base/fault.ts';
import type { ErrorCode } from '../core/errors.ts';
import { parseGeneration, parseServerId } from '../core/ids.ts';
import type { FileToPush } from '../core/provision.ts';
import type { Limits } from '../core/server.ts';
import { instanceNameOf, type Engine, type ImageToImport, type InstanceSeen, type InstanceSpec } from './engine.ts';

export interface EngineUnderTest extends AsyncDisposable {
  readonly engine: Engine;
  /** Where `image` comes from, for importing it again. Its `system/type` is there already and carries the recipe. */
  readonly image: ImageToImport;
  /** A private address of its network that nothing has: the n-th, from 1. */
  addressOf(n: number): string;
  /** `600 1000 1000 regular file` (mode, uid, gid, kind) of a path in a running instance. */
  readonly inspect: (name: string, path: string) => Promise<string>;
  /** Programs really run and limits really hold. */
  readonly isReal: boolean;
}

export interface ConformanceRoom {
  /** The engine under test; only while a test runs. */
  readonly it: () => EngineUnderTest;
  /** A specification that nothing else has: own ID, generation and address. */
  readonly specify: (changes?: Partial<InstanceSpec>) => InstanceSpec;
  /** An instance for one test, destroyed at its end. */
  readonly instance: (state?: 'stopped' | 'running', changes?: Partial<InstanceSpec>) => Promise<InstanceSpec & AsyncDisposable>;
  readonly stateOf: (name: string) => Promise<InstanceSeen['state'] | undefined>;
}

export const small: Limits = { memoryBytes: 128 * 2 ** 20, cpus: 1, diskBytes: 512 * 2 ** 20 };

export function makeConformanceRoom(underTest: () => EngineUnderTest | undefined): ConformanceRoom {
  const installation = randomUUID();
  let used = 0;

  const it = (): EngineUnderTest => {
    const made = underTest();
    assert.ok(made !== undefined, 'the engine under test was made');
    return made;
  };
  const specify: ConformanceRoom['specify'] = (changes = {}) => {
    used += 1;
    const id = parseServerId(used);
    const generation = parseGeneration(randomUUID());
    return {
      name: instanceNameOf(id, generation),
      tags: { installation, generation, id },
      image: `${it().image.system}/${it().image.type}`,
      limits: small,
      maxProcesses: 100,
      address: it().addressOf(used),
      ...changes,
    };
  };
  return {
    it,
    specify,
    async instance(state = 'stopped', changes = {}) {
      const { engine } = it();
      const spec = specify(changes);
      await engine.create(spec);
      if (state === 'running') await engine.start(spec.name);
      return { ...spec, [Symbol.asyncDispose]: () => engine.destroy(spec.name, spec.tags) };
    },
    stateOf: async (name) => (await it().engine.get(name))?.state,
  };
}

export function file(path: string, content: string): Extract<FileToPush, { kind: 'file' }> {
  return { path, kind: 'file', mode: 0o644, uid: 0, gid: 0, content };
}

export async function rejectsWith(code: ErrorCode, promise: Promise<unknown>, what = ''): Promise<void> {
  await assert.rejects(promise, (error: unknown) => {
    assert.ok(error instanceof Fault, `${what}: ${String(error)}`);
    assert.equal(error.code, code, `${what}: ${error.message}`);
    return true;
  });
}

export async function until(what: string, isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!isSo()) {
    assert.ok(performance.now() < deadline, `waited 15 s in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export async function temporaryDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'myserver-conformance-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
