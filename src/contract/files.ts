/**
 * Files of a server in a browser. The page asks over a WebSocket, `wss://host/console/files` or that of its terminal; what is in files passes by HTTP, each
 * time at an address that is good once (`transferPrefix`).
 */
import { Type, type Static, type TSchema } from 'typebox';

export const filesPath = '/console/files';
/** Behind it: the name of a transfer. GET downloads, PUT uploads. */
export const transferPrefix = '/console/transfers/';

const closed = { additionalProperties: false };
const ask = <K extends string, T extends Record<string, TSchema>>(name: K, fields: T) =>
  Type.Object({ what: Type.Literal(name), ...fields }, closed);
/** Absolute, or from the folder that `where` tells. */
const path = Type.String({ minLength: 1, maxLength: 4096, pattern: String.raw`^[^\x00]+$` });

export const FilesAskSchema = Type.Union([
  /** Where one begins: the folder that the terminal's shell is in, or the user's home. */
  ask('where', {}),
  ask('list', { path }),
  ask('make-folder', { path }),
  /** What is there already under the new name stays, and is told of. */
  ask('rename', { from: path, to: path }),
  /** A folder with all that is in it. */
  ask('remove', { path }),
  /** A folder comes as `.tar.gz`. */
  ask('download', { path }),
  /** `only`: the version that is to be replaced, as a download told it; null: nothing may be there yet; `any`: whatever is there. */
  ask('upload', { path, size: Type.Integer({ minimum: 0 }), only: Type.Union([Type.String({ maxLength: 60 }), Type.Null()]) }),
]);

export type FilesAsk = Static<typeof FilesAskSchema>;
export type FilesWhat = FilesAsk['what'];

export const anyVersion = 'any';

export interface FileEntry {
  readonly name: string;
  readonly kind: 'file' | 'folder' | 'link' | 'other';
  /** In bytes. */
  readonly size: number;
  /** As chmod(2) takes it. */
  readonly mode: number;
  readonly modifiedMs: number;
}

export interface FilesResults {
  readonly where: { readonly path: string };
  /** `path`: without links and dots. `isCut`: there are more than are told. */
  readonly list: { readonly path: string; readonly entries: readonly FileEntry[]; readonly isCut: boolean };
  readonly 'make-folder': null;
  readonly rename: null;
  readonly remove: null;
  /** `url`: a path of the same origin, good once and for a minute. `size`: null where it is not known before. */
  readonly download: { readonly url: string; readonly size: number | null; readonly version: string | null };
  readonly upload: { readonly url: string };
}

/** The answer to an upload. */
export interface Uploaded {
  readonly version: string;
}

/** One question over the WebSocket, and its answer under the same number. */
export const ToFilesSchema = Type.Object({ kind: Type.Literal('files'), id: Type.Integer({ minimum: 0 }), ask: FilesAskSchema }, closed);

export type ToFiles = Static<typeof ToFilesSchema>;

export type FromFiles =
  | { readonly kind: 'files'; readonly id: number; readonly result: FilesResults[FilesWhat] }
  | { readonly kind: 'files'; readonly id: number; readonly code: string; readonly message: string };
