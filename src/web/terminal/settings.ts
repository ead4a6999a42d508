/** How a terminal looks, kept for all of them. */
import type { ITheme } from '@xterm/xterm';

export interface Settings {
  readonly fontSize: number;
  readonly theme: ThemeName;
  readonly isForScreenReader: boolean;
}

export const themes = {
  dark: { background: '#16181b', foreground: '#e8e8e6', cursor: '#8ab8f2', selectionBackground: '#3d5a80' },
  light: {
    background: '#ffffff',
    foreground: '#1c1e21',
    cursor: '#0b5bb5',
    selectionBackground: '#b9d4f5',
    black: '#1c1e21',
    red: '#a92020',
    green: '#1d6b34',
    yellow: '#7a4d00',
    blue: '#0b5bb5',
    magenta: '#7c2d8e',
    cyan: '#0f6a75',
    white: '#5a5f66',
    brightBlack: '#5a5f66',
    brightRed: '#a92020',
    brightGreen: '#1d6b34',
    brightYellow: '#7a4d00',
    brightBlue: '#0b5bb5',
    brightMagenta: '#7c2d8e',
    brightCyan: '#0f6a75',
    brightWhite: '#1c1e21',
  },
  contrast: { background: '#000000', foreground: '#ffffff', cursor: '#ffff00', selectionBackground: '#0050d0' },
} as const satisfies Readonly<Record<string, ITheme>>;

export type ThemeName = keyof typeof themes;

const storageKey = 'myserver.terminal.settings';

export function readSettings(): Settings {
  const usual: Settings = {
    fontSize: 15,
    theme: matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark',
    isForScreenReader: false,
  };
  try {
    const kept = JSON.parse(localStorage.getItem(storageKey) ?? '{}') as Partial<Settings>;
    return { ...usual, ...kept, theme: kept.theme !== undefined && kept.theme in themes ? kept.theme : usual.theme };
  } catch {
    return usual;
  }
}

export function keepSettings(settings: Settings): void {
  localStorage.setItem(storageKey, JSON.stringify(settings));
}
