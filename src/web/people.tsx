/** People, for staff and administrators: who they are, what they use of what they may; administrators change it. */
import { useState } from 'preact/hooks';
import type { PersonView } from '../contract/schemas.ts';
import { type Role, roles } from '../core/access.ts';
import { sentenceOf } from './faults.ts';
import { fieldOf, formOf } from './form.ts';
import { bytesText, timeText } from './format.ts';
import { useLoaded } from './loaded.ts';
import { Copyable, Dialog, Problem, tell } from './parts.tsx';
import { api } from './session.ts';

const gibibyte = 2 ** 30;

export function PeoplePage({ mayChange }: { readonly mayChange: boolean }) {
  const { value, problem, again } = useLoaded(async () => await api.call('listPeople'));
  const [changed, setChanged] = useState<PersonView | 'new'>();
  return (
    <>
      <div class="title">
        <h1>People</h1>
        {mayChange ? (
          <button type="button" class="main" onClick={() => setChanged('new')}>
            New person
          </button>
        ) : null}
      </div>
      <Problem text={problem} />
      {changed === undefined ? null : (
        <PersonDialog
          person={changed === 'new' ? undefined : changed}
          onClose={() => {
            setChanged(undefined);
            again();
          }}
        />
      )}
      <div class="wide" role="region" aria-label="People" tabIndex={0}>
        <table>
          <thead>
            <tr>
              {['Name', 'Role', 'Groups', 'Servers', 'Memory', 'Disk', 'Since', ...(mayChange ? ['Change'] : [])].map((name) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {value?.people.map((person) => (
              <PersonRow key={person.name} person={person} onChange={mayChange ? () => setChanged(person) : undefined} />
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

interface PersonRowProps {
  readonly person: PersonView;
  readonly onChange: (() => void) | undefined;
}

function PersonRow({ person: { name, role, disabled, groups, used, quota, createdAt }, onChange }: PersonRowProps) {
  const of = (limit: number | null, text: (value: number) => string) => (limit === null ? '' : ` of ${text(limit)}`);
  return (
    <tr>
      <th scope="row">
        {name}
        {disabled ? ' (disabled)' : ''}
      </th>
      <td>{role}</td>
      <td>{groups.join(', ')}</td>
      <td>
        {used.servers}
        {of(quota.servers, String)}
      </td>
      <td>
        {bytesText(used.memoryBytes)}
        {of(quota.memoryBytes, bytesText)}
      </td>
      <td>
        {bytesText(used.diskBytes)}
        {of(quota.diskBytes, bytesText)}
      </td>
      <td>{timeText(createdAt)}</td>
      {onChange === undefined ? null : (
        <td>
          <button type="button" class="quiet" aria-label={`Change ${name}`} onClick={onChange}>
            Change
          </button>
        </td>
      )}
    </tr>
  );
}

interface PersonDialogProps {
  /** Undefined: somebody new. */
  readonly person: PersonView | undefined;
  readonly onClose: () => void;
}

function PersonDialog({ person, onClose }: PersonDialogProps) {
  const [problem, setProblem] = useState('');
  const [made, setMade] = useState<{ readonly name: string; readonly password: string }>();
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    const form = formOf(event);
    save(form, person).then(
      (password) => {
        const name = person?.name ?? fieldOf(form, 'name').trim();
        if (password !== null) return setMade({ name, password });
        tell(`${name} is ${person === undefined ? 'added' : 'changed'}.`);
        onClose();
      },
      (error: unknown) => setProblem(sentenceOf(error)),
    );
  };
  return (
    <Dialog title={person?.name ?? 'New person'} onClose={onClose}>
      {made === undefined ? (
        <form onSubmit={onSubmit}>
          <Problem text={problem} />
          <PersonFields person={person} />
          <button class="main">{person === undefined ? 'Add' : 'Save'}</button>
        </form>
      ) : (
        <>
          <p>The password of {made.name}, shown once; it must be changed at the first sign-in:</p>
          <Copyable text={made.password} label={`password of ${made.name}`} />
        </>
      )}
    </Dialog>
  );
}

function PersonFields({ person }: { readonly person: PersonView | undefined }) {
  const limits = [
    ['servers', 'Servers at most', person?.quota.servers ?? null, 1],
    ['cpus', 'CPUs at most', person?.quota.cpus ?? null, 1],
    ['memory', 'Memory at most, in GB', person?.quota.memoryBytes ?? null, gibibyte],
    ['disk', 'Disk at most, in GB', person?.quota.diskBytes ?? null, gibibyte],
  ] as const;
  return (
    <>
      {person === undefined ? (
        <label>
          Name
          <input name="name" required maxLength={64} autocapitalize="none" spellcheck={false} autofocus />
        </label>
      ) : null}
      <label>
        Role
        <select name="role">
          {roles.map((role) => (
            <option key={role} selected={role === (person?.role ?? 'user')}>
              {role}
            </option>
          ))}
        </select>
      </label>
      <label class="check">
        <input type="checkbox" name="canCreate" defaultChecked={person?.canCreate ?? true} />
        May create servers
      </label>
      {person === undefined ? null : (
        <label class="check">
          <input type="checkbox" name="disabled" defaultChecked={person.disabled} />
          Disabled: may not sign in
        </label>
      )}
      {limits.map(([name, text, limit, unit]) => (
        <label key={name}>
          {text} (the default where nothing is said)
          <input name={name} type="number" min={0} step="any" defaultValue={limit === null ? '' : String(limit / unit)} />
        </label>
      ))}
    </>
  );
}

/** Gives the password of somebody new, where one was made. */
async function save(form: HTMLFormElement | null, person: PersonView | undefined): Promise<string | null> {
  const text = (name: string) => fieldOf(form, name).trim();
  const limit = (name: string, unit: number) => (text(name) === '' ? null : Math.round(Number(text(name)) * unit));
  const role: Role = roles.find((one) => one === text('role')) ?? 'user';
  const quota = {
    servers: limit('servers', 1),
    cpus: limit('cpus', 1),
    memoryBytes: limit('memory', gibibyte),
    diskBytes: limit('disk', gibibyte),
  };
  const common = { role, canCreate: text('canCreate') !== '', quota };
  if (person === undefined) return (await api.call('addPerson', { body: { name: text('name'), ...common } })).password;
  await api.call('changePerson', { params: { name: person.name }, body: { ...common, disabled: text('disabled') !== '' } });
  return null;
}
