/** With whom a server is shared. */
import type { GrantView } from '../contract/schemas.ts';
import type { Right } from '../core/access.ts';
import { fieldOf, formOf } from './form.ts';
import { timeText } from './format.ts';
import { told, useLoaded } from './loaded.ts';
import { Problem } from './parts.tsx';
import { api } from './session.ts';

const given = ['list', 'read', 'write', 'control', 'all'] as const satisfies readonly Right[];
const rightTexts: Readonly<Record<(typeof given)[number], string>> = {
  list: 'see that it is there',
  read: 'see all about it, and its pages',
  write: 'log in to it',
  control: 'start, stop and change it',
  all: 'everything, sharing and dropping too',
};

const dayMs = 86_400_000;

export function Sharing({ id }: { readonly id: number }) {
  const { value, problem, again } = useLoaded(async () => await api.call('listGrants', { query: { server: id } }));
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    const form = formOf(event);
    const days = Number(fieldOf(form, 'days'));
    const body = {
      subject: {
        kind: fieldOf(form, 'kind') === 'group' ? ('group' as const) : ('person' as const),
        name: fieldOf(form, 'subject').trim(),
      },
      target: { kind: 'server' as const, id },
      right: given.find((right) => right === fieldOf(form, 'right')) ?? 'read',
      ...(days > 0 ? { expiresAt: new Date(Date.now() + days * dayMs).toISOString() } : {}),
    };
    void told(api.call('addGrant', { body }), `It is shared with ${body.subject.name}.`).then(again);
    for (const field of form?.querySelectorAll('input') ?? []) field.value = '';
  };
  return (
    <details>
      <summary>Sharing</summary>
      <Problem text={problem} />
      <ul class="rows">
        {value?.grants.map((grant) => (
          <Grant key={grant.id} grant={grant} onRemoved={again} />
        ))}
      </ul>
      {value?.grants.length === 0 ? <p>It is shared with nobody.</p> : null}
      <form onSubmit={onSubmit}>
        <label>
          Share with
          <select name="kind">
            <option value="person">a person</option>
            <option value="group">a group</option>
          </select>
        </label>
        <label>
          called
          <input name="subject" required maxLength={64} autocapitalize="none" spellcheck={false} />
        </label>
        <label>
          who may
          <select name="right">
            {given.map((right) => (
              <option key={right} value={right} selected={right === 'write'}>
                {rightTexts[right]}
              </option>
            ))}
          </select>
        </label>
        <label>
          for how many days (for good where nothing is said)
          <input name="days" type="number" min={1} />
        </label>
        <button class="main">Share</button>
      </form>
    </details>
  );
}

function Grant({
  grant: { id, subject, right, expiresAt, target },
  onRemoved,
}: {
  readonly grant: GrantView;
  readonly onRemoved: () => void;
}) {
  const text = given.find((one) => one === right);
  return (
    <li>
      <span>
        {subject.kind === 'group' ? `group ${subject.name}` : subject.name} may {text === undefined ? right : rightTexts[text]}
        {expiresAt === null ? '' : `, until ${timeText(expiresAt)}`}
        {target.kind === 'server' ? '' : ' (of more than this server)'}
      </span>
      <button
        type="button"
        aria-label={`Take back from ${subject.name}`}
        onClick={() => void told(api.call('removeGrant', { params: { id } }), 'It is taken back.').then(onRemoved)}
      >
        Take back
      </button>
    </li>
  );
}
