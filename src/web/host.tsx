/** The host, for administrators: what doctor found and can mend, images, and what is under way. */
import type { FindingView, OperationView } from '../contract/schemas.ts';
import { bytesText, timeText } from './format.ts';
import { operations } from './live.ts';
import { told, useLoaded } from './loaded.ts';
import { Problem } from './parts.tsx';
import { api } from './session.ts';

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
          <Finding key={finding.id} finding={finding} onTreated={findings.again} />
        ))}
      </section>
      <section aria-label="Images">
        <h2>Images</h2>
        <Problem text={images.problem} />
        <Buildable images={images.value} />
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

interface BuildableProps {
  readonly images:
    | {
        readonly images: readonly { readonly reference: string; readonly isCurrent: boolean }[];
        readonly buildable: readonly { readonly system: string; readonly type: string }[];
      }
    | undefined;
}

function Buildable({ images }: BuildableProps) {
  const current = new Set(images?.images.filter(({ isCurrent }) => isCurrent).map(({ reference }) => reference));
  const left = images?.buildable.filter(({ system, type }) => !current.has(`${system}/${type}`)) ?? [];
  return (
    <p class="buttons">
      {left.map(({ system, type }) => (
        <button
          type="button"
          key={`${system}/${type}`}
          onClick={() =>
            void told(
              api.call('buildImage', { body: { system, type } }),
              `${system}/${type} is being built: it is among the operations below.`,
            )
          }
        >
          Build {system}/{type}
        </button>
      ))}
    </p>
  );
}

const actionTexts = { mend: 'Mend it', adopt: 'Adopt it', discard: 'Discard it' } as const;

function Finding({
  finding: { id, severity, subject, found, remedy, actions },
  onTreated,
}: {
  readonly finding: FindingView;
  readonly onTreated: () => void;
}) {
  const treat = (action: FindingView['actions'][number]) => {
    if (action === 'discard' && !confirm(`${subject} is destroyed, with everything on it. Discard it?`)) return;
    void told(
      api.call('treatFinding', { params: { id, action }, body: {} }).then(({ done }) => done),
      `${actionTexts[action]}: done.`,
    ).then(onTreated);
  };
  return (
    <article class="finding">
      <p>
        <strong>
          {severity}: {subject}
        </strong>
      </p>
      <p>{found}</p>
      <p class="facts">{remedy}</p>
      {actions.map((action) => (
        <button
          type="button"
          key={action}
          class={action === 'discard' ? 'danger' : ''}
          aria-label={`${actionTexts[action]}: ${subject}`}
          onClick={() => treat(action)}
        >
          {actionTexts[action]}
        </button>
      ))}
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
