/**
 * What an instance is in Incus's words: the body that makes one of our specification, and the reading of one that is there. Everything is stated in
 * the instance itself and no profile is used, so that nothing an administrator changes in a profile changes a server.
 */
import { parseGeneration, parseServerId } from '../../core/ids.ts';
import { ipv4Number } from '../../core/ipv4.ts';
import { macOf } from '../../core/mac.ts';
import type { Limits } from '../../core/server.ts';
import { cableNameOf, type InstanceSeen, type InstanceSpec, type InstanceTags } from '../engine.ts';

/** The parts of Incus's instance that we read. */
export interface IncusInstance {
  readonly name: string;
  readonly status: string;
  readonly config: Readonly<Record<string, string>>;
  readonly devices: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export interface InstancePlace {
  readonly pool: string;
  readonly network: string;
  /** Whether the host's own cgroups are version 1 or mixed: then the instance is shown a version 2 tree, which is all that new systemd accepts. */
  readonly hasOldCgroups: boolean;
}

const tag = {
  installation: 'user.myserver.installation',
  generation: 'user.myserver.generation',
  id: 'user.myserver.id',
  image: 'user.myserver.image',
  /** Bytes of the image inside the instance's disk: the pool's quota counts them too, and they are not the person's. */
  base: 'user.myserver.base',
} as const;

/**
 * The body of `POST /1.0/instances`. `baseBytes` is what the image takes on the disk, or undefined where nobody has measured it yet.
 *
 * Reasons that do not show:
 * - `security.idmap.isolated`: no two servers share a uid range, so that an escape from one is nobody in the others.
 * - `security.guestapi` off: else root inside reads our tags and talks to incusd.
 * - `security.nesting` off: systemd 252 has no failed unit without it (measured where there is no AppArmor), and with it a namespace made inside may
 *   mount a /proc of its own, past what masks it.
 * - `boot.autostart` unset: then Incus starts at boot what ran when the host went down, crash included (`volatile.last_state.power`); start and stop
 *   keep it in step by themselves, where a key of our own would be a second write that `kill -9` could separate from the first.
 * - `host_name`: the host's end of the cable has a name that tells whose it is: to the packet rules, and when a failed start left it behind.
 */
export function instanceBody(spec: InstanceSpec, place: InstancePlace, fingerprint: string, baseBytes: number | undefined): object {
  const { name, tags, limits } = spec;
  return {
    name,
    type: 'container',
    profiles: [],
    source: { type: 'image', fingerprint },
    config: {
      ...tagsConfig(tags),
      [tag.image]: spec.image,
      ...(baseBytes === undefined ? {} : { [tag.base]: String(baseBytes) }),
      ...memoryConfig(limits.memoryBytes),
      ...cpuConfig(limits.cpus),
      'limits.processes': String(spec.maxProcesses),
      'security.privileged': 'false',
      'security.idmap.isolated': 'true',
      'security.nesting': 'false',
      'security.guestapi': 'false',
      ...(place.hasOldCgroups ? { 'raw.lxc': 'lxc.mount.entry = cgroup2 sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime 0 0' } : {}),
    },
    devices: {
      root: rootDevice(place.pool, limits.diskBytes, baseBytes ?? unmeasuredBaseBytes),
      eth0: {
        type: 'nic',
        network: place.network,
        name: 'eth0',
        ...cableConfig(tags, spec.address),
        'ipv4.address': spec.address,
        'security.mac_filtering': 'true',
        'security.ipv4_filtering': 'true',
        'security.ipv6_filtering': 'true',
        'security.port_isolation': 'false',
      },
    },
  };
}

/** Room for an image that nobody has measured yet, for the moment between unpacking and measuring it. */
const unmeasuredBaseBytes = 32 * 2 ** 30;

function cableConfig({ id, generation }: InstanceTags, address: string): Record<string, string> {
  return { host_name: cableNameOf(id, generation), hwaddr: macOf(address) };
}

/**
 * The network device of an instance with the MAC and the cable that it should have; undefined where it has them. One from before instances had MACs of ours
 * lacks them, and one that was changed by hand or given other tags has others, which the packet rules would let nothing through for.
 */
export function mendedCable({ config, devices }: IncusInstance): Readonly<Record<string, string>> | undefined {
  const tags = tagsOf(config);
  const device = devices['eth0'];
  const address = device?.['ipv4.address'];
  if (tags === undefined || address === undefined || ipv4Number(address) === undefined) return undefined;
  const mended = { ...device, ...cableConfig(tags, address) };
  return Object.entries(mended).every(([key, value]) => device?.[key] === value) ? undefined : mended;
}

/** The host's end of its network cable. Undefined for a name that is not of our giving: it may be that of anything on the host. */
export function cableOf({ name, config, devices }: IncusInstance): string | undefined {
  const tags = tagsOf(config);
  // Cables were named like the instance before instances had MACs of ours.
  const given = tags === undefined ? [] : [name, cableNameOf(tags.id, tags.generation)];
  return given.find((one) => one === devices['eth0']?.['host_name']);
}

export function tagsConfig(tags: InstanceTags): Record<string, string> {
  return { [tag.installation]: tags.installation, [tag.generation]: tags.generation, [tag.id]: String(tags.id) };
}

export function memoryConfig(bytes: number): Record<string, string> {
  return { 'limits.memory': String(bytes), 'limits.memory.enforce': 'hard', 'limits.memory.swap': 'false' };
}

/** A hard share: so many CPUs' time in each tenth of a second, whatever the neighbours do. */
export function cpuConfig(cpus: number): Record<string, string> {
  return { 'limits.cpu.allowance': `${cpus * 100}ms/100ms` };
}

export function rootDevice(pool: string, diskBytes: number, baseBytes: number): Record<string, string> {
  return { type: 'disk', path: '/', pool, size: String(diskBytes + baseBytes) };
}

export function baseConfig(bytes: number): Record<string, string> {
  return { [tag.base]: String(bytes) };
}

/** Bytes of the disk that the image takes, or undefined before they were measured. */
export function baseBytesOf(instance: IncusInstance): number | undefined {
  return wholeNumber(instance.config[tag.base]);
}

export function seenOf(instance: IncusInstance): InstanceSeen {
  return {
    name: instance.name,
    tags: tagsOf(instance.config),
    state: stateOf(instance.status),
    address: instance.devices['eth0']?.['ipv4.address'],
    limits: limitsOf(instance),
    image: instance.config[tag.image],
  };
}

/**
 * Whether its creation came to its end. Incus asks for the image's templates (`volatile.apply_template`) as the last step of making the disk, and
 * forgets it at the first start. A half-made instance has neither that nor a former life, nor our measure of its image.
 */
export function isComplete(instance: IncusInstance): boolean {
  return instance.config['volatile.apply_template'] === 'create' || hasStarted(instance);
}

export function hasStarted(instance: IncusInstance): boolean {
  return instance.config['volatile.last_state.power'] !== undefined;
}

export function stateOf(status: string): InstanceSeen['state'] {
  switch (status) {
    case 'Running':
      return 'running';
    case 'Stopped':
      return 'stopped';
    case 'Frozen':
      return 'paused';
    default:
      return 'unknown';
  }
}

function tagsOf(config: IncusInstance['config']): InstanceTags | undefined {
  const installation = config[tag.installation];
  if (installation === undefined || installation === '') return undefined;
  try {
    return { installation, generation: parseGeneration(config[tag.generation] ?? ''), id: parseServerId(config[tag.id] ?? '') };
  } catch {
    // Tags that are not of our making are somebody else's: the instance is kept as a stranger.
    return undefined;
  }
}

function limitsOf(instance: IncusInstance): Limits | undefined {
  const memoryBytes = wholeNumber(instance.config['limits.memory']);
  const share = wholeNumber(/^(\d+)ms\/100ms$/u.exec(instance.config['limits.cpu.allowance'] ?? '')?.[1]);
  const sizeBytes = wholeNumber(instance.devices['root']?.['size']);
  if (memoryBytes === undefined || share === undefined || sizeBytes === undefined) return undefined;
  return { memoryBytes, cpus: share / 100, diskBytes: sizeBytes - (baseBytesOf(instance) ?? unmeasuredBaseBytes) };
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/u.test(text) ? Number(text) : undefined;
}
