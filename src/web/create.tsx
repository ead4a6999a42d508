/** A new server: what is asked, how far it is, and the way in with the password that is shown once. */
import { useEffect, useState } from 'preact/hooks';
import type { CreatedServers } from '../contract/schemas.ts';
import { sentenceOf } from './faults.ts';
import { fieldOf, formOf } from './form.ts';
import { operations, servers } from './live.ts';
import { Copyable, Dialog, Problem } from './parts.tsx';
import { api, ownRole } from './session.ts';

interface Choice {
  readonly system: string;
  readonly type: string;
}

const mebibyte = 2 ** 20;

export function CreateDialog({ onClose }: { readonly onClose: () => void }) {
  const [made, setMade] = useState<CreatedServers>();
  return (
    <Dialog title={made === undefined ? 'New server' : titleOf(made)} onClose={onClose}>
      {made === undefined ? <CreateForm onMade={setMade} /> : made.servers.length > 1 ? <MadeMany made={made} /> : <Made made={made} />}
    </Dialog>
  );
}

function titleOf({ servers: all }: CreatedServers): string {
  return all.length > 1 ? `${all.length} servers` : `Server ${all[0]?.id ?? ''}`;
}

function CreateForm({ onMade }: { readonly onMade: (made: CreatedServers) => void }) {
  const [choices, setChoices] = useState<readonly Choice[]>([]);
  const [problem, setProblem] = useState('');
  const [isBusy, setBusy] = useState(false);
  useEffect(() => {
    api.call('listImages').then(
      ({ images }) => setChoices(images),
      (error: unknown) => setProblem(sentenceOf(error)),
    );
  }, []);
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    setBusy(true);
    const form = formOf(event);
    api
      .call('createServers', { body: wantedOf(form, choices) }, { idempotencyKey: crypto.randomUUID() })
      .then(onMade)
      .catch((error: unknown) => setProblem(sentenceOf(error)))
      .finally(() => setBusy(false));
  };
  return (
    <form onSubmit={onSubmit}>
      <Problem text={problem} />
      <label>
        What is on it
        <select name="image">
          {choices.map(({ system, type }, index) => (
            <option value={index} key={`${system}/${type}`}>
              {system} {type}
            </option>
          ))}
        </select>
      </label>
      <label>
        Notes
        <input name="notes" maxLength={500} autofocus />
      </label>
      <details>
        <summary>More</summary>
        <label>
          ID (the lowest free one where nothing is said)
          <input name="id" inputMode="numeric" pattern="\d*" />
        </label>
        <label>
          Name
          <input name="name" maxLength={64} autocapitalize="none" spellcheck={false} />
        </label>
        <label>
          Memory in MB
          <input name="memory" type="number" min={64} step={64} />
        </label>
        <label>
          CPUs
          <input name="cpus" type="number" min={1} />
        </label>
        <label>
          Disk in GB
          <input name="disk" type="number" min={1} />
        </label>
        {ownRole.value === 'user' ? null : <ForOthers />}
      </details>
      <button class="main" disabled={isBusy}>
        Create
      </button>
    </form>
  );
}

function ForOthers() {
  return (
    <>
      <label>
        Owner, where it is for somebody else
        <input name="owner" maxLength={64} autocapitalize="none" spellcheck={false} />
      </label>
      <label>
        Or one for each member of this group
        <input name="group" maxLength={64} autocapitalize="none" spellcheck={false} />
      </label>
    </>
  );
}

function wantedOf(form: HTMLFormElement | null, choices: readonly Choice[]) {
  const text = (name: string) => fieldOf(form, name).trim();
  const number = (name: string) => (text(name) === '' ? undefined : Number(text(name)));
  const choice = choices[Number(text('image'))];
  const [id, memory, cpus, disk] = [number('id'), number('memory'), number('cpus'), number('disk')];
  return {
    ...(choice === undefined ? {} : { system: choice.system, type: choice.type }),
    ...(text('notes') === '' ? {} : { notes: text('notes') }),
    ...(text('name') === '' ? {} : { name: text('name') }),
    ...(id === undefined ? {} : { id }),
    ...(memory === undefined ? {} : { memoryBytes: memory * mebibyte }),
    ...(cpus === undefined ? {} : { cpus }),
    ...(disk === undefined ? {} : { diskBytes: disk * 1024 * mebibyte }),
    ...(text('owner') === '' ? {} : { owner: text('owner') }),
    ...(text('group') === '' ? {} : { group: text('group') }),
  };
}

function Made({ made }: { readonly made: CreatedServers }) {
  const [server] = made.servers;
  const [first] = made.operations;
  if (server === undefined || first === undefined) return null;
  const operation = operations.value.get(first.id) ?? first;
  const now = servers.value.get(server.id) ?? server;
  const [password] = made.passwords;
  return (
    <>
      {operation.state === 'failed' ? (
        <Problem text={operation.error?.message ?? 'It failed.'} />
      ) : (
        <p role="status">
          <progress value={operation.state === 'done' ? 1 : operation.fraction} max={1} aria-label={`Creating server ${server.id}`} />{' '}
          {operation.state === 'done' ? `Server ${server.id} is ${now.status}.` : operation.step}
        </p>
      )}
      {password === undefined ? null : (
        <>
          <p>
            Its user <b>{password.user}</b> has this password, shown once; it must be changed at the first login:
          </p>
          <Copyable text={password.password} label="password" />
        </>
      )}
      {operation.state === 'done' ? (
        <p class="buttons">
          <a class="button main" href={`/ssh/${server.id}`} target="_blank" rel="noreferrer">
            Open its terminal
          </a>
          <a class="button" href={`#/servers/${server.id}`}>
            All ways in
          </a>
        </p>
      ) : null}
    </>
  );
}

/** Of a class: each with its owner and the password that is shown once. */
function MadeMany({ made }: { readonly made: CreatedServers }) {
  const passwordOf = new Map(made.passwords.map((one) => [one.id, one]));
  const lines = made.servers.map(({ id, owner }) =>
    [id, owner, passwordOf.get(id)?.user ?? '', passwordOf.get(id)?.password ?? ''].join(','),
  );
  const done = made.operations.filter(({ id }) => operations.value.get(id)?.state === 'done').length;
  return (
    <>
      <p role="status">
        <progress value={done} max={made.operations.length} aria-label="Creating" /> {done} of {made.operations.length} are there.
      </p>
      <p>Their passwords, shown once; each must be changed at the first login:</p>
      <textarea readonly rows={10} aria-label="Servers with their passwords" value={['id,owner,user,password', ...lines].join('\n')} />
    </>
  );
}
