/** Files on their way to a server: two at a time, each with how far it is, and asked before anything is replaced. */
import { signal } from '@preact/signals';
import { anyVersion } from '../../contract/files.ts';
import { sentenceOf, faultCode } from '../faults.ts';
import { bytesText } from '../format.ts';
import { type FilesLink, problemIn } from './files-link.ts';

interface Upload {
  readonly id: number;
  readonly path: string;
  readonly file: File;
  readonly state: 'waiting' | 'sending' | 'done' | 'there-already' | 'failed';
  readonly sent: number;
  readonly problem: string;
}

export interface Dragged {
  /** A path below the folder that they are dropped on. */
  readonly name: string;
  /** Undefined: a folder. */
  readonly file: File | undefined;
}

const atOnce = 2;
const doneMs = 8000;

export class Uploads {
  readonly all = signal<readonly Upload[]>([]);
  readonly #link: FilesLink;
  readonly #onDone: () => void;
  readonly #running = new Map<number, XMLHttpRequest>();
  #last = 0;

  /** `onDone` is called whenever something has come to the server. */
  constructor(link: FilesLink, onDone: () => void) {
    this.#link = link;
    this.#onDone = onDone;
  }

  async add(folder: string, files: readonly Dragged[]): Promise<void> {
    for (const { name, file } of files) {
      const path = `${folder === '/' ? '' : folder}/${name}`;
      if (file === undefined) await this.#link.ask({ what: 'make-folder', path }).catch(() => {});
      else this.all.value = [...this.all.value, { id: (this.#last += 1), path, file, state: 'waiting', sent: 0, problem: '' }];
    }
    this.#onDone();
    this.#go();
  }

  /** `only`: as the call `upload` takes it. Never throws. */
  async send({ id, path, file }: Upload, only: string | null): Promise<void> {
    this.#set(id, { state: 'sending', sent: 0, problem: '' });
    try {
      const { url } = await this.#link.ask({ what: 'upload', path, size: file.size, only });
      const request = new XMLHttpRequest();
      this.#running.set(id, request);
      await put(request, url, file, (sent) => this.#set(id, { sent }));
      this.#set(id, { state: 'done', sent: file.size });
      setTimeout(() => this.forget(id), doneMs);
      this.#onDone();
    } catch (error) {
      const isThere = faultCode(error) === 'conflict' && only === null;
      this.#set(id, { state: isThere ? 'there-already' : 'failed', problem: sentenceOf(error) });
    } finally {
      this.#running.delete(id);
      this.#go();
    }
  }

  forget(id: number): void {
    this.all.value = this.all.value.filter((one) => one.id !== id);
    this.#running.get(id)?.abort();
    this.#go();
  }

  #set(id: number, change: Partial<Upload>): void {
    this.all.value = this.all.value.map((one) => (one.id === id ? { ...one, ...change } : one));
  }

  #go(): void {
    const free = atOnce - this.all.value.filter(({ state }) => state === 'sending').length;
    for (const one of this.all.value.filter(({ state }) => state === 'waiting').slice(0, Math.max(0, free))) void this.send(one, null);
  }
}

export function UploadList({ uploads }: { readonly uploads: Uploads }) {
  const all = uploads.all.value;
  if (all.length === 0) return null;
  return (
    <section class="uploads" aria-label="Uploads">
      <ul class="rows">
        {all.map((one) => (
          <li key={one.id}>
            <span>{one.path}</span> <UploadState upload={one} />
            {one.state === 'there-already' ? (
              <button type="button" onClick={() => void uploads.send(one, anyVersion)}>
                Replace it
              </button>
            ) : null}
            {one.state === 'failed' ? (
              <button type="button" onClick={() => void uploads.send(one, null)}>
                Again
              </button>
            ) : null}
            <button type="button" class="quiet" aria-label={`Forget ${one.path}`} onClick={() => uploads.forget(one.id)}>
              ✕
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

function UploadState({ upload: { path, file, state, sent, problem } }: { readonly upload: Upload }) {
  if (state === 'done') return <span role="status">is there.</span>;
  if (problem !== '') return <span class="problem">{problem}</span>;
  return (
    <span>
      <progress value={sent} max={Math.max(1, file.size)} aria-label={`Upload of ${path}`} /> {bytesText(sent)} of {bytesText(file.size)}
    </span>
  );
}

/** `fetch` does not tell how far an upload is. */
async function put(request: XMLHttpRequest, url: string, file: File, onProgress: (sent: number) => void): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  request.open('PUT', url);
  request.upload.addEventListener('progress', ({ loaded }) => onProgress(loaded));
  request.addEventListener('loadend', () => (request.status === 200 ? resolve(undefined) : reject(problemIn(request.responseText))));
  request.send(file);
  await promise;
}

/** What was dropped, folders with all that is in them, a folder before its content. */
export async function droppedFiles(data: DataTransfer | null): Promise<readonly Dragged[]> {
  // After the first moment of the event nothing is to be had of it.
  const items = [...(data?.items ?? [])].map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
  const all = items.map(async ({ entry, file }) => {
    if (entry !== null) return await within(entry);
    return file === null ? [] : [{ name: file.name, file }];
  });
  return (await Promise.all(all)).flat();
}

async function within(entry: FileSystemEntry): Promise<readonly Dragged[]> {
  const name = entry.fullPath.replace(/^\//u, '');
  if (entry instanceof FileSystemFileEntry) {
    const { promise, resolve, reject } = Promise.withResolvers<File>();
    entry.file(resolve, reject);
    return [{ name, file: await promise }];
  }
  if (!(entry instanceof FileSystemDirectoryEntry)) return [];
  const all: Dragged[] = [{ name, file: undefined }];
  const reader = entry.createReader();
  for (;;) {
    const { promise, resolve, reject } = Promise.withResolvers<readonly FileSystemEntry[]>();
    reader.readEntries(resolve, reject);
    const some = await promise;
    if (some.length === 0) return all;
    for (const one of some) all.push(...(await within(one)));
  }
}
