/** Builds images on the host with mmdebstrap and mksquashfs. What happens is in `bootstrap.ts`; here is the order, the places and the all or nothing. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { availableParallelism } from 'node:os';
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { fault } from '../../core/errors.ts';
import { addPackages, bootstrap, copyTree, finishLayer, tidy, type Tree } from './bootstrap.ts';
import type { BuildRequest, BuiltImage, ImageBuilder } from './builder.ts';
import { metadataText, writeMetadata } from './metadata.ts';
import { keptPackages } from './package-cache.ts';
import { makePlace, publish, sweep } from './places.ts';
import { aptReader, squashReader, stagesOf, type Stage } from './progress.ts';
import type { Layer, Recipe } from './recipe.ts';
import { run, throwIfCancelled } from './run.ts';
import { readAptSources } from './sources.ts';

export interface BuildPlaces {
  /** Each image becomes a directory `SYSTEM-TYPE` with `metadata.tar.gz` and `rootfs.squashfs` here. */
  readonly outDir: string;
  /** Needs about 1 GB while a build runs; what earlier builds left here and in `outDir` is swept. */
  readonly workDir: string;
  /** Keeps fetched packages for the next build; it can do without. */
  readonly cacheDir?: string;
  readonly clock: Clock;
}

// What mmdebstrap installs for the first layer and apt for a later one: only the progress bar depends on it.
const usualPackages = { first: 158, later: 12 };

/** Leaves out what only a running system has, and indexes that `apt update` brings. gzip 6 takes a quarter of the time of 9 for 1% more. */
const squashOptions = [
  ...`-comp gzip -Xcompression-level 6 -processors ${availableParallelism()} -noappend -one-file-system -wildcards`.split(' '),
  ...'-e var/lib/apt/lists/* var/cache/apt/*.bin var/cache/apt/archives/* proc/* sys/* dev/* run/* tmp/*'.split(' '),
];

const files = { metadata: 'metadata.tar.gz', rootfs: 'rootfs.squashfs' } as const;

export function createImageBuilder(places: BuildPlaces): ImageBuilder {
  let last: Promise<unknown> = Promise.resolve();
  return {
    build(request) {
      const next = last.then(() => buildImages(request, places));
      last = next.catch(() => {});
      return next;
    },
  };
}

async function buildImages(request: BuildRequest, places: BuildPlaces): Promise<readonly BuiltImage[]> {
  const { recipes, signal, onProgress } = request;
  const [first] = recipes;
  if (first === undefined) return [];
  if (recipes.some(({ system }) => system !== first.system)) {
    throw fault('bad-request', 'images of several systems were asked for in one build: ask for each system alone');
  }
  await using undo = new AsyncDisposableStack();
  for (const dir of [places.workDir, places.outDir]) await sweep(dir);
  const work = undo.use(await makePlace(places.workDir));
  const out = undo.use(await makePlace(places.outDir));
  const startedMs = places.clock.now();
  const stages = stagesOf(stageSeconds(recipes), onProgress);
  stages('bootstrap')('reading package lists', 0);
  const apt = await readAptSources(first.system, signal);
  const packages = undo.use(await keptPackages(places.cacheDir, join(work.dir, 'packages')));
  const base: Tree = { root: join(work.dir, 'tree'), scratchDir: work.dir, packagesDir: packages.dir, apt, signal };
  await bootstrap(base, first, aptReader(stages('bootstrap'), usualPackages.first));
  await finishAndTidy(base, first.layers.slice(0, 1));

  // The plain types first, from the tree that all share; the last of the others takes that tree, the rest a copy each.
  const order = recipes.toSorted((a, b) => a.layers.length - b.layers.length);
  const fingerprints = new Map<Recipe, string>();
  for (const [index, recipe] of order.entries()) {
    const stage = stages(nameOf(recipe));
    const later = recipe.layers.slice(1);
    const tree = later.length === 0 || index === order.length - 1 ? base : await copyTree(base, join(work.dir, `tree-${index}`));
    for (const layer of later) await addPackages(tree, layer.packages, aptReader(partOf(stage, 0, 0.6), usualPackages.later));
    await finishAndTidy(tree, later);
    const made = { tree, recipe, dir: join(out.dir, nameOf(recipe)), nowMs: places.clock.now() };
    fingerprints.set(recipe, await pack(made, partOf(stage, later.length === 0 ? 0 : 0.6, 0.97)));
  }
  throwIfCancelled(signal);
  await packages.prune(base.root);
  for (const recipe of order) await publish(join(out.dir, nameOf(recipe)), join(places.outDir, nameOf(recipe)), out.dir);
  onProgress({ step: 'done', fraction: 1 });
  const seconds = (places.clock.now() - startedMs) / 1000;
  return Promise.all(
    recipes.map((recipe) => describe(recipe, join(places.outDir, nameOf(recipe)), fingerprints.get(recipe) ?? '', seconds)),
  );
}

async function finishAndTidy(tree: Tree, layers: readonly Layer[]): Promise<void> {
  for (const layer of layers) await finishLayer(tree, layer);
  await tidy(tree);
}

interface ToPack {
  readonly tree: Tree;
  readonly recipe: Recipe;
  readonly dir: string;
  readonly nowMs: number;
}

/** Writes both files into a new directory and gives the pair's fingerprint. */
async function pack({ tree, recipe, dir, nowMs }: ToPack, stage: Stage): Promise<string> {
  const { signal } = tree;
  await mkdir(dir);
  const metadataPath = join(dir, files.metadata);
  const rootfsPath = join(dir, files.rootfs);
  stage('packing the file system', 0);
  await run('mksquashfs', [tree.root, rootfsPath, ...squashOptions], signal, { onLine: squashReader(stage), isApart: true });
  await writeMetadata(metadataText(recipe, tree.apt.architecture, nowMs), tree.scratchDir, metadataPath, signal);
  const hash = createHash('sha256');
  for (const path of [metadataPath, rootfsPath]) {
    for await (const chunk of createReadStream(path, { signal })) hash.update(chunk as Buffer);
  }
  return hash.digest('hex');
}

async function describe(recipe: Recipe, dir: string, fingerprint: string, seconds: number): Promise<BuiltImage> {
  const metadataPath = join(dir, files.metadata);
  const rootfsPath = join(dir, files.rootfs);
  const sizeBytes = (await stat(metadataPath)).size + (await stat(rootfsPath)).size;
  return {
    system: recipe.system.name,
    type: recipe.type,
    recipe: recipe.version,
    metadataPath,
    rootfsPath,
    fingerprint,
    sizeBytes,
    seconds,
  };
}

function nameOf({ system, type }: Recipe): string {
  return `${system.name}-${type}`;
}

/** Seconds seen on two cores: for the progress bar. */
function stageSeconds(recipes: readonly Recipe[]): Readonly<Record<string, number>> {
  const plainFirst = recipes.toSorted((a, b) => a.layers.length - b.layers.length);
  const packing = plainFirst.map((recipe) => [nameOf(recipe), recipe.layers.length === 1 ? 5 : 10] as const);
  return { bootstrap: 25, ...Object.fromEntries(packing) };
}

function partOf(stage: Stage, from: number, to: number): Stage {
  return (step, done) => stage(step, from + done * (to - from));
}
