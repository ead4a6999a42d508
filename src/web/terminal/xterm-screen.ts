/** xterm.js as our page uses it: what it shows, how it is measured, and what a program on the server may not do by itself. */
import { FitAddon } from '@xterm/addon-fit';
import { SearchAddon } from '@xterm/addon-search';
import { Unicode11Addon } from '@xterm/addon-unicode11';
import { WebLinksAddon } from '@xterm/addon-web-links';
import { Terminal } from '@xterm/xterm';
import type { Screen } from './connection.ts';
import { type Settings, themes } from './settings.ts';

export interface TerminalScreen extends Screen {
  set(settings: Settings): void;
  /** Somebody else's window decides how large it is; undefined: this one's. */
  follow(size: { readonly columns: number; readonly rows: number } | undefined): void;
  find(text: string, isBackwards: boolean): void;
  focus(): void;
  dispose(): void;
}

export interface ScreenHears {
  input(data: string | Uint8Array): void;
  resized(size: { readonly columns: number; readonly rows: number }): void;
  /** The command "download" on the server: a path there. Anything that is printed can say so: the person is asked. */
  offered(path: string): void;
  /** By keyboard out of the terminal, to which Tab is a key as any other. */
  left(): void;
}

/** Of one line more or less; what the gateway keeps for a page that comes back is less. */
const scrollbackLines = 10_000;

export function makeTerminal(place: HTMLElement, settings: Settings, hears: ScreenHears): TerminalScreen {
  const terminal = newTerminal(settings);
  const [fit, search] = [new FitAddon(), new SearchAddon()];
  for (const addon of [fit, search, new WebLinksAddon((_event, uri) => openLink(uri)), new Unicode11Addon()]) terminal.loadAddon(addon);
  terminal.unicode.activeVersion = '11';
  /** What is shown again has had its answers. */
  let isReplaying = false;
  takeWishes(terminal, hears, () => isReplaying);
  letOut(terminal, hears);
  terminal.open(place);
  fit.fit();
  let followed: { readonly columns: number; readonly rows: number } | undefined;
  let isMine = true;
  const measured = () => {
    if (isMine) fit.fit();
  };
  const watching = new ResizeObserver(measured);
  watching.observe(place);
  terminal.onData((data) => {
    if (isReplaying) return;
    // Whoever types here decides how large it is.
    if (!isMine && followed !== undefined) claim();
    hears.input(data);
  });
  terminal.onBinary((data) => hears.input(Uint8Array.from(data, (character) => character.charCodeAt(0))));
  terminal.onResize(({ cols, rows }) => {
    if (isMine) hears.resized({ columns: cols, rows });
  });
  terminal.focus();

  function claim(): void {
    isMine = true;
    followed = undefined;
    fit.fit();
    hears.resized({ columns: terminal.cols, rows: terminal.rows });
  }

  return {
    get size() {
      return { columns: terminal.cols, rows: terminal.rows };
    },
    write(data, isReplay, shown) {
      if (!isReplay) return terminal.write(data, shown);
      isReplaying = true;
      terminal.write(data, () => {
        isReplaying = false;
        shown();
      });
    },
    reset: () => terminal.reset(),
    set(next) {
      Object.assign(terminal.options, optionsOf(next));
      measured();
    },
    follow(size) {
      isMine = size === undefined;
      followed = size;
      if (size === undefined) measured();
      else terminal.resize(size.columns, size.rows);
    },
    find(text, isBackwards) {
      if (isBackwards) search.findPrevious(text);
      else search.findNext(text);
    },
    focus: () => terminal.focus(),
    dispose() {
      watching.disconnect();
      terminal.dispose();
    },
  };
}

function newTerminal(settings: Settings): Terminal {
  return new Terminal({
    ...optionsOf(settings),
    allowProposedApi: true,
    scrollback: scrollbackLines,
    cursorBlink: false,
    macOptionIsMeta: true,
    rightClickSelectsWord: false,
    fontFamily: 'ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace',
    linkHandler: { activate: (_event, uri) => openLink(uri) },
  });
}

function optionsOf({ fontSize, theme, isForScreenReader }: Settings) {
  return { fontSize, theme: themes[theme], screenReaderMode: isForScreenReader, minimumContrastRatio: theme === 'contrast' ? 7 : 4.5 };
}

function openLink(uri: string): void {
  if (/^(?:https?|mailto):/iu.test(uri)) open(uri, '_blank', 'noopener,noreferrer');
}

/** By keyboard to what stands above it. */
function letOut(terminal: Terminal, hears: Pick<ScreenHears, 'left'>): void {
  terminal.attachCustomKeyEventHandler((event) => {
    if (event.key !== 'F6' || !event.shiftKey) return true;
    event.preventDefault();
    if (event.type === 'keydown') hears.left();
    return false;
  });
}

/** What programs on the server ask of a terminal by sequences of their own. */
function takeWishes(terminal: Terminal, hears: Pick<ScreenHears, 'offered'>, isReplaying: () => boolean): void {
  const inText = (take: (data: string) => void) => (data: string) => {
    if (!isReplaying()) take(data);
    return true;
  };
  terminal.parser.registerOscHandler(52, inText(askBeforeClipboard));
  terminal.parser.registerOscHandler(
    1337,
    inText((data) => {
      const path = decoded(/^Download=([A-Za-z\d+/=]+)$/u.exec(data)?.[1] ?? '');
      if (path.startsWith('/')) hears.offered(path);
    }),
  );
}

/** OSC 52: a program, or a file that somebody prints, would put what it likes where the person pastes from. Reading is never answered. */
function askBeforeClipboard(data: string): void {
  const text = decoded(/^[^;]*;([A-Za-z\d+/=]+)$/u.exec(data)?.[1] ?? '');
  if (text !== '' && confirm(`A program in this terminal wants to put this on your clipboard:\n\n${text.slice(0, 500)}`))
    void navigator.clipboard.writeText(text);
}

function decoded(base64: string): string {
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
  } catch {
    return '';
  }
}
