/** Files by the terminal's own connection: dropped on it they go to the folder that its shell is in, and what its programs offer is downloaded. */
import { useRef, useState } from 'preact/hooks';
import { sentenceOf } from '../faults.ts';
import { download, type FilesLink } from '../files/files-link.ts';
import { type Dragged, droppedFiles, Uploads } from '../files/uploads.tsx';
import { fieldOf, formOf } from '../form.ts';
import { Problem } from '../parts.tsx';
import type { Connection } from './connection.ts';

export interface TerminalFiles {
  /** From the first upload on. */
  readonly uploads: Uploads | undefined;
  readonly problem: string;
  upload(files: readonly Dragged[]): Promise<void>;
  /** A path that is not absolute begins at the shell's folder. */
  download(path: string): Promise<void>;
  readonly dropping: { readonly onDrop: (event: DragEvent) => void; readonly onDragOver: (event: DragEvent) => void };
}

export function useFiles(connection: { readonly current: Connection | undefined }): TerminalFiles {
  const [uploads, setUploads] = useState<Uploads>();
  const [problem, setProblem] = useState('');
  const made = useRef<Uploads>(undefined);

  async function run(deed: (link: FilesLink) => Promise<void>): Promise<void> {
    const link = connection.current?.files;
    if (link === undefined) return;
    try {
      await deed(link);
      setProblem('');
    } catch (error) {
      setProblem(sentenceOf(error));
    }
  }

  const upload = async (files: readonly Dragged[]) =>
    await run(async (link) => {
      const { path } = await link.ask({ what: 'where' });
      made.current ??= new Uploads(link, () => {});
      setUploads(made.current);
      await made.current.add(path, files);
    });

  return {
    uploads,
    problem,
    upload,
    download: async (path) =>
      await run(async (link) => {
        const folder = path.startsWith('/') ? '' : `${(await link.ask({ what: 'where' })).path}/`;
        await download(link, folder + path);
      }),
    dropping: {
      onDragOver: (event) => event.preventDefault(),
      onDrop(event) {
        event.preventDefault();
        void droppedFiles(event.dataTransfer).then(upload);
      },
    },
  };
}

export function FilesMenu({ files }: { readonly files: TerminalFiles }) {
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    void files.download(fieldOf(formOf(event), 'path').trim());
  };
  const onChosen = ({ currentTarget }: { readonly currentTarget: HTMLInputElement }) => {
    void files.upload([...(currentTarget.files ?? [])].map((file) => ({ name: file.name, file })));
    currentTarget.value = '';
  };
  return (
    <details class="menu">
      <summary>Files</summary>
      <div>
        <p>Files that are dropped on the terminal go to the folder that its shell is in.</p>
        <label class="button">
          Upload…
          <input type="file" multiple class="hidden-input" onChange={onChosen} />
        </label>
        <form onSubmit={onSubmit}>
          <label>
            Download a file or folder
            <input name="path" required autocomplete="off" autocapitalize="none" spellcheck={false} />
          </label>
          <button class="main">Download</button>
        </form>
        <p>
          In the terminal, <code>download FILE</code> does so.
        </p>
        <Problem text={files.problem} />
      </div>
    </details>
  );
}

export interface OffersProps {
  readonly offered: readonly string[];
  readonly files: TerminalFiles;
  readonly withoutOffer: (path: string) => void;
}

/** Whatever is printed in a terminal can offer a file: the person says whether they want it. */
export function Offers({ offered, files, withoutOffer }: OffersProps) {
  if (offered.length === 0) return null;
  const take = (path: string) => {
    withoutOffer(path);
    void files.download(path);
  };
  return (
    <ul class="rows offers" aria-label="Files that the server offers">
      {offered.map((path) => (
        <li key={path}>
          <span>The server offers {path}.</span>
          <span class="buttons">
            <button type="button" class="main" onClick={() => take(path)}>
              Download it
            </button>
            <button type="button" onClick={() => withoutOffer(path)}>
              No
            </button>
          </span>
        </li>
      ))}
    </ul>
  );
}
