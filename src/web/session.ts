/**
 * Who is signed in, in all tabs of this origin. The token is short-lived and renewed while a page is open, by one tab for all; a copy of it is soon useless,
 * and shown after a renewal it ends both (see the call `renewToken`). There is no cookie, so no other page can make a browser act for a person.
 */
import { signal } from '@preact/signals';
import type { Role } from '../core/access.ts';
import { type Client, makeClient } from '../client/client.ts';
import { faultCode } from './faults.ts';

export interface SignedIn {
  readonly person: string;
  readonly token: string;
  readonly expiresMs: number;
  readonly renewAtMs: number;
  readonly passwordMustChange: boolean;
}

const storageKey = 'myserver.signed-in';
/** Without a page that renews it, a token is good for so long. */
const lifetimeSeconds = 3600;
/** Of it, how much may go by before it is renewed. */
const renewAfter = 0.25;
const lookMs = 15_000;

function stored(): SignedIn | undefined {
  try {
    const value = JSON.parse(localStorage.getItem(storageKey) ?? 'null') as SignedIn | null;
    return value !== null && value.expiresMs > Date.now() ? value : undefined;
  } catch {
    return undefined;
  }
}

function store(value: SignedIn | undefined): void {
  if (value === undefined) localStorage.removeItem(storageKey);
  else localStorage.setItem(storageKey, JSON.stringify(value));
  signedIn.value = value;
}

export const signedIn = signal<SignedIn | undefined>(stored());

/** Of who is signed in, as the API last said. */
export const ownRole = signal<Role>('user');

/** Why somebody has to sign in again; empty at first. */
export const signedOutBecause = signal('');

const raw: Client = makeClient({
  baseUrl: location.origin,
  fetch: async (url, init) => await fetch(url, { ...init, cache: 'no-store', credentials: 'omit' }),
  authorization: () => (signedIn.value === undefined ? undefined : `Bearer ${signedIn.value.token}`),
});

/** The API as who is signed in. A sign-in that counts no more is over here, too. */
export const api: Client = {
  async call(name, ...args) {
    const before = signedIn.value?.token;
    try {
      return await raw.call(name, ...args);
    } catch (error) {
      if (faultCode(error) === 'not-signed-in' && before !== undefined && before === signedIn.value?.token) {
        // Another tab may have renewed it a moment ago.
        signedIn.value = stored();
        if (signedIn.value === undefined || signedIn.value.token === before) signOutHere('Your sign-in has ended: sign in again.');
        else return await raw.call(name, ...args);
      }
      throw error;
    }
  },
};

function from(person: string, token: string, expiresAt: string, passwordMustChange: boolean): SignedIn {
  const expiresMs = Date.parse(expiresAt);
  return { person, token, expiresMs, renewAtMs: Date.now() + (expiresMs - Date.now()) * renewAfter, passwordMustChange };
}

/** Throws what the call `login` throws. */
export async function signIn(person: string, password: string): Promise<void> {
  const made = await raw.call('login', { body: { person, password, label: `browser: ${browserName()}`, lifetimeSeconds } });
  signedOutBecause.value = '';
  store(from(person, made.token, made.expiresAt, made.passwordMustChange));
}

/** Throws what the call `personPassword` throws. */
export async function changePassword(current: string, next: string): Promise<void> {
  const who = signedIn.value;
  if (who === undefined) return;
  await api.call('personPassword', { params: { name: who.person }, body: { current, next } });
  store({ ...who, passwordMustChange: false });
}

export async function signOut(): Promise<void> {
  await raw.call('revokeToken', { params: { id: 'current' } }).catch(() => {});
  signOutHere('');
}

function signOutHere(why: string): void {
  signedOutBecause.value = why;
  store(undefined);
}

async function renew(): Promise<void> {
  await navigator.locks.request('myserver.renew', async () => {
    const now = stored();
    if (now?.token !== signedIn.value?.token) signedIn.value = now;
    if (now === undefined || now.renewAtMs > Date.now() || now.passwordMustChange) return;
    const made = await api.call('renewToken');
    store(from(now.person, made.token, made.expiresAt, now.passwordMustChange));
  });
}

export function keepSignedIn(): void {
  addEventListener('storage', ({ key }) => {
    if (key === storageKey || key === null) signedIn.value = stored();
  });
  const look = () => void renew().catch(() => {});
  setInterval(look, lookMs);
  addEventListener('visibilitychange', look);
  look();
}

function browserName(): string {
  const [found = 'unknown'] = /Firefox|Edg|OPR|Chrome|Safari/u.exec(navigator.userAgent) ?? [];
  return `${found.replace('Edg', 'Edge').replace('OPR', 'Opera')} on ${/Android|iPhone|iPad|Windows|Mac OS X|Linux/u.exec(navigator.userAgent)?.[0] ?? 'something'}`;
}
