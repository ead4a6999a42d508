/** The images that servers are made from: built on this host, imported from files, or fetched from one of the engine's remotes. */
import { fault } from '../core/errors.ts';
import { parseSystemName } from '../core/names.ts';
import type { Engine, ImageSeen } from '../engines/engine.ts';
import type { ImageBuilder } from '../host/image/builder.ts';
import type { Recipe } from '../host/image/recipe.ts';
import type { Json, Operation, OperationKind } from '../store/records.ts';
import type { Store } from '../store/store.ts';
import { type Caller, originOf, personOf, requireAdministrator } from './caller.ts';
import type { ImageVerbs } from './control.ts';
import type { OperationContext, OperationHandlers, OperationRunner } from './operation-runner.ts';
import { patiently } from './servers/patience.ts';

/** What can be built on this host. */
export interface Recipes {
  /** Throws `no-such-image` for what has no recipe. */
  of(system: string, type: string): Recipe;
  /** Those whose packages this host's own apt has. Asking apt takes a second or more. */
  readonly buildable: () => Promise<readonly { readonly system: string; readonly type: string }[]>;
}

export interface ImageParts {
  readonly store: Store;
  readonly engine: Engine;
  readonly builder: ImageBuilder;
  readonly recipes: Recipes;
  readonly operations: OperationRunner;
}

type ImportSource = { readonly remote: string } | { readonly metadataPath: string; readonly rootfsPath: string };

export function makeImageVerbs(parts: ImageParts): ImageVerbs {
  const { store, engine, recipes, operations } = parts;

  function versionOf(system: string, type: string): string | undefined {
    try {
      return recipes.of(system, type).version;
    } catch {
      return undefined;
    }
  }

  async function begin(caller: Caller, kind: OperationKind, reference: string, params: Json): Promise<Operation> {
    const subject = `image ${reference}`;
    const operation = await store.operations.add({ kind, person: personOf(caller), server: undefined, subject, params });
    await store.audit.append({ ...originOf(caller), deed: kind, server: undefined, allowed: true, detail: reference });
    operations.begin(operation);
    return operation;
  }

  return {
    async list() {
      const images = (await engine.images.list()).map((image) => ({
        ...image,
        origin: image.recipe === '' ? ('imported' as const) : ('built' as const),
        isCurrent: image.recipe === '' || (versionOf(image.system, image.type) ?? image.recipe) === image.recipe,
      }));
      return { images, buildable: await recipes.buildable() };
    },

    async build(caller, request) {
      requireAdministrator(caller, 'build images');
      const system = parseSystemName(request.system);
      const type = parseSystemName(request.type);
      recipes.of(system, type);
      return await begin(caller, 'image-build', `${system}/${type}`, { system, type, evenIfCurrent: request.evenIfCurrent ?? false });
    },

    async import(caller, request) {
      const isFromFiles = 'metadataPath' in request;
      if (isFromFiles && caller.actor.kind !== 'root') {
        throw fault('not-allowed', 'only root may import an image from files of the host, because control reads them as root: use sudo');
      }
      requireAdministrator(caller, 'import images');
      const system = parseSystemName(request.system);
      const type = parseSystemName(request.type);
      const source = isFromFiles ? { metadataPath: request.metadataPath, rootfsPath: request.rootfsPath } : { remote: request.remote };
      return await begin(caller, 'image-import', `${system}/${type}`, { system, type, ...source });
    },

    async remove(caller, system, type) {
      requireAdministrator(caller, 'remove images');
      const reference = `${parseSystemName(system)}/${parseSystemName(type)}`;
      if (!(await engine.images.list()).some((image) => image.reference === reference)) {
        throw fault('no-such-image', `there is no image ${reference}; "myserver image list" shows what there is`);
      }
      await engine.images.remove(reference);
      await store.audit.append({ ...originOf(caller), deed: 'image-remove', server: undefined, allowed: true, detail: reference });
    },
  };
}

export function imageHandlers({ engine, builder, recipes }: ImageParts): OperationHandlers {
  async function build(context: OperationContext): Promise<Json> {
    const { system, type, evenIfCurrent } = context.operation.params as { system: string; type: string; evenIfCurrent: boolean };
    const recipe = recipes.of(system, type);
    const there = await patiently(context, async () => await engine.images.list(context.signal));
    const isThere = (image: ImageSeen) => image.system === system && image.type === type && image.recipe === recipe.version;
    if (!evenIfCurrent && there.some(isThere)) return { reference: `${system}/${type}`, built: false };
    const [image] = await builder.build({ recipes: [recipe], signal: context.signal, onProgress: reporter(context, 0.95) });
    if (image === undefined) throw fault('internal', 'the builder gave nothing back');
    await context.progress('importing into the engine', 0.96);
    const seen = await patiently(context, async () => await engine.images.import(image, context.signal));
    return { reference: seen.reference, built: true, fingerprint: seen.fingerprint };
  }

  async function importImage(context: OperationContext): Promise<Json> {
    const { system, type, ...source } = context.operation.params as { system: string; type: string } & ImportSource;
    await context.progress('importing into the engine', 0.1);
    const seen =
      'remote' in source
        ? await engine.images.fetch({ system, type, remote: source.remote }, (text) => tell(context, text, 0.5), context.signal)
        : await engine.images.import({ system, type, recipe: '', ...source }, context.signal);
    return { reference: seen.reference, fingerprint: seen.fingerprint };
  }

  return { 'image-build': build, 'image-import': importImage };
}

/** A tool's chatter becomes at most four lines of progress a second: each is written down. */
function reporter(context: OperationContext, share: number) {
  let last = 0;
  return ({ step, fraction }: { readonly step: string; readonly fraction: number }) => {
    const now = Date.now();
    if (now - last < 250) return;
    last = now;
    tell(context, step, fraction * share);
  };
}

/** Where nobody waits for it: progress that could not be written down is no reason to end the work, nor the process. */
function tell(context: OperationContext, step: string, fraction: number): void {
  context.progress(step, fraction).catch(() => {});
}
