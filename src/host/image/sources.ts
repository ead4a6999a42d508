/**
 * Where the host's own apt takes an operating system from. Images are built from exactly that and keep it, so `apt` inside a server asks whom the host
 * asks, and no mirror is ever written down by us.
 */
import { run } from './run.ts';
import { fault } from '../../core/errors.ts';
import type { System } from './recipe.ts';

export interface AptSource {
  readonly uri: string;
  readonly suite: string;
  readonly components: readonly string[];
}

export interface AptSources {
  /** The release itself first, then its updates and security. */
  readonly sources: readonly AptSource[];
  readonly architecture: string;
  /** The distribution's key ring: the same path on the host and in the image. */
  readonly keyring: string;
  /** `Acquire::…` settings of the host: proxies, and whether indexes may be old. */
  readonly settings: readonly AptSetting[];
}

export interface AptSetting {
  readonly name: string;
  readonly value: string;
}

const keyrings = {
  Debian: '/usr/share/keyrings/debian-archive-keyring.gpg',
  Ubuntu: '/usr/share/keyrings/ubuntu-archive-keyring.gpg',
} as const;

const indexFormat = ['$(ORIGIN)', '$(CODENAME)', '$(REPO_URI)', '$(RELEASE)', '$(COMPONENT)', '$(ARCHITECTURE)'].join('\t');

/**
 * What of `apt-get indextargets --format` (in `indexFormat`) belongs to `system`. Left out: backports, which the host may have for itself alone, and
 * media that only the host can read.
 */
export function sourcesIn(indexTargets: string, system: System): { sources: readonly AptSource[]; architecture: string } {
  const found = new Map<string, { uri: string; suite: string; components: Set<string> }>();
  let architecture = '';
  for (const line of indexTargets.split('\n')) {
    const [origin, codename = '', uri = '', suite = '', component = '', arch = ''] = line.split('\t');
    const pocket = codename.slice(system.codename.length);
    const isOurs = origin === system.origin && codename.startsWith(system.codename) && (pocket === '' || pocket.startsWith('-'));
    if (!isOurs || suite.endsWith('-backports') || !/^https?:/u.test(uri)) continue;
    const source = found.get(`${uri} ${suite}`) ?? { uri, suite, components: new Set() };
    source.components.add(component);
    found.set(`${uri} ${suite}`, source);
    architecture ||= arch;
  }
  const sources = Array.from(found.values(), ({ uri, suite, components }) => ({ uri, suite, components: [...components] }));
  const isPocket = ({ suite }: AptSource) => (suite.includes('-') ? 1 : 0);
  return { sources: sources.sort((a, b) => isPocket(a) - isPocket(b)), architecture };
}

/** The settings an image's build needs from `apt-config dump`. */
export function settingsIn(aptConfig: string): readonly AptSetting[] {
  const wanted = /^(Acquire::(?:https?::Proxy(?:::\S+)?|Check-Valid-Until|Check-Date)) "(.*)";$/gmu;
  return [...aptConfig.matchAll(wanted)].map(([, name = '', value = '']) => ({ name, value })).filter(({ value }) => value !== '');
}

/** Those that a server may have too: none that names a proxy with a password, or one on the host's loopback. */
export function settingsForServers(settings: readonly AptSetting[]): readonly AptSetting[] {
  return settings.filter(({ name, value }) => {
    if (!name.includes('Proxy')) return true;
    const url = URL.parse(value);
    return url !== null && url.username === '' && !/^(?:localhost|127\..*|\[::1\])$/u.test(url.hostname);
  });
}

/** In deb822, one stanza per place. */
export function sourcesFile({ sources, keyring }: Pick<AptSources, 'sources' | 'keyring'>): string {
  const stanzas = sources.map(
    ({ uri, suite, components }) =>
      `Types: deb\nURIs: ${uri}\nSuites: ${suite}\nComponents: ${components.join(' ')}\nSigned-By: ${keyring}\n`,
  );
  return stanzas.join('\n');
}

export function settingsFile(settings: readonly AptSetting[]): string {
  return settings.map(({ name, value }) => `${name} "${value}";\n`).join('');
}

/** Those of `systems` that the host's apt has sources of by what it knows now: apt is asked once, and fetches nothing. */
export async function systemsWithSources(systems: readonly System[], signal: AbortSignal): Promise<readonly System[]> {
  const indexTargets = await askIndexTargets(signal);
  return systems.filter((system) => hasRelease(sourcesIn(indexTargets, system).sources));
}

async function askIndexTargets(signal: AbortSignal): Promise<string> {
  return await run('apt-get', ['indextargets', '--format', indexFormat, 'Created-By: Packages'], signal);
}

/** Without the release itself its updates are of no use. */
function hasRelease(sources: readonly AptSource[]): boolean {
  return sources.some(({ suite }) => !suite.includes('-'));
}

/** Throws `cannot-here` where the host has no sources of that system. Fetches the host's indexes once when apt has none. */
export async function readAptSources(system: System, signal: AbortSignal): Promise<AptSources> {
  const read = async () => sourcesIn(await askIndexTargets(signal), system);
  let { sources, architecture } = await read();
  if (sources.length === 0) {
    await run('apt-get', ['update', '-qq'], signal);
    ({ sources, architecture } = await read());
  }
  if (!hasRelease(sources)) {
    throw fault(
      'cannot-here',
      `an image of ${system.name} was asked for, but this host's apt has no sources of ${system.title} (${system.codename}): ` +
        `a system is built only from what the host's own apt offers; build the host's own release, or import the image`,
    );
  }
  const settings = settingsIn(await run('apt-config', ['dump'], signal));
  return { sources, architecture, keyring: keyrings[system.origin], settings };
}
