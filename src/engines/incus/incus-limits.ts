/** Changing an instance's limits, running or not. */
import { fault } from '../../core/errors.ts';
import type { Limits } from '../../core/server.ts';
import { formatSize } from '../../core/sizes.ts';
import type { IncusClient } from './incus-client.ts';
import { referencedBytes, type DiskPlace } from './incus-disk.ts';
import { IncusRefusal } from './incus-error.ts';
import { baseBytesOf, cpuConfig, memoryConfig, rootDevice, seenOf, type IncusInstance } from './incus-instance.ts';
import { pathOf, required } from './incus-lookup.ts';
import { stateNow, usageOf } from './incus-state.ts';

/** Below this much free room the system inside cannot even write down that it was started again. */
const leastRoomBytes = 32 * 2 ** 20;

/** Throws `bad-size` where the disk holds more than it shall have, or the memory in use cannot be taken away from a running system. */
export async function setInstanceLimits(
  client: IncusClient,
  disk: DiskPlace,
  name: string,
  limits: Partial<Limits>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { memoryBytes, cpus, diskBytes } = limits;
  const instance = await required(client, name, signal);
  if (diskBytes !== undefined) await setDisk(client, disk, instance, diskBytes, signal);
  const config = { ...(memoryBytes === undefined ? {} : memoryConfig(memoryBytes)), ...(cpus === undefined ? {} : cpuConfig(cpus)) };
  if (Object.keys(config).length === 0) return;
  try {
    await client.ask({ method: 'PATCH', path: pathOf(name), body: { config }, deed: `change the limits of ${name}`, signal });
  } catch (error) {
    if (memoryBytes !== undefined && error instanceof IncusRefusal) await explainMemory(client, name, memoryBytes, error);
    throw error;
  }
}

async function setDisk(
  client: IncusClient,
  disk: DiskPlace,
  instance: IncusInstance,
  diskBytes: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { name } = instance;
  const baseBytes = baseBytesOf(instance) ?? 0;
  const formerBytes = seenOf(instance).limits?.diskBytes;
  if (formerBytes === undefined || diskBytes < formerBytes) await refuseShrink(client, disk, name, diskBytes, baseBytes);
  const resize = async (bytes: number) => {
    const body = { devices: { root: rootDevice(disk.pool, bytes, baseBytes) } };
    await client.ask({ method: 'PATCH', path: pathOf(name), body, deed: `change the disk size of ${name}`, signal });
  };
  try {
    await resize(diskBytes);
  } catch (error) {
    // A refused size has been seen to hold in the pool all the same, while Incus still states the old one: state it again.
    if (formerBytes !== undefined && error instanceof IncusRefusal) await resize(formerBytes).catch(() => {});
    throw error;
  }
}

async function refuseShrink(client: IncusClient, disk: DiskPlace, name: string, diskBytes: number, baseBytes: number): Promise<void> {
  // The API's figure is up to 30 s old and not what the limit counts, but better than none.
  const referenced = await referencedBytes(disk, name);
  const held = referenced === undefined ? (usageOf(await stateNow(client, name)).diskBytes ?? 0) : Math.max(0, referenced - baseBytes);
  if (diskBytes >= held + leastRoomBytes) return;
  throw fault(
    'bad-size',
    `the disk of ${name} cannot become ${formatSize(diskBytes)}: it holds ${inMegabytes(held)} now; delete files first`,
  );
}

async function explainMemory(client: IncusClient, name: string, memoryBytes: number, cause: unknown): Promise<void> {
  const used = usageOf(await stateNow(client, name)).memoryBytes;
  if (memoryBytes >= used) return;
  const found = `it uses ${inMegabytes(used)} now`;
  throw fault(
    'bad-size',
    `the memory of ${name} cannot become ${formatSize(memoryBytes)}: ${found}; end programs inside, or stop it first`,
    { cause },
  );
}

function inMegabytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)}M`;
}
