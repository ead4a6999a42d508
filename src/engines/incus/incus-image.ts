/** An image as Incus lists it, found by `system/type` (an alias) or by fingerprint, and what we remember in its properties. */
import { fault } from '../../core/errors.ts';
import type { ImageSeen } from '../engine.ts';
import type { IncusClient } from './incus-client.ts';

/** Keys of an image's properties that are ours. */
export const property = {
  system: 'myserver.system',
  type: 'myserver.type',
  recipe: 'myserver.recipe',
  /** Bytes of its files on a disk of the pool, measured at the first instance. */
  base: 'myserver.base',
} as const;

interface ListedImage {
  readonly fingerprint: string;
  readonly size: number;
  readonly created_at: string;
  readonly uploaded_at: string;
  readonly aliases: readonly { readonly name: string }[] | null;
  readonly properties: Readonly<Record<string, string>> | null;
}

export interface IncusImage {
  readonly fingerprint: string;
  readonly aliases: readonly string[];
  readonly properties: Readonly<Record<string, string>>;
  readonly sizeBytes: number;
  readonly createdMs: number;
  readonly baseBytes: number | undefined;
}

export async function listImages(client: IncusClient, signal?: AbortSignal): Promise<readonly IncusImage[]> {
  const images = await client.ask<readonly ListedImage[]>({
    method: 'GET',
    path: '/1.0/images?recursion=1',
    deed: 'list the images',
    signal,
  });
  return images.map((image) => ({
    fingerprint: image.fingerprint,
    aliases: (image.aliases ?? []).map(({ name }) => name),
    properties: image.properties ?? {},
    sizeBytes: image.size,
    createdMs: Date.parse(image.uploaded_at),
    baseBytes: baseOf(image.properties ?? {}),
  }));
}

/** Throws `no-such-image`. */
export async function findImage(client: IncusClient, reference: string, signal?: AbortSignal): Promise<IncusImage> {
  const images = await listImages(client, signal);
  const image = images.find(({ aliases, fingerprint }) => aliases.includes(reference) || fingerprint === reference);
  if (image !== undefined) return image;
  const there = images.flatMap(({ aliases }) => aliases);
  const found = there.length === 0 ? 'there are no images yet' : `there are ${there.toSorted().join(', ')}`;
  throw fault('no-such-image', `there is no image ${reference}; ${found}. "myserver image build" makes one`);
}

/** Undefined for an image without a name: one that is being imported or was replaced. */
export function imageSeen(image: IncusImage): ImageSeen | undefined {
  const reference = image.aliases.find((alias) => alias.includes('/'));
  if (reference === undefined) return undefined;
  const [system = '', ...rest] = reference.split('/');
  return {
    reference,
    system: image.properties[property.system] ?? system,
    type: image.properties[property.type] ?? rest.join('/'),
    fingerprint: image.fingerprint,
    sizeBytes: image.sizeBytes,
    createdMs: image.createdMs,
    recipe: image.properties[property.recipe] ?? '',
  };
}

export async function setProperties(client: IncusClient, fingerprint: string, properties: Readonly<Record<string, string>>): Promise<void> {
  await client.ask({
    method: 'PATCH',
    path: `/1.0/images/${fingerprint}`,
    body: { properties },
    deed: `write the properties of image ${fingerprint}`,
  });
}

export async function rememberBase(client: IncusClient, fingerprint: string, baseBytes: number): Promise<void> {
  await setProperties(client, fingerprint, { [property.base]: String(baseBytes) });
}

function baseOf(properties: Readonly<Record<string, string>>): number | undefined {
  const text = properties[property.base];
  return text !== undefined && /^\d+$/u.test(text) ? Number(text) : undefined;
}
