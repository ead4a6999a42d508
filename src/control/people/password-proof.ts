/** Whether somebody knows a person's password: tries bounded, counted, slowed and noted. */
import { Secret } from '../../base/secret.ts';
import { fault } from '../../core/errors.ts';
import { shorten } from '../../core/ids.ts';
import { parsePersonName, type PersonName } from '../../core/names.ts';
import { networkOf } from '../../core/peer-address.ts';
import type { AuditVia } from '../../store/records.ts';
import { makeFairQueue } from './fair-queue.ts';
import { hashPassword, verifyPassword } from './password-hash.ts';
import type { PeopleParts } from './parts.ts';
import type { TryThrottle } from './try-throttle.ts';

/** Where from and by which door somebody asks. */
export interface Approach {
  readonly via: AuditVia;
  readonly fromAddress: string | undefined;
}

/**
 * Gives the person and the hash that the store has for that password. Throws `wrong-password` and `too-many-tries`, and writes the audit's line then;
 * what follows a right password is the caller's to note. `text` is what the person typed as a name.
 */
export type PasswordProof = (
  text: string,
  password: Secret,
  approach: Approach,
  deed: string,
) => Promise<{ readonly name: PersonName; readonly hash: Secret }>;

/** Two at 19 MiB each use both cores of a small host; the hundredth login at once waits about two seconds. */
const queueOptions = { maxRunning: 2, maxWaiting: 512, maxWaitingInLane: 128 };

const longestPasswordBytes = 1024;

export function makePasswordProof({ store, random }: PeopleParts, throttle: TryThrottle): PasswordProof {
  const queue = makeFairQueue(queueOptions);

  /** Unless somebody has set another password meanwhile. */
  async function rehash(name: PersonName, old: Secret, password: Secret): Promise<Secret> {
    const fresh = await hashPassword(password, random);
    await store.atomically(async ({ people }) => {
      const [now, person] = [await people.passwordHash(name), await people.get(name)];
      if (now?.reveal() === old.reveal() && person !== undefined)
        await people.setPassword(name, fresh, { mustChange: person.passwordMustChange });
    });
    return fresh;
  }

  return async (text, password, { via, fromAddress }, deed) => {
    const address = fromAddress ?? '';
    const name = nameOrUndefined(text);
    throttle.check(text, address);
    return queue.run(`${networkOf(address)} ${text}`, async () => {
      throttle.check(text, address);
      const isTooLong = Buffer.byteLength(password.reveal()) > longestPasswordBytes;
      const hash = name === undefined || isTooLong ? undefined : await store.people.passwordHash(name);
      const verdict = await verifyPassword(isTooLong ? new Secret('') : password, hash);
      if (verdict.isRight && hash !== undefined && name !== undefined) {
        throttle.succeeded(text, address);
        return { name, hash: verdict.isOutdated ? await rehash(name, hash, password) : hash };
      }
      const what = name === undefined ? `no person's name: ${shorten(text)}` : 'wrong password';
      const detail = throttle.failed(text, address) ? `${what}; further tries are refused for a while` : what;
      await store.audit.append({ person: name, via, fromAddress, deed, server: undefined, allowed: false, detail });
      throw fault('wrong-password', 'the name or the password is wrong; both count capital and small letters apart');
    });
  };
}

/** The person's name that a text is; undefined for whatever can be none. */
export function nameOrUndefined(text: string): PersonName | undefined {
  try {
    return parsePersonName(text);
  } catch {
    return undefined;
  }
}
