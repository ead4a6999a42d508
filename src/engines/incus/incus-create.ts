/**
 * Making an instance, all or nothing, and again as often as the caller likes: what a killed create left behind is finished, awaited or replaced,
 * because it carries the same tags. Nobody's data is at stake: only an instance that was never started is ever replaced.
 */
import { fault } from '../../core/errors.ts';
import type { InstanceSpec, InstanceTags } from '../engine.ts';
import type { IncusClient, Operation } from './incus-client.ts';
import { referencedBytes, type DiskPlace } from './incus-disk.ts';
import { hasSaid } from './incus-error.ts';
import { findImage, rememberBase, type IncusImage } from './incus-image.ts';
import {
  baseBytesOf,
  baseConfig,
  hasStarted,
  instanceBody,
  isComplete,
  rootDevice,
  seenOf,
  type IncusInstance,
  type InstancePlace,
} from './incus-instance.ts';
import { discardInstance, type LifeOptions } from './incus-life.ts';
import { lookUp, pathOf } from './incus-lookup.ts';

export interface CreateOptions extends LifeOptions {
  readonly place: InstancePlace;
  readonly disk: DiskPlace;
}

/** A second create of the same name at the same time is met once, or twice when that one fails; more means that somebody else plays. */
const mostRounds = 4;

export async function createInstance(options: CreateOptions, spec: InstanceSpec, signal: AbortSignal | undefined): Promise<void> {
  const { client } = options;
  for (let round = 1; ; round += 1) {
    const finding = findImage(client, spec.image, signal);
    // Asked beside; of no interest where the instance is there.
    finding.catch(() => {});
    if (await settleFormer(options, spec, round, signal)) return;
    const image = await finding;
    try {
      await make(options, spec, image, signal);
      return;
    } catch (error) {
      if (round < mostRounds && hasSaid(error, /instance.* already exists|is busy running a|image not found/iu)) continue;
      if (!hasSaid(error, /already exists|is busy/iu)) await discardOurs(options, spec);
      throw error;
    }
  }
}

async function make(options: CreateOptions, spec: InstanceSpec, image: IncusImage, signal: AbortSignal | undefined): Promise<void> {
  const { client, place } = options;
  const deed = `create ${spec.name} from ${spec.image}`;
  const body = instanceBody(spec, place, image.fingerprint, image.baseBytes);
  const [made, holder] = await Promise.allSettled([
    client.operate({ method: 'POST', path: '/1.0/instances', body, deed, signal }),
    holderOf(client, place.network, spec),
  ]);
  if (made.status === 'rejected') throw made.reason;
  if (holder.status === 'rejected') throw holder.reason;
  if (holder.value !== undefined) {
    throw fault(
      'conflict',
      `could not create ${spec.name}: ${holder.value} has the address ${spec.address} already; see "myserver doctor"`,
    );
  }
  if (image.baseBytes === undefined) await measureBase(options, spec, image.fingerprint);
}

/**
 * The other instance with this fixed address. Incus 6.0 takes a second one without a word, and then starts neither. Asked beside the making, because
 * Incus looks through all instances for it.
 */
async function holderOf(client: IncusClient, network: string, spec: InstanceSpec): Promise<string | undefined> {
  const path = `/1.0/networks/${encodeURIComponent(network)}/leases`;
  const deed = 'list the addresses in use';
  const leases = await client.ask<readonly { hostname: string; address: string; type: string }[]>({ method: 'GET', path, deed });
  return leases.find(({ hostname, address, type }) => type === 'static' && address === spec.address && hostname !== spec.name)?.hostname;
}

/**
 * Looks at what already has the name. True: it is what was asked for, whole. False: there is nothing (any more). Throws `conflict` where it is
 * somebody else's.
 */
async function settleFormer(options: CreateOptions, spec: InstanceSpec, round: number, signal: AbortSignal | undefined): Promise<boolean> {
  const { client } = options;
  // The usual case, in one question. In a later round another's create is under way and may have no record yet.
  if (round === 1 && (await lookUp(client, spec.name, signal)) === undefined) return false;
  const going = await operationOn(client, spec.name);
  if (going !== undefined) {
    await client.settle(going, { method: 'GET', path: '', deed: `create ${spec.name}`, signal }).catch((error: unknown) => {
      if (signal?.aborted === true) throw error;
    });
  }
  const former = await lookUp(client, spec.name, signal);
  if (former === undefined) return false;
  refuseStranger(former, spec.tags);
  if (!isComplete(former)) {
    await discardInstance(options, spec.name);
    return false;
  }
  if (baseBytesOf(former) === undefined && !hasStarted(former)) {
    await measureBase(options, spec, former.config['volatile.base_image'] ?? '');
  }
  return true;
}

function refuseStranger(former: IncusInstance, tags: InstanceTags): void {
  const found = seenOf(former).tags;
  if (found?.installation === tags.installation && found.generation === tags.generation && found.id === tags.id) return;
  const whose = found === undefined ? 'without our tags' : `of server ${found.id}, generation ${found.generation}`;
  throw fault('conflict', `an instance named ${former.name} is there already (${whose}); it was not touched: see "myserver doctor"`);
}

/** After a failure or a cancelled create: takes away what carries exactly our tags and never ran. */
async function discardOurs(options: CreateOptions, spec: InstanceSpec): Promise<void> {
  const left = await lookUp(options.client, spec.name).catch(() => undefined);
  if (left === undefined || hasStarted(left) || seenOf(left).tags?.generation !== spec.tags.generation) return;
  await discardInstance(options, spec.name).catch(() => {
    // The next create of this name, or the reconciler, finds it by its tags.
  });
}

/**
 * The pool's quota counts the image's own files. The first instance of an image, fresh and untouched, shows how many bytes that is; the image
 * remembers it, and the disk's size becomes what the person asked for beside it.
 */
async function measureBase(options: CreateOptions, spec: InstanceSpec, fingerprint: string): Promise<void> {
  const { client, place } = options;
  const referenced = await referencedBytes(options.disk, spec.name);
  const baseBytes = referenced ?? 0;
  const root = rootDevice(place.pool, spec.limits.diskBytes, baseBytes);
  const body = { config: baseConfig(baseBytes), devices: { root } };
  await client.ask({ method: 'PATCH', path: pathOf(spec.name), body, deed: `set the disk size of ${spec.name}` });
  if (referenced !== undefined) await rememberBase(client, fingerprint, referenced);
}

/** The operation that is making this instance now, if one is. */
async function operationOn(client: IncusClient, name: string): Promise<Operation | undefined> {
  const deed = 'list the operations under way';
  const byState = await client.ask<Record<string, readonly Operation[]>>({ method: 'GET', path: '/1.0/operations?recursion=1', deed });
  const concerns = (resource: string) => resource.split('?', 1)[0] === `/1.0/instances/${name}`;
  return Object.values(byState)
    .flat()
    .find((operation) => operation.status_code < 200 && operation.resources?.['instances']?.some(concerns) === true);
}
