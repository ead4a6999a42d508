/**
 * Certificates as HAProxy reads them: files by their place, and a list of these with the names that each is shown for. The first is for whoever names no host. No
 * name is on two lines: which of them counts would depend on when each was last renewed.
 */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { WebCertificate } from '../../core/web-certificate.ts';
import { fault } from '../../core/errors.ts';
import type { HaproxyFiles } from './files.ts';
import type { Runtime } from './runtime.ts';

/** What is on the disk, against what was before. */
export interface CertificateChange {
  readonly before: readonly string[];
  /** Lines of the list. */
  readonly after: readonly string[];
  /** By path, those that are others than before. */
  readonly changed: ReadonlyMap<string, string>;
}

export async function writeCertificates(files: HaproxyFiles, certificates: readonly WebCertificate[]): Promise<CertificateChange> {
  await mkdir(files.certificates, { recursive: true, mode: 0o700 });
  const before = linesOf(await readFile(files.certificateList, 'utf8').catch(() => ''));
  const after: string[] = [];
  const changed = new Map<string, string>();
  const claimed = new Set<string>();
  for (const { names, chain, key } of certificates) {
    const own = names.filter((name) => !claimed.has(name) && /[a-z]/u.test(name) && !name.includes(':'));
    if (after.length > 0 && own.length === 0) continue;
    for (const name of names) claimed.add(name);
    const path = join(files.certificates, `${after.length}.pem`);
    after.push(after.length === 0 ? path : [path, ...own].join(' '));
    const text = `${chain.trim()}\n${key.trim()}\n`;
    if ((await readFile(path, 'utf8').catch(() => undefined)) === text) continue;
    await writeWhole(path, text);
    changed.set(path, text);
  }
  await writeWhole(files.certificateList, after.map((line) => `${line}\n`).join(''));
  for (const path of before.map(pathOf)) if (!after.map(pathOf).includes(path)) await rm(path, { force: true });
  return { before, after, changed };
}

/** Throws `edge-failed`. */
export async function tellCertificates(
  runtime: Runtime,
  { certificateList }: HaproxyFiles,
  { before, after, changed }: CertificateChange,
): Promise<void> {
  const known = new Set(before.map(pathOf));
  const still = new Set(after.map(pathOf));
  for (const line of before) if (!after.includes(line)) await expect(runtime, `del ssl crt-list ${certificateList} ${pathOf(line)}`);
  for (const [path, text] of changed) {
    if (!known.has(path)) await expect(runtime, `new ssl cert ${path}`);
    await expect(runtime, `set ssl cert ${path} <<\n${text}`);
    await expect(runtime, `commit ssl cert ${path}`);
  }
  for (const line of after) if (!before.includes(line)) await expect(runtime, `add ssl crt-list ${certificateList} <<\n${line}\n`);
  for (const path of known) if (!still.has(path)) await expect(runtime, `del ssl cert ${path}`);
}

async function expect(runtime: Runtime, command: string): Promise<void> {
  const [answer = ''] = await runtime.run([command]);
  if (/Success|New empty|Transaction|created|updated|deleted/u.test(answer)) return;
  throw fault('edge-failed', `HAProxy did not do "${command.split('\n', 1)[0] ?? ''}": ${answer.trim().slice(0, 200)}`);
}

function linesOf(list: string): readonly string[] {
  return list.split('\n').filter((line) => line !== '');
}

function pathOf(line: string): string {
  return line.split(' ', 1)[0] ?? '';
}

export async function writeWhole(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text, { mode: 0o600, flush: true });
  await rename(`${path}.new`, path);
}
