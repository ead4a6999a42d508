/** A server's files, as one of its users sees them. */
import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { FileEntry, FilesResults } from '../../contract/files.ts';
import { sentenceOf } from '../faults.ts';
import { fieldOf, formOf } from '../form.ts';
import { bytesText, timeText } from '../format.ts';
import { Problem, tell } from '../parts.tsx';
import { Question } from '../question.tsx';
import { Editor } from './editor.tsx';
import { download, type FilesLink } from './files-link.ts';
import { type FilesSocket, openFiles } from './files-socket.ts';
import { type Dragged, droppedFiles, UploadList, Uploads } from './uploads.tsx';

type Listing = FilesResults['list'];

/** Where one is is in the address, so that "back" goes back. */
function placeOf(server: number, path: string, user: string | undefined): string {
  return `#/servers/${server}/files?${new URLSearchParams({ ...(user === undefined ? {} : { user }), path }).toString()}`;
}

const childOf = (folder: string, name: string) => `${folder === '/' ? '' : folder}/${name}`;

function useFiles(server: number, user: string | undefined) {
  const socket = useRef<FilesSocket>(undefined);
  const [entered, setEntered] = useState<string>();
  const [question, setQuestion] = useState('');
  const [state, setState] = useState('Connecting…');
  useEffect(() => {
    setEntered(undefined);
    setState('Connecting…');
    const made = openFiles(server, user, {
      entered(name) {
        setEntered(name);
        setState('');
      },
      question: setQuestion,
      lost: () => setState('The connection is lost. Trying again…'),
      over: setState,
    });
    socket.current = made;
    return () => made.close();
  }, [server, user]);
  const answer = (text: string | null) => {
    setQuestion('');
    socket.current?.answer(text);
  };
  return { link: socket.current?.link, entered, state, question, answer };
}

export function FilesPage({ server, query }: { readonly server: number; readonly query: URLSearchParams }) {
  const user = query.get('user') ?? undefined;
  const { link, entered, state, question, answer } = useFiles(server, user);
  return (
    <>
      <p>
        <a href={`#/servers/${server}`}>Server {server}</a>
      </p>
      <div class="title">
        <h1>Files of server {server}</h1>
        {entered === undefined ? null : <OtherUser server={server} user={entered} />}
      </div>
      {state === '' ? null : (
        <p class="state" role="status">
          {state}
        </p>
      )}
      {question === '' ? null : <Question text={question} onAnswer={answer} />}
      {link === undefined || entered === undefined ? null : (
        <Folder key={entered} {...{ link, server }} user={user} asked={query.get('path') ?? undefined} />
      )}
    </>
  );
}

function OtherUser({ server, user }: { readonly server: number; readonly user: string }) {
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    location.hash = `#/servers/${server}/files?${new URLSearchParams({ user: fieldOf(formOf(event), 'user') }).toString()}`;
  };
  return (
    <details class="menu">
      <summary>as {user}</summary>
      <div>
        <form onSubmit={onSubmit}>
          <label>
            As another user of this server
            <input name="user" autocomplete="off" autocapitalize="none" spellcheck={false} required />
          </label>
          <button class="main">Go on</button>
        </form>
      </div>
    </details>
  );
}

interface FolderProps {
  readonly link: FilesLink;
  readonly server: number;
  readonly user: string | undefined;
  /** Undefined: where one begins. */
  readonly asked: string | undefined;
}

function useListing(link: FilesLink, asked: string | undefined) {
  const [listing, setListing] = useState<Listing>();
  const [problem, setProblem] = useState('');
  const look = async () => {
    try {
      const path = asked ?? (await link.ask({ what: 'where' })).path;
      setListing(await link.ask({ what: 'list', path }));
      setProblem('');
    } catch (error) {
      setProblem(sentenceOf(error));
    }
  };
  useEffect(() => void look(), [link, asked]);
  return { listing, problem, look };
}

function Folder({ link, server, user, asked }: FolderProps) {
  const { listing, problem, look } = useListing(link, asked);
  const latest = useRef(look);
  latest.current = look;
  const uploads = useMemo(() => new Uploads(link, () => void latest.current()), [link]);
  const [isOver, setOver] = useState(false);
  const [edited, setEdited] = useState('');
  const upload = (files: readonly Dragged[]) => (listing === undefined ? undefined : void uploads.add(listing.path, files));
  const onDrop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    void droppedFiles(event.dataTransfer).then(upload);
  };
  const onDragOver = (event: DragEvent) => {
    event.preventDefault();
    setOver(true);
  };
  /** Runs what was asked for, and shows what has become of the folder. */
  const run = async (deed: Promise<unknown>, done = '') => {
    try {
      await deed;
      if (done !== '') tell(done);
    } catch (error) {
      tell(sentenceOf(error));
    }
    await look();
  };
  return (
    <section
      class={isOver ? 'dropping files' : 'files'}
      aria-label="Folder"
      onDrop={onDrop}
      onDragOver={onDragOver}
      onDragLeave={() => setOver(false)}
    >
      <Problem text={problem} />
      {listing === undefined ? null : (
        <>
          <Crumbs server={server} user={user} path={listing.path} />
          <FolderButtons onFiles={upload} onFolder={(name) => run(link.ask({ what: 'make-folder', path: childOf(listing.path, name) }))} />
          <UploadList uploads={uploads} />
          <ul class="entries" aria-label={`In ${listing.path}`}>
            {sorted(listing.entries).map((entry) => (
              <Entry key={entry.name} {...{ entry, link, server, user, run }} folder={listing.path} onEdit={setEdited} />
            ))}
          </ul>
          {listing.entries.length === 0 ? <p>Nothing is in this folder. Files can be dropped here.</p> : null}
          {listing.isCut ? <p>There are more: only the first {listing.entries.length} are shown.</p> : null}
        </>
      )}
      {edited === '' ? null : (
        <Editor
          link={link}
          path={edited}
          onClose={(isChanged) => {
            setEdited('');
            if (isChanged) void look();
          }}
        />
      )}
    </section>
  );
}

/** Folders first. */
function sorted(entries: readonly FileEntry[]): readonly FileEntry[] {
  const rank = ({ kind }: FileEntry) => (kind === 'folder' ? 0 : 1);
  return entries.toSorted((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name, undefined, { numeric: true }));
}

function Crumbs({ server, user, path }: { readonly server: number; readonly user: string | undefined; readonly path: string }) {
  const names = path.split('/').filter((name) => name !== '');
  return (
    <nav class="crumbs" aria-label="Folders above">
      <a href={placeOf(server, '/', user)}>/</a>
      {names.map((name, index) => (
        <span key={`${index} ${name}`}>
          <a
            href={placeOf(server, `/${names.slice(0, index + 1).join('/')}`, user)}
            aria-current={index === names.length - 1 ? 'location' : undefined}
          >
            {name}
          </a>
          {index === names.length - 1 ? '' : '/'}
        </span>
      ))}
    </nav>
  );
}

interface FolderButtonsProps {
  readonly onFiles: (files: readonly Dragged[]) => void;
  readonly onFolder: (name: string) => Promise<void>;
}

function FolderButtons({ onFiles, onFolder }: FolderButtonsProps) {
  const [isNaming, setNaming] = useState(false);
  const onChosen = ({ currentTarget }: { readonly currentTarget: HTMLInputElement }) => {
    onFiles([...(currentTarget.files ?? [])].map((file) => ({ name: file.name, file })));
    currentTarget.value = '';
  };
  return (
    <div class="buttons">
      <label class="button">
        Upload…
        <input type="file" multiple class="hidden-input" onChange={onChosen} />
      </label>
      {isNaming ? (
        <NameForm
          label="Name of the new folder"
          name=""
          onName={(name) => {
            setNaming(false);
            if (name !== undefined) void onFolder(name);
          }}
        />
      ) : (
        <button type="button" onClick={() => setNaming(true)}>
          New folder
        </button>
      )}
    </div>
  );
}

function NameForm({ label, name, onName }: { readonly label: string; readonly name: string; readonly onName: (name?: string) => void }) {
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    onName(fieldOf(formOf(event), 'name'));
  };
  return (
    <form class="question" onSubmit={onSubmit}>
      <label>
        {label}
        <input
          name="name"
          defaultValue={name}
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          maxLength={255}
          required
          autofocus
        />
      </label>
      <button class="main">OK</button>
      <button type="button" onClick={() => onName()}>
        Leave it
      </button>
    </form>
  );
}

interface EntryProps {
  readonly entry: FileEntry;
  readonly folder: string;
  readonly link: FilesLink;
  readonly server: number;
  readonly user: string | undefined;
  readonly run: (deed: Promise<unknown>, done?: string) => Promise<void>;
  readonly onEdit: (path: string) => void;
}

/** What a link leads to is for the server to say: it is opened as a folder, for what else can be done with it stands beside it. */
function Entry({ entry: { name, kind, size, modifiedMs }, folder, link, server, user, run, onEdit }: EntryProps) {
  const [asked, setAsked] = useState<'rename' | 'remove'>();
  const path = childOf(folder, name);
  const isFolder = kind === 'folder';
  const button = (text: string, onClick: () => void) => (
    <button type="button" class="quiet" aria-label={`${text} ${name}`} onClick={onClick}>
      {text}
    </button>
  );
  return (
    <li>
      <span class="name">{kind === 'folder' || kind === 'link' ? <a href={placeOf(server, path, user)}>{name}</a> : name}</span>
      <span class="facts">
        {isFolder ? 'folder' : kind === 'link' ? 'link' : bytesText(size)} · {timeText(new Date(modifiedMs).toISOString())}
      </span>
      <span class="buttons">
        {button('Download', () => void run(download(link, path)))}
        {kind === 'file' || kind === 'link' ? button('Edit', () => onEdit(path)) : null}
        {button('Rename', () => setAsked('rename'))}
        {button('Remove', () => setAsked('remove'))}
      </span>
      {asked === 'rename' ? (
        <NameForm
          label={`New name of ${name}`}
          name={name}
          onName={(to) => {
            setAsked(undefined);
            if (to !== undefined && to !== name)
              void run(link.ask({ what: 'rename', from: path, to: to.startsWith('/') ? to : childOf(folder, to) }));
          }}
        />
      ) : null}
      {asked === 'remove' ? (
        <RemoveQuestion
          name={name}
          isFolder={isFolder}
          onAnswer={(isSure) => {
            setAsked(undefined);
            if (isSure) void run(link.ask({ what: 'remove', path }), `${name} is removed.`);
          }}
        />
      ) : null}
    </li>
  );
}

interface RemoveQuestionProps {
  readonly name: string;
  readonly isFolder: boolean;
  readonly onAnswer: (isSure: boolean) => void;
}

function RemoveQuestion({ name, isFolder, onAnswer }: RemoveQuestionProps): ComponentChildren {
  return (
    <div class="question" role="alertdialog" aria-label={`Remove ${name}?`}>
      <p>
        {name}
        {isFolder ? ', with all that is in it,' : ''} is removed for good.
      </p>
      <button type="button" class="danger" autofocus onClick={() => onAnswer(true)}>
        Remove {name}
      </button>{' '}
      <button type="button" onClick={() => onAnswer(false)}>
        Keep it
      </button>
    </div>
  );
}
