/** People's SSH public keys. */
import { mayInHouse } from '../../core/access.ts';
import { fault, toFault } from '../../core/errors.ts';
import { shorten } from '../../core/ids.ts';
import { parsePersonName, type PersonName } from '../../core/names.ts';
import { parsePublicKeys, publicKeyLine } from '../../core/ssh-key.ts';
import type { PersonKey } from '../../store/people.ts';
import { type Caller, personOf } from '../caller.ts';
import { keyFingerprint } from '../key-fingerprint.ts';
import { perform } from './deed.ts';
import type { PeopleParts } from './parts.ts';

export interface KeyVerbs {
  /** Oldest first. One's own; staff and administrators anybody's. */
  list(caller: Caller, person: string): Promise<readonly PersonKey[]>;
  /**
   * All keys in `text`, and into the servers named at once. Those the person has already are left as they are, unless there is nothing else to do:
   * `key-exists`. Throws `bad-key`; and what a server threw that the keys could not be put into, after all others have been tried.
   */
  add(caller: Caller, person: string, text: string, servers?: readonly number[]): Promise<readonly PersonKey[]>;
  /** Servers made before keep it. Throws `no-such-key`. */
  remove(caller: Caller, person: string, fingerprint: string): Promise<void>;
}

/** Each of them goes into every server of the person: a few hundred bytes at each create. */
const mostKeys = 100;

export function makeKeyVerbs({ store, pushKeys, onPersonChanged }: PeopleParts): KeyVerbs {
  function requireOwn(caller: Caller, person: PersonName): void {
    if (personOf(caller) === person || mayInHouse(caller.actor, 'manage-people')) return;
    throw fault('not-allowed', "only administrators may change another person's keys");
  }

  return {
    async list(caller, text) {
      const person = parsePersonName(text);
      if (personOf(caller) !== person && !mayInHouse(caller.actor, 'see-people'))
        throw fault('not-allowed', "only staff and administrators may see another person's keys");
      if ((await store.people.get(person)) === undefined) throw fault('no-such-person', `there is no person named ${person}`);
      return store.personKeys.list(person);
    },

    async add(caller, personText, text, servers = []) {
      const person = parsePersonName(personText);
      const { keys } = parsePublicKeys(text);
      const given = keys.map((key) => ({ ...key, person, fingerprint: keyFingerprint(key.blob) }));
      const detail = `of ${person}: ${given.map(({ fingerprint }) => fingerprint).join(' ')}`.slice(0, 500);
      const held = await perform(store, caller, { deed: 'key-add', detail }, async ({ personKeys }) => {
        requireOwn(caller, person);
        const before = await personKeys.list(person);
        const fresh = given.filter(({ fingerprint }) => !before.some((key) => key.fingerprint === fingerprint));
        if (fresh.length === 0 && servers.length === 0)
          throw fault(
            'key-exists',
            `${person} has ${given.length === 1 ? 'that key' : 'those keys'} already; "myserver key list" shows all`,
          );
        if (before.length + fresh.length > mostKeys)
          throw fault('conflict', `${person} has ${before.length} keys, and at most ${mostKeys} are kept; remove some first`);
        const added: PersonKey[] = [];
        for (const key of fresh) added.push(await personKeys.add(key));
        return given.flatMap(({ fingerprint }) => [...before, ...added].find((key) => key.fingerprint === fingerprint) ?? []);
      });
      await push(caller, keys.map(publicKeyLine), servers);
      return held;
    },

    async remove(caller, personText, fingerprint) {
      const person = parsePersonName(personText);
      const deed = { deed: 'key-remove', detail: `of ${person}: ${shorten(fingerprint)}` };
      await perform(store, caller, deed, async ({ personKeys }) => {
        requireOwn(caller, person);
        await personKeys.remove(person, fingerprint);
      });
      onPersonChanged(person);
    },
  };

  async function push(caller: Caller, lines: readonly string[], servers: readonly number[]): Promise<void> {
    const failed: { readonly id: number; readonly error: unknown }[] = [];
    for (const id of new Set(servers)) {
      await pushKeys(caller, id, lines).catch((error: unknown) => failed.push({ id, error }));
    }
    const [first] = failed;
    if (first === undefined) return;
    const { code, message } = toFault(first.error);
    const others =
      failed.length === 1
        ? ''
        : ` (and not into ${failed
            .slice(1)
            .map(({ id }) => id)
            .join(', ')})`;
    throw fault(code, `the account has the keys now, but they could not be put into server ${first.id}${others}: ${message}`, {
      cause: first.error,
    });
  }
}
