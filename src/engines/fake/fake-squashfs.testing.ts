/** A file that looks like a squashfs to whoever reads no further than its first block. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export async function fakeSquashfs(dir: string): Promise<string> {
  const path = join(dir, 'rootfs.squashfs');
  const bytes = Buffer.alloc(32_768);
  bytes.write('hsqs', 'latin1');
  bytes.writeUInt16LE(4, 28);
  bytes.writeBigUInt64LE(BigInt(bytes.length), 40);
  await writeFile(path, bytes);
  return path;
}
