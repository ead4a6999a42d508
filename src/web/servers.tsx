/** All servers of this person, as cards, live. */
import { useMemo, useState } from 'preact/hooks';
import type { ServerView } from '../contract/schemas.ts';
import { CreateDialog } from './create.tsx';
import { deedsFor, deedText, run } from './deeds.ts';
import { bytesText } from './format.ts';
import { liveness, operations, servers } from './live.ts';
import { StatusBadge } from './parts.tsx';
import { signedIn } from './session.ts';

export function ServersPage() {
  const [isCreating, setCreating] = useState(false);
  const [wanted, setWanted] = useState('');
  const [view, setView] = useState(readView);
  const changeView = (next: View) => {
    localStorage.setItem(viewKey, next);
    setView(next);
  };
  const all = servers.value;
  const shown = useMemo(() => [...all.values()].filter((server) => fits(server, wanted)).toSorted((a, b) => a.id - b.id), [all, wanted]);
  return (
    <>
      <div class="title">
        <h1>Servers</h1>
        {all.size > 6 ? (
          <input
            type="search"
            aria-label="Find a server"
            placeholder="Find: ID, name, owner, notes"
            onInput={({ currentTarget }) => setWanted(currentTarget.value)}
          />
        ) : null}
        {all.size > 0 ? (
          <button type="button" onClick={() => changeView(view === 'cards' ? 'table' : 'cards')}>
            {view === 'cards' ? 'As a table' : 'As cards'}
          </button>
        ) : null}
        <button type="button" class="main" onClick={() => setCreating(true)}>
          New server
        </button>
      </div>
      {liveness.value === 'first' ? <p>Looking…</p> : null}
      {liveness.value !== 'first' && all.size === 0 ? <p>There is none yet. “New server” makes one in a few seconds.</p> : null}
      {view === 'table' ? (
        <ServerTable servers={shown} />
      ) : (
        <ul class="cards">
          {shown.map((server) => (
            <Card key={server.generation} server={server} />
          ))}
        </ul>
      )}
      {isCreating ? <CreateDialog onClose={() => setCreating(false)} /> : null}
    </>
  );
}

type View = 'cards' | 'table';
const viewKey = 'myserver.view';

function readView(): View {
  return localStorage.getItem(viewKey) === 'table' ? 'table' : 'cards';
}

function ServerTable({ servers: shown }: { readonly servers: readonly ServerView[] }) {
  return (
    <div class="wide" role="region" aria-label="Servers" tabIndex={0}>
      <table>
        <thead>
          <tr>
            {['ID', 'Name', 'Owner', 'Status', 'Image', 'Memory', 'Disk', 'CPUs', 'SSH', 'Notes'].map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((server) => (
            <Row key={server.generation} server={server} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ server }: { readonly server: ServerView }) {
  const { id, name, owner, status, system, type, memoryBytes, diskBytes, cpus, ports, notes } = server;
  return (
    <tr>
      <th scope="row">
        <a href={`#/servers/${id}`}>{id}</a>
      </th>
      <td>{name}</td>
      <td>{owner}</td>
      <td>
        <StatusBadge status={status} />
      </td>
      <td>
        {system} {type}
      </td>
      <td>{bytesText(memoryBytes)}</td>
      <td>{bytesText(diskBytes)}</td>
      <td>{cpus}</td>
      <td>{ports.find(({ block }) => block === 'ssh')?.publicPort}</td>
      <td>{notes}</td>
    </tr>
  );
}

function fits({ id, name, owner, notes, status }: ServerView, wanted: string): boolean {
  const text = `${id} ${name ?? ''} ${owner} ${notes} ${status}`.toLowerCase();
  return wanted
    .toLowerCase()
    .split(/\s+/u)
    .every((word) => text.includes(word));
}

function Card({ server }: { readonly server: ServerView }) {
  const { id, name, owner, status, notes, problem, system, type, memoryBytes, diskBytes, cpus } = server;
  const underWay = [...operations.value.values()].find(
    ({ generation, state }) => generation === server.generation && (state === 'running' || state === 'pending'),
  );
  return (
    <li class="card">
      <header>
        <h2>
          <a href={`#/servers/${id}`}>
            {id}
            {name === null ? '' : ` ${name}`}
          </a>
        </h2>
        <StatusBadge status={status} />
      </header>
      {notes === '' ? null : <p>{notes}</p>}
      <p class="facts">
        {owner === signedIn.value?.person ? '' : `${owner} · `}
        {system} {type} · {bytesText(memoryBytes)} · {bytesText(diskBytes)} disk · {cpus === 1 ? '1 CPU' : `${cpus} CPUs`}
      </p>
      {problem === null ? null : <p class="problem">{problem}</p>}
      {underWay === undefined ? null : (
        <p class="progress">
          <progress value={underWay.fraction} max={1} aria-label={`${underWay.kind} of server ${id}`} /> {underWay.step}
        </p>
      )}
      <ServerButtons server={server} />
    </li>
  );
}

export function ServerButtons({ server }: { readonly server: ServerView }) {
  const { id, status } = server;
  const [isDropping, setDropping] = useState(false);
  const deeds = deedsFor(server);
  return (
    <div class="buttons">
      {status === 'running' ? (
        <a class="button" href={`/ssh/${id}`} target="_blank" rel="noreferrer">
          Terminal
        </a>
      ) : null}
      {status === 'running' ? (
        <a class="button" href={`#/servers/${id}/files`}>
          Files
        </a>
      ) : null}
      {deeds.map((deed) => (
        <button
          type="button"
          key={deed}
          class={deed === 'drop' || deed === 'kill' ? 'danger' : ''}
          aria-label={`${deedText(deed)} server ${id}`}
          onClick={() => (deed === 'drop' ? setDropping(true) : void run(deed, server))}
        >
          {deedText(deed)}
        </button>
      ))}
      {isDropping ? <DropQuestion server={server} onClose={() => setDropping(false)} /> : null}
    </div>
  );
}

/** What cannot be undone is asked for by its number. */
function DropQuestion({ server, onClose }: { readonly server: ServerView; readonly onClose: () => void }) {
  const [typed, setTyped] = useState('');
  const { id } = server;
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    onClose();
    void run('drop', server);
  };
  return (
    <form class="question" onSubmit={onSubmit}>
      <label>
        Everything on server {id} is destroyed, and cannot be brought back. Type {id} to go on:
        <input inputMode="numeric" value={typed} onInput={({ currentTarget }) => setTyped(currentTarget.value)} autofocus />
      </label>
      <button class="danger" disabled={typed.trim() !== String(id)}>
        Drop server {id}
      </button>
      <button type="button" onClick={onClose}>
        Keep it
      </button>
    </form>
  );
}
