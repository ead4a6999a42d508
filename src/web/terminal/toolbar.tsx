/** What stands above the terminal: who is there, how it looks, links for others, and the keys that a touch keyboard has not. */
import { useState } from 'preact/hooks';
import type { FromTerminal, ToTerminal, WatchMode } from '../../contract/terminal.ts';
import { Copyable } from '../parts.tsx';
import { FilesMenu, type TerminalFiles } from './files.tsx';
import { type Settings, type ThemeName, themes } from './settings.ts';

export interface ToolbarProps {
  readonly server: number;
  readonly settings: Settings;
  readonly change: (settings: Settings) => void;
  readonly entered: Extract<FromTerminal, { kind: 'entered' }> | undefined;
  readonly viewers: number;
  readonly shared: Extract<FromTerminal, { kind: 'shared' }> | undefined;
  readonly isOpen: boolean;
  readonly isOwner: boolean;
  /** Where the server's number leads. */
  readonly home: string;
  readonly files: TerminalFiles;
  readonly send: (message: ToTerminal) => void;
  readonly find: (text: string, isBackwards: boolean) => void;
  readonly type: (data: string) => void;
}

const touchKeys: readonly (readonly [string, string])[] = [
  ['Esc', '\u{1B}'],
  ['Tab', '\t'],
  ['Ctrl-C', '\u{3}'],
  ['Ctrl-D', '\u{4}'],
  ['Ctrl-Z', '\u{1A}'],
  ['↑', '\u{1B}[A'],
  ['↓', '\u{1B}[B'],
  ['←', '\u{1B}[D'],
  ['→', '\u{1B}[C'],
];

const isTouch = matchMedia('(pointer: coarse)').matches;

export function Toolbar(props: ToolbarProps) {
  const { server, entered, viewers, isOpen, isOwner, type } = props;
  return (
    <header class="toolbar">
      <h1>
        <a href={props.home} target="_top">
          Server {server}
        </a>
      </h1>
      <span class="facts">
        {entered?.user ?? ''}
        {entered?.mode === 'watch' ? ' · watching' : ''}
        {viewers > 1 ? ` · ${viewers} are here` : ''}
        {entered === undefined || entered.recordedBy === null ? '' : ` · recorded, by wish of the ${entered.recordedBy}`}
      </span>
      <Find find={props.find} />
      <Look settings={props.settings} change={props.change} />
      {isOwner && isOpen ? <FilesMenu files={props.files} /> : null}
      {isOwner && isOpen ? <Share {...props} /> : null}
      {isTouch && isOpen && entered?.mode === 'type' ? (
        <span class="touch-keys">
          {touchKeys.map(([name, data]) => (
            <button type="button" key={name} onClick={() => type(data)}>
              {name}
            </button>
          ))}
        </span>
      ) : null}
    </header>
  );
}

function Find({ find }: Pick<ToolbarProps, 'find'>) {
  return (
    <input
      type="search"
      aria-label="Find in the terminal"
      placeholder="Find"
      onKeyDown={(event) => (event.key === 'Enter' ? find(event.currentTarget.value, !event.shiftKey) : undefined)}
    />
  );
}

function Look({ settings, change }: Pick<ToolbarProps, 'settings' | 'change'>) {
  const size = (by: number) => change({ ...settings, fontSize: Math.min(40, Math.max(8, settings.fontSize + by)) });
  return (
    <details class="menu">
      <summary>View</summary>
      <div>
        <p>
          <button type="button" aria-label="Smaller letters" onClick={() => size(-1)}>
            A−
          </button>{' '}
          <button type="button" aria-label="Larger letters" onClick={() => size(1)}>
            A+
          </button>
        </p>
        <label>
          Colours
          <select value={settings.theme} onChange={({ currentTarget }) => change({ ...settings, theme: currentTarget.value as ThemeName })}>
            {Object.keys(themes).map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={settings.isForScreenReader}
            onChange={({ currentTarget }) => change({ ...settings, isForScreenReader: currentTarget.checked })}
          />
          For a screen reader
        </label>
        <p>Shift+F6 leads out of the terminal, where Tab is a key as any other.</p>
      </div>
    </details>
  );
}

const times: readonly (readonly [string, number])[] = [
  ['15 minutes', 900],
  ['1 hour', 3600],
  ['8 hours', 28_800],
  ['a day', 86_400],
];

function Share({ server, entered, shared, send }: ToolbarProps) {
  const [mode, setMode] = useState<WatchMode>('watch');
  const [seconds, setSeconds] = useState(3600);
  const url =
    shared === undefined || entered === undefined
      ? ''
      : `${location.origin}/ssh/${server}#${new URLSearchParams({ join: shared.key, session: entered.session }).toString()}`;
  return (
    <details class="menu">
      <summary>Share</summary>
      <div>
        <label>
          Whoever has the link may
          <select value={mode} onChange={({ currentTarget }) => setMode(currentTarget.value as WatchMode)}>
            <option value="watch">watch</option>
            <option value="type">watch and type</option>
          </select>
        </label>
        <label>
          for
          <select value={seconds} onChange={({ currentTarget }) => setSeconds(Number(currentTarget.value))}>
            {times.map(([name, value]) => (
              <option key={value} value={value}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <p>
          <button type="button" class="main" onClick={() => send({ kind: 'share', mode, seconds })}>
            Make a link
          </button>{' '}
          <button type="button" onClick={() => send({ kind: 'unshare' })}>
            Take all back
          </button>
        </p>
        {url === '' ? null : <Copyable text={url} label="link to this terminal" />}
        <p>
          <button type="button" class="danger" onClick={() => send({ kind: 'end' })}>
            End this session
          </button>
        </p>
      </div>
    </details>
  );
}
