/** One instance of Incus by its name. */
import { fault } from '../../core/errors.ts';
import type { IncusClient } from './incus-client.ts';
import { isNotFound } from './incus-error.ts';
import type { IncusInstance } from './incus-instance.ts';

export function pathOf(name: string, rest = ''): string {
  return `/1.0/instances/${encodeURIComponent(name)}${rest}`;
}

export async function lookUp(client: IncusClient, name: string, signal?: AbortSignal): Promise<IncusInstance | undefined> {
  try {
    return await client.ask<IncusInstance>({ method: 'GET', path: pathOf(name), deed: `look at ${name}`, signal });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Throws `not-found`. */
export async function required(client: IncusClient, name: string, signal?: AbortSignal): Promise<IncusInstance> {
  const instance = await lookUp(client, name, signal);
  if (instance !== undefined) return instance;
  throw fault('not-found', `Incus has no instance ${name}; "myserver doctor" tells which servers have lost theirs`);
}
