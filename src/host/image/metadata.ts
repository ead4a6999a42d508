/** The small half of Incus's split image: what the image is, as `metadata.yaml`, and templates for what differs between its instances. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Recipe } from './recipe.ts';
import { run } from './run.ts';

const architectures: Readonly<Record<string, string>> = { amd64: 'x86_64', arm64: 'aarch64' };

// For an instance that somebody launches by hand. `create_only`: what was pushed into a new server stays.
const templates = {
  '/etc/hostname': { when: ['create', 'copy'], create_only: true, template: 'hostname.tpl' },
  '/etc/hosts': { when: ['create', 'copy'], create_only: true, template: 'hosts.tpl' },
} as const;

const templateFiles = {
  'hostname.tpl': '{{ container.name }}\n',
  'hosts.tpl': '127.0.0.1\tlocalhost\n127.0.1.1\t{{ container.name }}\n::1\tlocalhost ip6-localhost ip6-loopback\n',
} as const;

/** `architecture` as dpkg calls it. JSON is YAML. */
export function metadataText(recipe: Recipe, architecture: string, nowMs: number): string {
  const { system, type, version } = recipe;
  const properties = {
    description: `${system.title} ${type} (${architecture})`,
    os: system.origin,
    release: system.codename,
    architecture,
    variant: type,
    serial: new Date(nowMs).toISOString().slice(0, 19).replaceAll(/[-:]/gu, '').replace('T', '_'),
    'myserver.system': system.name,
    'myserver.type': type,
    'myserver.recipe': version,
  };
  const metadata = {
    architecture: architectures[architecture] ?? architecture,
    creation_date: Math.floor(nowMs / 1000),
    properties,
    templates,
  };
  return `${JSON.stringify(metadata, undefined, 2)}\n`;
}

export async function writeMetadata(text: string, workDir: string, target: string, signal: AbortSignal): Promise<void> {
  const dir = join(workDir, 'metadata');
  await mkdir(join(dir, 'templates'), { recursive: true });
  await writeFile(join(dir, 'metadata.yaml'), text);
  for (const [name, content] of Object.entries(templateFiles)) await writeFile(join(dir, 'templates', name), content);
  const owner = ['--owner=0', '--group=0', '--numeric-owner'];
  await run('tar', ['--create', '--gzip', ...owner, `--file=${target}`, `--directory=${dir}`, 'metadata.yaml', 'templates'], signal);
}
