/**
 * What the fake engine keeps: the instances and images that would be on a host's disk. It is a thing of its own, so that a test can end control and
 * its engine, change the world behind their backs, and begin anew over the same world.
 */
import type { ImageSeen, InstanceName, InstanceSeen, InstanceTags } from '../engine.ts';
import type { FileToPush } from '../../core/provision.ts';
import type { Limits } from '../../core/server.ts';
import { baseFiles } from './fake-inside.ts';

export interface FakeInstance {
  readonly name: InstanceName;
  tags: InstanceTags | undefined;
  state: InstanceSeen['state'];
  readonly address: string;
  limits: Limits;
  readonly image: string;
  /** By path. */
  readonly files: Map<string, Omit<FileToPush, 'content' | 'path'> & { readonly content: Uint8Array }>;
  /** Bytes that its disk is told to hold. */
  heldBytes: number;
}

export class FakeWorld {
  readonly instances = new Map<InstanceName, FakeInstance>();
  /** By reference. */
  readonly images = new Map<string, ImageSeen>();
  poolBytes = 100 * 2 ** 30;
  /** False: nobody answers, as when Incus is down. */
  isUp = true;
  readonly #watchers = new Set<(name: InstanceName | undefined) => void>();

  constructor(images: readonly string[] = ['debian12/minimal', 'debian12/web']) {
    for (const reference of images) this.images.set(reference, fakeImage(reference));
  }

  /** Something happened to an instance, or to who knows how many. */
  tell(name: InstanceName | undefined): void {
    for (const watcher of this.#watchers) watcher(name);
  }

  watch(onChange: (name: InstanceName | undefined) => void, signal: AbortSignal): void {
    this.#watchers.add(onChange);
    signal.addEventListener('abort', () => this.#watchers.delete(onChange), { once: true });
  }

  /** As `incus delete --force` by hand. */
  lose(name: InstanceName): void {
    this.instances.delete(name);
    this.tell(name);
  }

  /** As `incus stop --force` by hand, or `poweroff` inside. */
  halt(name: InstanceName): void {
    const instance = this.instances.get(name);
    if (instance !== undefined) instance.state = 'stopped';
    this.tell(name);
  }

  /** An instance without tags of ours, or with tags that are given, that nobody asked the engine for. */
  addStranger(name: InstanceName, address: string, tags?: InstanceTags): void {
    const limits = { memoryBytes: 2 ** 29, cpus: 1, diskBytes: 2 ** 30 };
    this.instances.set(name, { name, tags, state: 'running', address, limits, image: '', files: baseFiles(), heldBytes: 0 });
    this.tell(name);
  }

  goDown(): void {
    this.isUp = false;
  }

  comeBack(): void {
    this.isUp = true;
    this.tell(undefined);
  }

  usedBytes(): number {
    return [...this.instances.values()].reduce((sum, { heldBytes }) => sum + heldBytes, 0);
  }
}

export function fakeImage(reference: string, recipe = ''): ImageSeen {
  const [system = '', type = ''] = reference.split('/');
  const fingerprint = Buffer.from(`${reference} ${recipe}`).toString('hex').padEnd(64, '0').slice(0, 64);
  return { reference, system, type, fingerprint, sizeBytes: 50 * 2 ** 20, createdMs: 1_700_000_000_000, recipe };
}
