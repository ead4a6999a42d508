/** Started, stopped, paused, destroyed. Every one may be repeated; a state that Incus reached by another way in the meantime is a success too. */
import { setTimeout as sleep } from 'node:timers/promises';
import { unreachable } from '../../base/brand.ts';
import type { Log } from '../../base/log.ts';
import { fault } from '../../core/errors.ts';
import type { InstanceSeen, InstanceTags } from '../engine.ts';
import { sweepCable } from './incus-cable.ts';
import type { IncusClient } from './incus-client.ts';
import { hasSaid, IncusRefusal } from './incus-error.ts';
import { cableOf, mendedCable, seenOf, stateOf, tagsConfig } from './incus-instance.ts';
import { lookUp, pathOf, required } from './incus-lookup.ts';

export interface LifeOptions {
  readonly client: IncusClient;
  readonly log: Log;
  /** Words before a program that run it where Incus's network is; none on a usual host. */
  readonly enter: readonly string[];
}

/**
 * A system that has just been started is deaf: the signal that asks it to shut down is lost until its first process listens. So it is asked again,
 * first after this long, which is more than a shut-down takes.
 */
const firstAskMs = 2_000;

type Action = 'start' | 'stop' | 'freeze' | 'unfreeze';

/**
 * An instance that is just ending counts as stopped already, but cannot be started yet ("already running"). Who restarts it at that moment, as the next
 * control does after a killed one, asks again: so often, with such pauses. An end takes half a second; less patience, and the restart fails.
 */
const transition = { tries: 100, pauseMs: 100 } as const;

export async function startInstance(options: LifeOptions, name: string, signal?: AbortSignal): Promise<void> {
  const instance = await required(options.client, name, signal);
  const eth0 = instance.status === 'Stopped' ? mendedCable(instance) : undefined;
  const cable = cableOf(eth0 === undefined ? instance : { ...instance, devices: { eth0 } });
  let wasSwept = false;
  for (let tries = 0; ; tries += 1) {
    try {
      if (eth0 !== undefined)
        await options.client.ask({ method: 'PATCH', path: pathOf(name), body: { devices: { eth0 } }, deed: `wire ${name} anew`, signal });
      await act(options, name, 'start', {}, signal);
      return;
    } catch (error) {
      if (!(error instanceof IncusRefusal)) throw error;
      if (hasSaid(error, /already running|is busy running/iu)) {
        const state = await stateNow(options, name);
        if (state === 'running' && hasSaid(error, /already running/iu)) return;
        if (state === 'paused') return await act(options, name, 'unfreeze', {}, signal);
        if (tries === transition.tries) throw error;
        await sleep(transition.pauseMs);
        continue;
      }
      const state = await settledState(options, name);
      if (state === 'running') return;
      if (state === 'paused') return await act(options, name, 'unfreeze', {}, signal);
      // What an earlier failed start left may be all that was in the way.
      if (wasSwept || cable === undefined || state !== 'stopped' || !(await sweepCable(options, cable))) throw error;
      wasSwept = true;
    }
  }
}

/**
 * The state after a start that failed. Incus shows the instance as running while it clears up, and says "already running" to who asks again meanwhile; what
 * runs longer than that takes was started by somebody else.
 */
async function settledState(options: LifeOptions, name: string): Promise<InstanceSeen['state']> {
  for (let tries = 0; ; tries += 1) {
    const state = await stateNow(options, name);
    if (state === 'stopped' || state === 'paused' || tries === transition.tries) return state;
    await sleep(transition.pauseMs);
  }
}

export async function stopInstance(options: LifeOptions, name: string, graceMs: number, signal?: AbortSignal): Promise<void> {
  const state = await stateNow(options, name);
  if (state === 'stopped') return;
  if (state === 'paused') await act(options, name, 'unfreeze', {}, signal);
  for (let restMs = graceMs, roundMs = firstAskMs; restMs > 0; restMs -= roundMs, roundMs *= 2) {
    const timeout = Math.ceil(Math.min(restMs, roundMs) / 1000);
    try {
      await act(options, name, 'stop', { force: false, timeout }, signal);
      return;
    } catch (error) {
      if (!(error instanceof IncusRefusal)) throw error;
      if ((await stateNow(options, name)) === 'stopped') return;
    }
  }
  await killInstance(options, name, signal);
}

export async function killInstance(options: LifeOptions, name: string, signal?: AbortSignal): Promise<void> {
  try {
    await act(options, name, 'stop', { force: true }, signal);
  } catch (error) {
    if (!(error instanceof IncusRefusal) || (await stateNow(options, name)) !== 'stopped') throw error;
  }
}

export async function pauseInstance(options: LifeOptions, name: string, signal?: AbortSignal): Promise<void> {
  await act(options, name, 'freeze', {}, signal).catch((error: unknown) =>
    explain(options, error, name, 'paused', `cannot pause ${name}: it is not running; start it first`),
  );
}

export async function resumeInstance(options: LifeOptions, name: string, signal?: AbortSignal): Promise<void> {
  await act(options, name, 'unfreeze', {}, signal).catch((error: unknown) =>
    explain(options, error, name, 'running', `cannot resume ${name}: it is not paused but stopped; start it instead`),
  );
}

export async function destroyInstance(
  options: LifeOptions,
  name: string,
  tags: Pick<InstanceTags, 'installation' | 'generation'>,
  signal?: AbortSignal,
): Promise<void> {
  const instance = await lookUp(options.client, name, signal);
  if (instance === undefined) return;
  const found = seenOf(instance).tags;
  if (found?.installation !== tags.installation || found.generation !== tags.generation) {
    const whose = found === undefined ? 'no tags of ours' : `those of generation ${found.generation}`;
    throw fault('conflict', `${name} was not destroyed: it should be generation ${tags.generation} but carries ${whose}`);
  }
  await discardInstance(options, name, signal);
}

export async function retagInstance(options: LifeOptions, name: string, tags: InstanceTags, signal?: AbortSignal): Promise<void> {
  await required(options.client, name, signal);
  const body = { config: tagsConfig(tags) };
  await options.client.ask({ method: 'PATCH', path: pathOf(name), body, deed: `change the tags of ${name}`, signal });
}

/** Destroys without asking whose it is: the caller knows. */
export async function discardInstance(options: LifeOptions, name: string, signal?: AbortSignal): Promise<void> {
  const { client } = options;
  const instance = await lookUp(client, name);
  if (instance === undefined) return;
  if (instance.status !== 'Stopped') await killInstance(options, name, signal);
  try {
    await client.operate({ method: 'DELETE', path: pathOf(name), deed: `destroy ${name}`, signal });
  } catch (error) {
    if (!(error instanceof IncusRefusal) || (await lookUp(client, name)) !== undefined) throw error;
  }
  const cable = cableOf(instance);
  if (cable !== undefined) await sweepCable(options, cable);
}

async function act(options: LifeOptions, name: string, action: Action, more: object, signal: AbortSignal | undefined): Promise<void> {
  const body = { action, ...more };
  await options.client.operate({ method: 'PUT', path: pathOf(name, '/state'), body, deed: `${wordFor(action)} ${name}`, signal });
}

async function stateNow(options: LifeOptions, name: string): Promise<InstanceSeen['state']> {
  return stateOf((await required(options.client, name)).status);
}

/** A refusal where the instance is in the `wanted` state already is none; where it is stopped, `sentence` says what to do. */
async function explain(options: LifeOptions, error: unknown, name: string, wanted: 'paused' | 'running', sentence: string): Promise<void> {
  if (!(error instanceof IncusRefusal)) throw error;
  const state = await stateNow(options, name);
  if (state === wanted) return;
  throw state === 'stopped' ? fault('wrong-state', sentence, { cause: error }) : error;
}

function wordFor(action: Action): string {
  switch (action) {
    case 'start':
    case 'stop':
      return action;
    case 'freeze':
      return 'pause';
    case 'unfreeze':
      return 'resume';
    default:
      return unreachable(action);
  }
}
