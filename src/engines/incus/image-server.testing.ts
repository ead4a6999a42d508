/** A remote that images are fetched from: a tree of files in the form "simple streams", and the HTTPS server of it, where an engine's network reaches it. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ImageToImport } from '../engine.ts';

const runProgram = promisify(execFile);

export interface Certificate {
  /** Good for 127.0.0.1; signed by itself, so that whoever trusts it trusts this server. */
  readonly path: string;
  readonly keyPath: string;
}

export async function makeCertificate(dir: string): Promise<Certificate> {
  const [path, keyPath] = [join(dir, 'remote.crt'), join(dir, 'remote.key')];
  const what = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=test remote'];
  await runProgram('openssl', ['req', '-x509', ...what, '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', keyPath, '-out', path]);
  return { path, keyPath };
}

/** One product, with one version of this image, by the alias `tiny/1`. */
export async function makeImageTree(root: string, { metadataPath, rootfsPath }: ImageToImport): Promise<void> {
  await mkdir(join(root, 'streams/v1'), { recursive: true });
  const files = { 'incus.tar.xz': metadataPath, 'root.squashfs': rootfsPath };
  for (const [name, path] of Object.entries(files)) await copyFile(path, join(root, name));
  const [metadata, rootfs] = [await readFile(metadataPath), await readFile(rootfsPath)];
  const sha256 = (...parts: readonly Buffer[]) => createHash('sha256').update(Buffer.concat(parts)).digest('hex');
  const items = {
    'incus.tar.xz': {
      ftype: 'incus.tar.xz',
      path: 'incus.tar.xz',
      size: metadata.length,
      sha256: sha256(metadata),
      combined_squashfs_sha256: sha256(metadata, rootfs),
    },
    'root.squashfs': { ftype: 'squashfs', path: 'root.squashfs', size: rootfs.length, sha256: sha256(rootfs) },
  };
  const arch = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const product = { aliases: 'tiny/1', arch, os: 'Tiny', release: '1', release_title: '1', variant: 'default' };
  const id = `tiny:1:default:${arch}`;
  const images = { path: 'streams/v1/images.json', datatype: 'image-downloads', products: [id] };
  const products = { [id]: { ...product, versions: { '20260101_0000': { items } } } };
  await writeFile(join(root, 'streams/v1/index.json'), JSON.stringify({ format: 'index:1.0', index: { images } }));
  await writeFile(
    join(root, 'streams/v1/images.json'),
    JSON.stringify({ format: 'products:1.0', datatype: 'image-downloads', content_id: 'images', products }),
  );
}

const program = `
  import { createServer } from 'node:https';
  import { readFile } from 'node:fs/promises';
  const [root, cert, key] = process.argv.slice(1);
  const server = createServer({ cert: await readFile(cert), key: await readFile(key) }, async (request, response) => {
    const { pathname } = new URL(request.url, 'https://remote');
    const body = await readFile(root + pathname).catch(() => undefined);
    response.writeHead(body === undefined ? 404 : 200).end(request.method === 'HEAD' ? undefined : body);
  });
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

export interface ImageServer extends AsyncDisposable {
  readonly url: string;
}

/** `enter`: words before a program that run it in the network where the server is to be reached at 127.0.0.1. */
export async function serveImages(root: string, { path, keyPath }: Certificate, enter: readonly string[]): Promise<ImageServer> {
  const [file, ...args] = [...enter, process.execPath, '--input-type=module', '--eval', program, root, path, keyPath];
  const child: ChildProcess & { readonly stdout: NodeJS.ReadableStream } = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [port] = (await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(() => Promise.reject(new Error('the server of images ended at once'))),
  ])) as [Buffer];
  return {
    url: `https://127.0.0.1:${port.toString().trim()}`,
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}
