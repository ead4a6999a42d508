/**
 * The smallest image that lives as an instance: busybox, and a first process that ends when asked to. The conformance suite needs dozens of instances
 * in seconds, and nothing of a distribution.
 */
import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ImageToImport } from '../engine.ts';

const runProgram = promisify(execFile);

const applets = 'sh cat dd df du echo env false grep head id ls mkdir ps seq sleep stat sync tail test touch tr true wc yes'.split(' ');

/** Ends at SIGPWR, which is how Incus asks; the loop lets the trap run at once. */
const init = `#!/bin/sh
trap 'exit 0' PWR
while true; do sleep 3600 & wait $!; done
`;

/** Needs the packages busybox-static and squashfs-tools. Throws with that sentence where they are missing. */
export async function makeTinyImage(dir: string, type = 'tiny'): Promise<ImageToImport> {
  const root = join(dir, `${type}-root`);
  for (const part of ['bin', 'sbin', 'etc', 'proc', 'sys', 'dev', 'run', 'tmp', 'root', 'home', 'var'])
    await mkdir(join(root, part), { recursive: true });
  try {
    await copyFile('/bin/busybox', join(root, 'bin/busybox'));
  } catch (error) {
    throw new Error('/bin/busybox is missing: install the packages busybox-static and squashfs-tools', { cause: error });
  }
  for (const applet of applets) await symlink('busybox', join(root, 'bin', applet));
  await writeFile(join(root, 'sbin/init'), init);
  await chmod(join(root, 'sbin/init'), 0o755);
  await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  await writeFile(join(root, 'etc/group'), 'root:x:0:\n');
  await writeFile(join(root, 'etc/type'), `${type}\n`);
  const rootfsPath = join(dir, `${type}.squashfs`);
  await runProgram('mksquashfs', [root, rootfsPath, '-noappend', '-all-root', '-no-progress', '-quiet', '-comp', 'gzip']);
  const architecture = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  await writeFile(
    join(dir, 'metadata.yaml'),
    `architecture: ${architecture}\ncreation_date: 1700000000\nproperties: {description: ${type}}\n`,
  );
  const metadataPath = join(dir, `${type}.meta.tar.gz`);
  await runProgram('tar', ['-czf', metadataPath, '-C', dir, 'metadata.yaml']);
  return { system: 'test', type, recipe: 'r1', metadataPath, rootfsPath };
}
