/** A split image on its way to Incus: metadata tarball and squashfs as one multipart body, streamed, and looked at before it is sent. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { fault } from '../../core/errors.ts';
import type { ImageToImport } from '../engine.ts';

export function splitImageBody(image: Pick<ImageToImport, 'metadataPath' | 'rootfsPath'>): {
  readonly body: Readable;
  readonly contentType: string;
} {
  const boundary = `myserver-${randomUUID()}`;
  async function* parts(): AsyncGenerator<Buffer> {
    for (const [field, path] of [
      ['metadata', image.metadataPath],
      ['rootfs', image.rootfsPath],
    ] as const) {
      const disposition = `form-data; name="${field}"; filename="${encodeURIComponent(basename(path))}"`;
      yield Buffer.from(`--${boundary}\r\nContent-Disposition: ${disposition}\r\nContent-Type: application/octet-stream\r\n\r\n`);
      yield* createReadStream(path, { highWaterMark: 2 ** 20 }) as AsyncIterable<Buffer>;
      yield Buffer.from('\r\n');
    }
    yield Buffer.from(`--${boundary}--\r\n`);
  }
  return { body: Readable.from(parts(), { objectMode: false }), contentType: `multipart/form-data; boundary=${boundary}` };
}

/** Bytes of a squashfs superblock that are read: magic at 0, version at 28, size in bytes at 40 (kernel: fs/squashfs/squashfs_fs.h). */
const superblockBytes = 48;

/**
 * Incus takes any file for a root file system and finds out at the first create. So a cut or foreign one is refused here: throws `image-broken`.
 */
export async function checkRootfs(path: string): Promise<void> {
  const superblock = Buffer.alloc(superblockBytes);
  let fileBytes: number;
  try {
    await using file = await open(path);
    await file.read(superblock, 0, superblockBytes, 0);
    fileBytes = (await file.stat()).size;
  } catch (error) {
    throw fault('image-broken', `the image file ${path} cannot be read; build the image again`, { cause: error });
  }
  if (superblock.toString('latin1', 0, 4) !== 'hsqs' || superblock.readUInt16LE(28) !== 4) {
    throw fault('image-broken', `the image file ${path} is not a squashfs; build the image again`);
  }
  const statedBytes = superblock.readBigUInt64LE(40);
  if (statedBytes > BigInt(fileBytes)) {
    throw fault('image-broken', `the image file ${path} is cut short: it has ${fileBytes} of ${statedBytes} bytes; build the image again`);
  }
}
