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
        <button type="button" class="main" onClick={() => setCreating(true)}>
          New server
        </button>
      </div>
      {liveness.value === 'first' ? <p>Looking…</p> : null}
      {liveness.value !== 'first' && all.size === 0 ? <p>There is none yet. “New server” makes one in a few seconds.</p> : null}
      <ul class="cards">
        {shown.map((server) => (
          <Card key={server.generation} server={server} />
        ))}
      </ul>
      {isCreating ? <CreateDialog onClose={() => setCreating(false)} /> : null}
    </>
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
