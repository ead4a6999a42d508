/**
 * The engine: what runs servers on a host. One interface for Incus, QEMU, machines we did not make, and the fake that tests of decisions use;
 * `conformance.ts` is what each of them must pass. An engine decides nothing: it does what it is told to one named instance, and says what is there.
 *
 * Every method may throw `engine-unavailable` (nobody answers; try again later), `engine-failed` (it refused or broke; the sentence says what it
 * said) and `cancelled` (the signal fired); and one that is given a name throws `not-found` where no instance has it, unless it says otherwise.
 * Methods that change may be repeated: doing what is already so is a success.
 */
import type { Generation, ServerId } from '../core/ids.ts';
import type { FileToPush } from '../core/provision.ts';
import type { Limits, SeenState } from '../core/server.ts';

/** The engine's own name of one instance, unique to one generation: `s123-1a2b3c4d`. `instanceNameOf` makes it; nothing parses it. */
export type InstanceName = string;

/** The instance's name for one lease of an ID. It names no owner, so that an instance may exist before it has one. */
export function instanceNameOf(id: ServerId, generation: Generation): InstanceName {
  return `s${id}-${generation.slice(0, 8)}`;
}

/**
 * The interface at the host's end of the instance's network cable, for packet rules. At most the 15 characters that Linux allows. It is not named like the
 * instance, as cables were before the instance had a MAC of ours: so rules for this name hold from the first start with that MAC on, and cut off nobody.
 */
export function cableNameOf(id: ServerId, generation: Generation): string {
  return `c${id}-${generation.slice(0, 8)}`;
}

/** What each instance carries with it (`user.myserver.*` in Incus), so that a store can tell its own from strangers. */
export interface InstanceTags {
  /** UUID of the installation (store) that made it. */
  readonly installation: string;
  readonly generation: Generation;
  readonly id: ServerId;
}

export interface InstanceSpec {
  readonly name: InstanceName;
  readonly tags: InstanceTags;
  /** Reference of an image that `listImages` names. */
  readonly image: string;
  readonly limits: Limits;
  /** Highest number of processes and threads inside: a fork bomb ends here. */
  readonly maxProcesses: number;
  /** Fixed private IPv4 address; the MAC follows from it (`macOf`). The engine forbids the instance every other one (no spoofing of MAC or address). */
  readonly address: string;
}

export interface InstanceSeen {
  readonly name: InstanceName;
  /** Undefined when the instance carries no (valid) tags of ours: somebody else's. */
  readonly tags: InstanceTags | undefined;
  readonly state: Exclude<SeenState, 'missing'>;
  readonly address: string | undefined;
  readonly limits: Limits | undefined;
  /** Reference of the image it was made from, as `InstanceSpec.image` said it. Undefined where that is not known. */
  readonly image: string | undefined;
}

export interface ImageSeen {
  /** What `InstanceSpec.image` takes: `debian12/minimal`, or an engine's own reference. */
  readonly reference: string;
  readonly system: string;
  readonly type: string;
  /** Content hash. */
  readonly fingerprint: string;
  readonly sizeBytes: number;
  readonly createdMs: number;
  /** The recipe's version it was built from, '' for imported ones. */
  readonly recipe: string;
}

export interface ImageToImport {
  readonly system: string;
  readonly type: string;
  readonly recipe: string;
  /** Files on this host: Incus's split image (metadata tarball and squashfs). */
  readonly metadataPath: string;
  readonly rootfsPath: string;
}

/** Another place to take an image from, e.g. Incus's `images:` remote. */
export interface ImageToFetch {
  readonly system: string;
  readonly type: string;
  /** `images:debian/13/cloud`. */
  readonly remote: string;
}

export interface Usage {
  readonly memoryBytes: number;
  readonly diskBytes: number | undefined;
  readonly cpuSeconds: number;
  readonly processes: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

export interface EngineFacts {
  readonly kind: 'incus' | 'fake';
  readonly version: string;
  /** Which of these the engine can change on a running instance. */
  readonly liveChanges: readonly (keyof Limits)[];
  readonly canPause: boolean;
  readonly pool: PoolFacts;
}

export interface PoolFacts {
  readonly totalBytes: number;
  readonly usedBytes: number;
}

export interface RunResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Something changed at the engine: look again. The name is missing when the whole world may have changed (the connection broke, or stands again after a gap). */
export interface EngineEvent {
  readonly name: InstanceName | undefined;
}

/** Where servers are made and kept. */
export interface Engine {
  facts(signal?: AbortSignal): Promise<EngineFacts>;

  /** All instances in our part of the engine, tagged or not. */
  list(signal?: AbortSignal): Promise<readonly InstanceSeen[]>;
  /** Undefined when there is none of that name. */
  get(name: InstanceName, signal?: AbortSignal): Promise<InstanceSeen | undefined>;

  /** Unpacks the image into a new stopped instance. All or nothing. Throws `no-such-image`, `pool-full`, `conflict` (the name exists with other tags, or another has the address). */
  create(spec: InstanceSpec, signal?: AbortSignal): Promise<void>;
  start(name: InstanceName, signal?: AbortSignal): Promise<void>;
  /** Asks the system inside to shut down; after `graceMs` pulls the plug. */
  stop(name: InstanceName, graceMs: number, signal?: AbortSignal): Promise<void>;
  /** Pulls the plug. */
  kill(name: InstanceName, signal?: AbortSignal): Promise<void>;
  pause(name: InstanceName, signal?: AbortSignal): Promise<void>;
  resume(name: InstanceName, signal?: AbortSignal): Promise<void>;
  /**
   * Destroys instance and disk, running or not. Absent is a success.
   * `tags` must match what the instance carries, or nothing is touched and `conflict` is thrown: the last guard of invariant 2.
   */
  destroy(name: InstanceName, tags: Pick<InstanceTags, 'installation' | 'generation'>, signal?: AbortSignal): Promise<void>;
  /** Resolves when the disk pool has freed what destroyed instances held, after at most half a minute. Where that cannot be told, at once. */
  reclaim(signal?: AbortSignal): Promise<void>;
  /** Gives an existing instance, running or not, other tags: it belongs to another installation or lease from now on. */
  retag(name: InstanceName, tags: InstanceTags, signal?: AbortSignal): Promise<void>;
  /** Changes limits, on a running instance where it can. A disk never shrinks below what it holds: `bad-size`. */
  setLimits(name: InstanceName, limits: Partial<Limits>, signal?: AbortSignal): Promise<void>;

  /** Works on a stopped and on a running instance. Undefined when there is no such file. At most 1 MiB. */
  readFile(name: InstanceName, path: string, signal?: AbortSignal): Promise<string | undefined>;
  /** Directories first, whatever the order; a file takes an old one's place in one step, and mode and owner hold for what was there too. */
  pushFiles(name: InstanceName, files: readonly FileToPush[], signal?: AbortSignal): Promise<void>;
  /** Runs a program as root inside a running instance, standard input given, at most 1 MiB of each output kept. */
  run(name: InstanceName, argv: readonly string[], input?: string, signal?: AbortSignal): Promise<RunResult>;
  usage(name: InstanceName, signal?: AbortSignal): Promise<Usage | undefined>;

  /** Calls back until the signal fires; reconnects by itself. */
  watch(onEvent: (event: EngineEvent) => void, signal: AbortSignal): void;

  readonly images: EngineImages;
}

/** The images an engine holds. */
export interface EngineImages {
  list(signal?: AbortSignal): Promise<readonly ImageSeen[]>;
  /** Replaces an image of the same system and type at the end, in one step. Throws `image-broken`. */
  import(image: ImageToImport, signal?: AbortSignal): Promise<ImageSeen>;
  /** Throws `cannot-here` where the remote cannot be reached. */
  fetch(image: ImageToFetch, onProgress: (text: string) => void, signal?: AbortSignal): Promise<ImageSeen>;
  /** Absent is a success. Servers made from it keep running. */
  remove(reference: string, signal?: AbortSignal): Promise<void>;
}
