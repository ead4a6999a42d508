/**
 * The images in Incus. A name (`debian12/minimal`, an alias) always points to a whole image: a new one is brought in without a name, then the name is
 * pointed to it in one request, then the old one goes. A kill between leaves a nameless image, which the next import of that name takes away.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { fault } from '../../core/errors.ts';
import { messageOf } from '../../base/fault.ts';
import type { EngineImages, ImageSeen, ImageToFetch, ImageToImport } from '../engine.ts';
import type { IncusClient, Operation } from './incus-client.ts';
import { hasSaid, IncusRefusal, isNotFound } from './incus-error.ts';
import { imageSeen, listImages, property, setProperties } from './incus-image.ts';
import { findRemote } from './incus-remote.ts';
import { checkRootfs, splitImageBody } from './split-image.ts';

/** Incus writes and hashes hundreds of megabytes before it answers; a disk of a busy host takes its time. */
const uploadSilenceMs = 300_000;

export function makeImages(client: IncusClient): EngineImages {
  return {
    async list(signal) {
      return (await listImages(client, signal)).map(imageSeen).filter((image) => image !== undefined);
    },
    import: (image, signal) => importImage(client, image, signal),
    fetch: (image, onProgress, signal) => fetchImage(client, image, onProgress, signal),
    async remove(reference, signal) {
      const image = (await listImages(client, signal)).find(
        ({ aliases, fingerprint }) => aliases.includes(reference) || fingerprint === reference,
      );
      if (image !== undefined) await removeImage(client, image.fingerprint);
    },
  };
}

async function importImage(client: IncusClient, image: ImageToImport, signal: AbortSignal | undefined): Promise<ImageSeen> {
  await checkRootfs(image.rootfsPath);
  const deed = `import the image ${image.system}/${image.type}`;
  const { body, contentType } = splitImageBody(image);
  let fingerprint: string;
  try {
    const answer = await client.fetch({
      method: 'POST',
      path: '/1.0/images',
      headers: { 'content-type': contentType },
      body,
      deed,
      silenceMs: uploadSilenceMs,
      signal,
    });
    const begun = (JSON.parse(answer.body.toString('utf8')) as { metadata: Operation }).metadata;
    fingerprint = fingerprintOf(await client.settle(begun, { method: 'GET', path: '', deed, signal }));
  } catch (error) {
    if (!hasSaid(error, /already exists/iu)) throw importFault(error, image);
    fingerprint = await hashOf([image.metadataPath, image.rootfsPath]);
  }
  return await name(client, image, fingerprint, image.recipe);
}

function importFault(error: unknown, image: ImageToImport): unknown {
  if (!(error instanceof IncusRefusal) || error.code !== 'engine-failed') return error;
  return fault('image-broken', `${error.message}; the files are ${image.metadataPath} and ${image.rootfsPath}: build the image again`, {
    cause: error,
  });
}

async function fetchImage(
  client: IncusClient,
  image: ImageToFetch,
  onProgress: (text: string) => void,
  signal: AbortSignal | undefined,
): Promise<ImageSeen> {
  const { url, protocol, alias } = await findRemote(image.remote);
  const source = { type: 'image', mode: 'pull', server: url, protocol, alias };
  try {
    const done = await client.operate({
      method: 'POST',
      path: '/1.0/images',
      body: { source, public: false, auto_update: false },
      deed: `fetch the image ${image.remote}`,
      signal,
      onProgress: (metadata) => {
        const text = metadata['download_progress'];
        if (typeof text === 'string') onProgress(text);
      },
    });
    return await name(client, image, fingerprintOf(done), '');
  } catch (error) {
    const there = await fetchedBefore(client, error);
    if (there !== undefined) return await name(client, image, there, '');
    if (!(error instanceof IncusRefusal) || error.code !== 'engine-failed') throw error;
    throw fault('cannot-here', `${messageOf(error)}; does this host reach the remote, and does it have that image?`, { cause: error });
  }
}

/** Incus 6.0 gives an image that it has already its own aliases once more, and fails at that. The image it names is the one that was asked for. */
async function fetchedBefore(client: IncusClient, error: unknown): Promise<string | undefined> {
  const alias = error instanceof IncusRefusal ? /^Alias already exists: (\S+)$/u.exec(error.said)?.[1] : undefined;
  if (alias === undefined) return undefined;
  return (await listImages(client)).find(({ aliases }) => aliases.includes(alias))?.fingerprint;
}

/** Points the name to the image and takes away what had it before. */
async function name(
  client: IncusClient,
  wanted: { system: string; type: string },
  fingerprint: string,
  recipe: string,
): Promise<ImageSeen> {
  const { system, type } = wanted;
  const reference = `${system}/${type}`;
  await setProperties(client, fingerprint, { [property.system]: system, [property.type]: type, [property.recipe]: recipe });
  const path = `/1.0/images/aliases/${encodeURIComponent(reference)}`;
  const deed = `name the image ${reference}`;
  try {
    await client.ask({ method: 'PUT', path, body: { target: fingerprint, description: '' }, deed });
  } catch (error) {
    if (!isNotFound(error)) throw error;
    await client.ask({
      method: 'POST',
      path: '/1.0/images/aliases',
      body: { name: reference, target: fingerprint, description: '' },
      deed,
    });
  }
  const images = await listImages(client);
  for (const { fingerprint: other, aliases, properties } of images) {
    const isFormer = properties[property.system] === system && properties[property.type] === type;
    if (isFormer && other !== fingerprint && aliases.length === 0) await removeImage(client, other);
  }
  const seen = images.filter((image) => image.fingerprint === fingerprint).map(imageSeen)[0];
  if (seen === undefined) throw fault('engine-failed', `the image ${reference} went away while it was being named; try again`);
  return { ...seen, reference, system, type };
}

async function removeImage(client: IncusClient, fingerprint: string): Promise<void> {
  try {
    await client.operate({ method: 'DELETE', path: `/1.0/images/${fingerprint}`, deed: `remove the image ${fingerprint}` });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

function fingerprintOf(operation: Operation): string {
  const fingerprint = operation.metadata?.['fingerprint'];
  if (typeof fingerprint !== 'string') throw fault('engine-failed', 'Incus did not say which image it made');
  return fingerprint;
}

/** Incus's fingerprint of a split image: SHA-256 of both files, one after the other. */
async function hashOf(paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const path of paths) for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest('hex');
}
