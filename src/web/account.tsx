/** What is one's own: password, keys, tokens, live sessions, and what one did. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { bytesText, timeText } from './format.ts';
import { fieldOf, formOf } from './form.ts';
import { told, useLoaded } from './loaded.ts';
import { Problem, tell } from './parts.tsx';
import { api, signedIn } from './session.ts';
import { NewPasswordPage } from './sign-in.tsx';

/** What `load` gives, with the way to ask again. */
export function AccountPage() {
  const [isChanging, setChanging] = useState(false);
  const person = signedIn.value?.person ?? '';
  if (isChanging)
    return (
      <NewPasswordPage
        onDone={() => {
          setChanging(false);
          tell('Your password is another one now. Other sign-ins of yours have ended.');
        }}
      />
    );
  return (
    <>
      <div class="title">
        <h1>{person}</h1>
        <button type="button" onClick={() => setChanging(true)}>
          Change the password
        </button>
      </div>
      <Quota />
      <Keys person={person} />
      <Tokens />
      <Sessions />
      <Deeds />
    </>
  );
}

function Section({ title, problem, children }: { readonly title: string; readonly problem: string; readonly children: ComponentChildren }) {
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      <Problem text={problem} />
      {children}
    </section>
  );
}

function Quota() {
  const { value, problem } = useLoaded(async () => await api.call('me'));
  const person = value?.person ?? undefined;
  if (person === undefined) return <Problem text={problem} />;
  const { used, quota, role, groups } = person;
  const of = (limit: number | null, text: (value: number) => string) => (limit === null ? '' : ` of ${text(limit)}`);
  const plain = String;
  return (
    <p class="facts">
      {role}
      {groups.length === 0 ? '' : ` · ${groups.join(', ')}`} · {used.servers}
      {of(quota.servers, plain)} servers · {used.cpus}
      {of(quota.cpus, plain)} CPUs · {bytesText(used.memoryBytes)}
      {of(quota.memoryBytes, bytesText)} memory · {bytesText(used.diskBytes)}
      {of(quota.diskBytes, bytesText)} disk
    </p>
  );
}

function Keys({ person }: { readonly person: string }) {
  const { value, problem, again } = useLoaded(async () => await api.call('listKeys', { params: { name: person } }));
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    const form = formOf(event);
    const text = fieldOf(form, 'text');
    void told(
      api.call('addKeys', { params: { name: person }, body: { text } }),
      'The key is added; servers made from now on let it in.',
    ).then(() => {
      form?.reset();
      again();
    });
  };
  return (
    <Section title="SSH keys" problem={problem}>
      <ul class="rows">
        {value?.keys.map(({ fingerprint, algorithm, comment }) => (
          <li key={fingerprint}>
            <span>
              {algorithm} <code>{fingerprint}</code> {comment}
            </span>
            <button
              type="button"
              class="danger"
              aria-label={`Remove the key ${fingerprint}`}
              onClick={() =>
                void told(api.call('removeKey', { params: { name: person, id: fingerprint } }), 'The key is removed.').then(again)
              }
            >
              Remove
            </button>
          </li>
        ))}
      </ul>
      <form onSubmit={onSubmit}>
        <label>
          Add a public key: OpenSSH, RFC 4716 or PuTTY .ppk
          <textarea name="text" rows={3} required spellcheck={false} />
        </label>
        <button>Add</button>
      </form>
    </Section>
  );
}

function Tokens() {
  const { value, problem, again } = useLoaded(async () => await api.call('listTokens'));
  return (
    <Section title="Signed in" problem={problem}>
      <ul class="rows">
        {value?.tokens.map(({ id, label, createdAt, expiresAt, current }) => (
          <li key={id}>
            <span>
              {label === '' ? 'a token' : label}
              {current ? ' (here)' : ''}, since {timeText(createdAt)}, until {timeText(expiresAt)}
            </span>
            {current ? null : (
              <button
                type="button"
                class="danger"
                aria-label={`End ${label}, since ${timeText(createdAt)}`}
                onClick={() => void told(api.call('revokeToken', { params: { id } }), 'That sign-in has ended.').then(again)}
              >
                End
              </button>
            )}
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Sessions() {
  const { value, problem, again } = useLoaded(async () => await api.call('listSessions'));
  return (
    <Section title="Live sessions" problem={problem}>
      {value?.sessions.length === 0 ? <p>None.</p> : null}
      <ul class="rows">
        {value?.sessions.map(({ id, kind, detail, from, since, bytesIn, bytesOut, person }) => (
          <li key={id}>
            <span>
              {person ?? 'Somebody without an account'}: {kind} {detail}, from {from ?? 'here'} since {timeText(since)},{' '}
              {bytesText(bytesIn)} in, {bytesText(bytesOut)} out
            </span>
            <button
              type="button"
              class="danger"
              aria-label={`End the session ${detail}`}
              onClick={() => void told(api.call('endSession', { params: { id } }), 'It is being ended.').then(again)}
            >
              End
            </button>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Deeds() {
  const { value, problem } = useLoaded(async () => await api.call('listAudit', { query: { limit: 100 } }));
  return (
    <Section title="What you did" problem={problem}>
      <ul class="rows">
        {value?.lines.map(({ at, deed, serverId, allowed, detail, via, from }, index) => (
          <li key={index}>
            <span>
              {timeText(at)}: {deed}
              {serverId === null ? '' : ` server ${serverId}`} {detail} {allowed ? '' : '(refused)'}
            </span>
            <span class="facts">
              {via} {from ?? ''}
            </span>
          </li>
        ))}
      </ul>
    </Section>
  );
}
