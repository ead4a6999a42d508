/** The terminal's page, `/ssh/ID`: xterm.js, what one can do about it, and the sign-in before it. */
import { render } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { FromTerminal } from '../../contract/terminal.ts';
import type { SessionView } from '../../contract/schemas.ts';
import { sentenceOf } from '../faults.ts';
import { fieldOf, formOf } from '../form.ts';
import { timeText } from '../format.ts';
import { api, keepSignedIn, signedIn } from '../session.ts';
import { UploadList } from '../files/uploads.tsx';
import { Question } from '../question.tsx';
import { NewPasswordPage, SignInPage } from '../sign-in.tsx';
import { type Connection, connect, knockedAs, hasOne, type Right, takeUp } from './connection.ts';
import { Offers, useFiles } from './files.tsx';
import { keepSettings, readSettings, type Settings } from './settings.ts';
import { Toolbar } from './toolbar.tsx';
import { makeTerminal, type TerminalScreen } from './xterm-screen.ts';

/** A program can offer files without end. */
const mostOffered = 5;

type State = 'connecting' | 'open' | 'lost' | 'over';

const [, idText = '0'] = /^\/ssh\/(\d+)/u.exec(location.pathname) ?? [];
const server = Number(idText);

/** Behind `#`, so that it is in no log: `#join=KEY&session=NAME`. */
const fragment = new URLSearchParams(location.hash.slice(1));
const joinKey = fragment.get('join');

/** `/ssh/123?user=other`: another one than the server's first, by their own password. */
const userAsked = new URLSearchParams(location.search).get('user');

const asOwner: Right = {
  kind: 'owner',
  ticket: async () =>
    (await api.call('openTerminal', { params: { id: server }, body: userAsked === null ? {} : { user: userAsked } })).ticket,
};

const stateTexts: Readonly<Record<State, string>> = {
  connecting: 'Connecting…',
  open: '',
  lost: 'The connection is lost. Trying again; the terminal goes on for five minutes.',
  over: 'This session is over.',
};

function endOf(message: Extract<FromTerminal, { kind: 'over' | 'refused' }>): string {
  if (message.kind === 'refused') return sentenceOf(new Error(message.message));
  const [, code] = /^exit (\d+)$/u.exec(message.reason) ?? [];
  if (code === '0') return 'The shell has ended.';
  return code === undefined ? `It ended: ${message.reason}.` : `The shell has ended, with the code ${code}.`;
}

/** The terminal in that place of the page, and what it has told. */
function useTerminal(settings: Settings, right: Right) {
  const place = useRef<HTMLDivElement>(null);
  const screen = useRef<TerminalScreen>(undefined);
  const connection = useRef<Connection>(undefined);
  const [state, setState] = useState<State>('connecting');
  const [told, setTold] = useState<Told>(nothingTold);
  const [offered, setOffered] = useState<readonly string[]>([]);

  function take(message: FromTerminal): void {
    if (message.kind === 'entered') {
      document.title = `${message.user} on server ${message.server}`;
      screen.current?.follow(message.mode === 'type' ? undefined : message);
      screen.current?.focus();
    } else if (message.kind === 'resized') screen.current?.follow(message);
    setTold((before) => withMessage(before, message));
  }

  useEffect(() => {
    if (place.current === null) return undefined;
    const made = makeTerminal(place.current, settings, {
      input: (data) => connection.current?.input(data),
      resized: (size) => void connection.current?.send({ kind: 'resize', ...size }),
      left: () => document.querySelector<HTMLElement>('.toolbar a')?.focus(),
      offered: (path) => setOffered((before) => [...before.filter((one) => one !== path), path].slice(-mostOffered)),
    });
    screen.current = made;
    connection.current = connect({ server, right, screen: made, hears: { message: take, state: setState } });
    return () => {
      connection.current?.close();
      made.dispose();
    };
  }, []);

  const withoutOffer = (path: string) => setOffered((before) => before.filter((one) => one !== path));
  return { place, screen, connection, state, told, offered, withoutOffer };
}

interface Told {
  readonly entered: Extract<FromTerminal, { kind: 'entered' }> | undefined;
  readonly viewers: number;
  readonly shared: Extract<FromTerminal, { kind: 'shared' }> | undefined;
  readonly end: string;
  /** Which question, so that the same one asked again is another. */
  readonly question: Extract<FromTerminal, { kind: 'question' }> | undefined;
}

const nothingTold: Told = { entered: undefined, viewers: 1, shared: undefined, end: '', question: undefined };

function withMessage(told: Told, message: FromTerminal): Told {
  switch (message.kind) {
    case 'entered':
      return { ...told, entered: message, end: '', question: undefined };
    case 'viewers':
      return { ...told, viewers: message.count };
    case 'shared':
      return { ...told, shared: message };
    case 'question':
      return { ...told, question: message };
    case 'over':
    case 'refused':
      return { ...told, end: endOf(message), question: undefined };
    case 'alive':
    case 'again':
    case 'replay':
    case 'resized':
    case 'files':
      return told;
  }
}

function TerminalPage({ right }: { readonly right: Right }) {
  const [settings, setSettings] = useState<Settings>(readSettings);
  const { place, screen, connection, state, told, offered, withoutOffer } = useTerminal(settings, right);
  const [answered, setAnswered] = useState<Told['question']>();
  const change = (next: Settings) => {
    keepSettings(next);
    setSettings(next);
    screen.current?.set(next);
  };
  const files = useFiles(connection);
  const isOwner = right.kind !== 'guest';
  const type = (data: string) => {
    connection.current?.input(data);
    screen.current?.focus();
  };
  const answer = (text: string | null) => {
    setAnswered(told.question);
    connection.current?.send({ kind: 'answer', text });
  };
  return (
    <>
      <Toolbar
        {...{ server, settings, change, type, ...told }}
        isOpen={state === 'open'}
        isOwner={isOwner}
        home={right.kind === 'owner' ? `/#/servers/${server}` : '/'}
        files={files}
        send={(message) => void connection.current?.send(message)}
        find={(text, isBackwards) => screen.current?.find(text, isBackwards)}
      />
      {stateTexts[state] === '' ? null : (
        <p class="state" role="status">
          {told.end === '' ? stateTexts[state] : told.end}
          {state === 'over' && isOwner ? (
            <button type="button" onClick={() => connection.current?.anew()}>
              New session
            </button>
          ) : null}
        </p>
      )}
      {told.question === undefined || told.question === answered ? null : <Question text={told.question.text} onAnswer={answer} />}
      {isOwner ? <Offers {...{ offered, files, withoutOffer }} /> : null}
      {files.uploads === undefined ? null : <UploadList uploads={files.uploads} />}
      <main class="terminal-place" ref={place} {...(isOwner ? files.dropping : {})} />
    </>
  );
}

function Page() {
  const [user, setUser] = useState(knockedAs(server));
  const who = signedIn.value;
  if (joinKey !== null) return <TerminalPage right={{ kind: 'guest', key: joinKey, session: fragment.get('session') ?? '' }} />;
  if (who === undefined && user !== null) return <TerminalPage right={{ kind: 'knock', user }} />;
  if (who === undefined)
    return (
      <>
        <SignInPage />
        <KnockForm onUser={setUser} />
      </>
    );
  if (who.passwordMustChange) return <NewPasswordPage />;
  return hasOne(server) ? <TerminalPage right={asOwner} /> : <ChoicePage />;
}

/** Whoever has no account here, but a user and a password of this server. */
function KnockForm({ onUser }: { readonly onUser: (user: string) => void }) {
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    onUser(fieldOf(formOf(event), 'user').trim());
  };
  return (
    <section class="narrow" aria-label="Without an account">
      <details open={userAsked !== null}>
        <summary>Without an account here, as a user of server {server}</summary>
        <form onSubmit={onSubmit}>
          <label>
            User on server {server}
            <input name="user" defaultValue={userAsked ?? ''} autocomplete="off" autocapitalize="none" spellcheck={false} required />
          </label>
          <p>The server asks for that user's password.</p>
          <button>Go on</button>
        </form>
      </details>
    </section>
  );
}

/** Other terminals of this person on this server, from another tab or device: one of them, or a new one. Without any it is a new one at once. */
function ChoicePage() {
  const [others, setOthers] = useState<readonly SessionView[]>();
  const [isChosen, setChosen] = useState(false);
  useEffect(() => {
    api.call('listSessions').then(
      ({ sessions }) => setOthers(sessions.filter(({ serverId, terminal }) => serverId === server && terminal !== null)),
      () => setOthers([]),
    );
  }, []);
  if (isChosen || others?.length === 0) return <TerminalPage right={asOwner} />;
  const choose = (terminal: string | null) => {
    if (terminal !== null) takeUp(server, terminal);
    setChosen(true);
  };
  return (
    <main class="narrow">
      <h1>Server {server}</h1>
      {others === undefined ? (
        <p>Looking…</p>
      ) : (
        <>
          <ul class="rows">
            {others.map(({ id, terminal, since, from }) => (
              <li key={id}>
                <span>
                  Your terminal since {timeText(since)}, from {from ?? 'here'}
                </span>
                <button type="button" class="main" onClick={() => choose(terminal)}>
                  Take it up
                </button>
              </li>
            ))}
          </ul>
          <p>
            <button type="button" onClick={() => choose(null)}>
              A new one
            </button>
          </p>
        </>
      )}
    </main>
  );
}

const root = document.querySelector('#terminal-page');
if (root !== null) {
  keepSignedIn();
  render(<Page />, root);
}
