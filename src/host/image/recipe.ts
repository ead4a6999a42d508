/**
 * What can be built: systems (an operating system's release) and types (what is on it). Pure data and functions: `build.ts` does what a recipe says.
 * A type is a list of layers, each laid over the one before; every type begins with the layer `minimal`, so one bootstrap serves several images.
 */
import { createHash } from 'node:crypto';
import { fault } from '../../core/errors.ts';
import { minimalLayer } from './minimal.ts';
import { webLayer } from './web.ts';

export interface System {
  readonly name: string;
  /** As apt's index files call it: `Origin:`. */
  readonly origin: 'Debian' | 'Ubuntu';
  readonly release: string;
  readonly codename: string;
  readonly title: string;
}

interface ImageFile {
  /** Absolute, inside the image; parents are made. */
  readonly path: string;
  /** 0o644 unless said. */
  readonly mode?: number;
  readonly content: string;
}

export interface Layer {
  readonly name: string;
  readonly packages: readonly string[];
  readonly files: readonly ImageFile[];
  /** Removed with what is below; absent is right too. */
  readonly absent: readonly string[];
  /** Systemd units that shall start at boot. */
  readonly enabled: readonly string[];
  /** Systemd units that shall never start. */
  readonly masked: readonly string[];
  /** Run in the image's root when all else is in place, each must exit 0. */
  readonly commands: readonly (readonly string[])[];
}

export interface Recipe {
  readonly system: System;
  readonly type: string;
  readonly layers: readonly Layer[];
  /** Changes whenever anything above changes: an image carries it, so that a newer recipe is noticed. */
  readonly version: string;
}

// Raise it when bootstrap.ts or metadata.ts make something else of the same layers: the version tells it then.
const buildRevision = 1;

const systems: readonly System[] = [
  { name: 'debian12', origin: 'Debian', release: '12', codename: 'bookworm', title: 'Debian 12' },
  { name: 'debian13', origin: 'Debian', release: '13', codename: 'trixie', title: 'Debian 13' },
  { name: 'ubuntu24.04', origin: 'Ubuntu', release: '24.04', codename: 'noble', title: 'Ubuntu 24.04' },
];

const types: Readonly<Record<string, readonly Layer[]>> = {
  minimal: [minimalLayer],
  web: [minimalLayer, webLayer],
};

export function buildableSystems(): readonly System[] {
  return systems;
}

export function buildableTypes(): readonly string[] {
  return Object.keys(types);
}

/** The system whose release the host itself runs, by os-release's VERSION_CODENAME; undefined for every other host. */
export function systemOfCodename(codename: string): System | undefined {
  return systems.find((system) => system.codename === codename);
}

/** Throws `no-such-image` for a system or type that no recipe makes. Whether this host's apt has the system is found at the build. */
export function recipeOf(systemName: string, typeName: string): Recipe {
  const system = systems.find(({ name }) => name === systemName);
  if (system === undefined) {
    const known = systems.map(({ name }) => name).join(', ');
    throw fault(
      'no-such-image',
      `no recipe builds the system ${systemName}: this host can build ${known}, where its own apt sources have them`,
    );
  }
  const layers = Object.hasOwn(types, typeName) ? types[typeName] : undefined;
  if (layers === undefined) {
    throw fault('no-such-image', `no recipe builds the type ${typeName}: there are ${buildableTypes().join(', ')}`);
  }
  const version = createHash('sha256')
    .update(JSON.stringify([buildRevision, system, layers]))
    .digest('hex')
    .slice(0, 16);
  return { system, type: typeName, layers, version };
}
