/** Building images as an interface, so that what happens around it (operations, the command line, tests) needs no mmdebstrap. */
import type { OnProgress } from './progress.ts';
import type { Recipe } from './recipe.ts';

export interface BuildRequest {
  /** Of one system; the types share one bootstrap. */
  readonly recipes: readonly Recipe[];
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
}

export interface BuiltImage {
  readonly system: string;
  readonly type: string;
  /** The recipe's version. */
  readonly recipe: string;
  /** The small half: a tarball with metadata.yaml and templates. */
  readonly metadataPath: string;
  /** The large half: a squashfs. */
  readonly rootfsPath: string;
  /** What Incus will call the pair: SHA-256 over both files, one after the other. */
  readonly fingerprint: string;
  readonly sizeBytes: number;
  /** Since the build's beginning. */
  readonly seconds: number;
}

export interface ImageBuilder {
  /**
   * Builds one image per recipe, in the order asked for, all or nothing: nothing half-made is ever found at the paths given back. One build at a time;
   * the next one waits. Throws `cancelled`, `cannot-here` (the host lacks sources, network or room) and `build-failed`.
   */
  build(request: BuildRequest): Promise<readonly BuiltImage[]>;
}
