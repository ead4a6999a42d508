/** For staff and administrators: who and what is here, and what is not as it should be. */
import { useEffect, useState } from 'preact/hooks';
import type { FindingView, OperationView, PersonView, PlanView, ServerView } from '../contract/schemas.ts';
import { sentenceOf } from './faults.ts';
import { bytesText, timeText } from './format.ts';
import { operations, servers } from './live.ts';
import { Problem } from './parts.tsx';
import { api } from './session.ts';

function useLoaded<T>(load: () => Promise<T>): { readonly value: T | undefined; readonly problem: string } {
  const [value, setValue] = useState<T>();
  const [problem, setProblem] = useState('');
  useEffect(() => void load().then(setValue, (error: unknown) => setProblem(sentenceOf(error))), []);
  return { value, problem };
}

/** All IDs of the plan: whose each is, and how its server is. */
export function IdsPage() {
  const { value: plan, problem } = useLoaded(async () => await api.call('getPlan'));
  const all = servers.value;
  const counts = new Map<string, number>();
  for (const { status } of all.values()) counts.set(status, (counts.get(status) ?? 0) + 1);
  return (
    <>
      <h1>IDs</h1>
      <Problem text={problem} />
      <p class="facts">
        {all.size} taken{[...counts].map(([status, count]) => ` · ${count} ${status}`)}
      </p>
      {plan === undefined ? null : <Cells plan={plan} servers={all} />}
    </>
  );
}

function Cells({ plan, servers: all }: { readonly plan: PlanView; readonly servers: ReadonlyMap<number, ServerView> }) {
  const ids = Array.from({ length: plan.lastId - plan.firstId + 1 }, (_none, at) => plan.firstId + at);
  return (
    <div class="cells">
      {ids.map((id) => {
        const server = all.get(id);
        if (server === undefined) return <span key={id} class="cell" title={`${id}: free`} />;
        const text = `${id}: ${server.owner}, ${server.status}${server.notes === '' ? '' : `, ${server.notes}`}`;
        return <a key={id} class={`cell ${server.status}`} href={`#/servers/${id}`} title={text} aria-label={text} />;
      })}
    </div>
  );
}

export function PeoplePage() {
  const { value, problem } = useLoaded(async () => await api.call('listPeople'));
  return (
    <>
      <h1>People</h1>
      <Problem text={problem} />
      <div class="wide" role="region" aria-label="People" tabIndex={0}>
        <table>
          <thead>
            <tr>
              {['Name', 'Role', 'Groups', 'Servers', 'Memory', 'Disk', 'Since'].map((name) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {value?.people.map((person) => (
              <PersonRow key={person.name} person={person} />
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function PersonRow({ person: { name, role, disabled, groups, used, quota, createdAt } }: { readonly person: PersonView }) {
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
    </tr>
  );
}

/** Images, what is under way, and what doctor found. */
export function HostPage() {
  const images = useLoaded(async () => await api.call('listImages'));
  const findings = useLoaded(async () => await api.call('doctor'));
  const recent = [...operations.value.values()].toSorted((one, other) => other.createdAt.localeCompare(one.createdAt)).slice(0, 50);
  return (
    <>
      <h1>Host</h1>
      <section aria-label="Findings">
        <h2>What doctor found</h2>
        <Problem text={findings.problem} />
        {findings.value?.findings.length === 0 ? <p>All is as it should be.</p> : null}
        {findings.value?.findings.map((finding) => (
          <Finding key={finding.id} finding={finding} />
        ))}
      </section>
      <section aria-label="Images">
        <h2>Images</h2>
        <Problem text={images.problem} />
        <ul class="rows">
          {images.value?.images.map(({ reference, sizeBytes, createdAt, isCurrent }) => (
            <li key={reference}>
              <span>{reference}</span>
              <span class="facts">
                {bytesText(sizeBytes)}, {timeText(createdAt)}
                {isCurrent ? '' : ', its recipe has changed since'}
              </span>
            </li>
          ))}
        </ul>
      </section>
      <section aria-label="Operations">
        <h2>Operations</h2>
        <ul class="rows">
          {recent.map((operation) => (
            <Operation key={operation.id} operation={operation} />
          ))}
        </ul>
      </section>
    </>
  );
}

function Finding({ finding: { severity, subject, found, remedy } }: { readonly finding: FindingView }) {
  return (
    <article class="finding">
      <p>
        <strong>
          {severity}: {subject}
        </strong>
      </p>
      <p>{found}</p>
      <p class="facts">{remedy}</p>
    </article>
  );
}

function Operation({ operation: { kind, subject, person, state, step, error, createdAt } }: { readonly operation: OperationView }) {
  return (
    <li>
      <span>
        {kind} {subject}
        {person === null ? '' : `, ${person}`}: {error === null ? (state === 'running' ? step : state) : error.message}
      </span>
      <span class="facts">{timeText(createdAt)}</span>
    </li>
  );
}
