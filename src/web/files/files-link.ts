/** Questions about a server's files, over whichever connection there is, and what is in them by HTTP. */
import type { FilesAsk, FilesResults, FilesWhat, FromFiles, ToFiles, Uploaded } from '../../contract/files.ts';

export interface FilesLink {
  /** Throws what the server or the gateway says, with its `code`. */
  ask<W extends FilesWhat>(ask: Extract<FilesAsk, { what: W }>): Promise<FilesResults[W]>;
}

export class FilesProblem extends Error {
  override readonly name = 'FilesProblem';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Those that wait for their answers. */
export class FilesQuestions implements FilesLink {
  readonly #send: (message: ToFiles) => boolean;
  readonly #waiting = new Map<number, { readonly resolve: (result: never) => void; readonly reject: (error: Error) => void }>();
  #last = 0;

  /** `send`: false where there is no connection. */
  constructor(send: (message: ToFiles) => boolean) {
    this.#send = send;
  }

  async ask<W extends FilesWhat>(ask: Extract<FilesAsk, { what: W }>): Promise<FilesResults[W]> {
    const id = (this.#last += 1);
    const { promise, resolve, reject } = Promise.withResolvers<FilesResults[W]>();
    this.#waiting.set(id, { resolve, reject });
    if (!this.#send({ kind: 'files', id, ask })) this.lost();
    return await promise;
  }

  take(message: FromFiles): void {
    const asked = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if ('code' in message) asked?.reject(new FilesProblem(message.code, message.message));
    else asked?.resolve(message.result as never);
  }

  lost(): void {
    for (const { reject } of this.#waiting.values()) reject(new FilesProblem('lost', 'the connection was lost: try again'));
    this.#waiting.clear();
  }
}

/** The browser saves it where it saves what it downloads. */
export async function download(link: FilesLink, path: string): Promise<void> {
  const { url } = await link.ask({ what: 'download', path });
  const anchor = document.createElement('a');
  anchor.href = url;
  anchor.download = '';
  document.body.append(anchor);
  anchor.click();
  anchor.remove();
}

export interface TextFile {
  readonly text: string;
  readonly version: string;
}

const longestText = 2 ** 20;

/** Throws a sentence where it is no text, or too long to be edited here. */
export async function readText(link: FilesLink, path: string): Promise<TextFile> {
  const { url, size, version } = await link.ask({ what: 'download', path });
  if (version === null) throw new FilesProblem('bad-request', `${path} is no file`);
  if ((size ?? 0) > longestText) throw new FilesProblem('bad-request', `${path} is longer than 1 MB: download it, and edit it there`);
  const answer = await fetch(url, { credentials: 'omit', cache: 'no-store' });
  if (!answer.ok) throw await problemOf(answer);
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await answer.arrayBuffer());
    if (!text.includes('\0')) return { text, version };
  } catch {
    // Told below.
  }
  throw new FilesProblem('bad-request', `${path} is no text in UTF-8: download it, and edit it there`);
}

/** Of what `readText` gave that version of. */
export async function writeText(link: FilesLink, path: string, text: string, only: string): Promise<Uploaded> {
  const body = new Blob([text]);
  const { url } = await link.ask({ what: 'upload', path, size: body.size, only });
  const answer = await fetch(url, { method: 'PUT', body, credentials: 'omit' });
  if (!answer.ok) throw await problemOf(answer);
  return (await answer.json()) as Uploaded;
}

async function problemOf(answer: Response): Promise<FilesProblem> {
  return problemIn(await answer.text());
}

export function problemIn(text: string): FilesProblem {
  try {
    const { error } = JSON.parse(text) as { readonly error: { readonly code: string; readonly message: string } };
    return new FilesProblem(error.code, error.message);
  } catch {
    return new FilesProblem('lost', 'the connection was lost before all had come: try again');
  }
}
