/** From a credential of the gateway to a caller, by what is true now: the person may be gone or disabled, their key removed, their password another. */
import { createHash } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import type { Secret } from '../../base/secret.ts';
import { unreachable } from '../../base/brand.ts';
import type { PersonActor } from '../../core/access.ts';
import { fault } from '../../core/errors.ts';
import { parsePersonName, type PersonName } from '../../core/names.ts';
import type { Store } from '../../store/store.ts';
import type { Caller } from '../caller.ts';
import { keyFingerprint } from '../key-fingerprint.ts';
import type { Credentials, Proof, Statement } from './session-credential.ts';

export interface GatewayCaller {
  readonly caller: Caller & { readonly actor: PersonActor };
  readonly passwordMustChange: boolean;
  /** The same by what is true when it is called; undefined when the credential counts no more. */
  readonly recheck: () => Promise<PersonActor | undefined>;
}

export interface GatewayCallers {
  /** Throws `not-signed-in`. */
  admit(credential: string): Promise<GatewayCaller>;
  /** The same, undefined instead of a fault. */
  look(credential: string): Promise<GatewayCaller | undefined>;
}

export interface GatewayCallersOptions {
  readonly store: Store;
  readonly credentials: Credentials;
  readonly clock: Clock;
  /** Authorities whose certificates count, as OpenSSH lines. */
  readonly authorities: readonly string[];
}

/** Tells whether a password is still the one that was shown, and nothing else of it. */
export function passwordTag(hash: Secret): string {
  return createHash('sha256').update(`gateway ${hash.reveal()}`).digest('hex').slice(0, 32);
}

/** Sign-ins that have changed their own password and are still remembered; a restart of control forgets them, and then the new password is asked for. */
const mostKept = 10_000;

export function makeGatewayCallers({ store, credentials, clock, authorities }: GatewayCallersOptions): GatewayCallers {
  /** By credential: the tag of the password that was set with it. */
  const kept = new Map<string, string>();

  function keep(credential: string, hash: Secret): void {
    const [oldest] = kept.keys();
    if (kept.size >= mostKept && oldest !== undefined) kept.delete(oldest);
    kept.set(credential, passwordTag(hash));
  }

  async function holds(name: PersonName, proof: Proof, credential: string): Promise<boolean> {
    switch (proof.kind) {
      case 'key':
        return (await store.personKeys.byFingerprint(proof.fingerprint)).some(({ person }) => person === name);
      case 'password': {
        const hash = await store.people.passwordHash(name);
        return hash !== undefined && [proof.tag, kept.get(credential)].includes(passwordTag(hash));
      }
      case 'token': {
        const token = await store.tokens.get(proof.id);
        return token !== undefined && token.person === name && !token.revoked && token.expiresMs > clock.now();
      }
      case 'certificate':
        return proof.expiresMs > clock.now() && authorities.some((line) => keyFingerprint(line.split(' ')[1] ?? '') === proof.authority);
      case 'inside':
        return false;
      default:
        return unreachable(proof);
    }
  }

  async function actorOf({ person, proof }: Statement, credential: string): Promise<PersonActor | undefined> {
    if (person === '') return undefined;
    const name = parsePersonName(person);
    const actor = await store.people.actor(name);
    return actor === undefined || actor.disabled || !(await holds(name, proof, credential)) ? undefined : actor;
  }

  async function look(credential: string): Promise<GatewayCaller | undefined> {
    const statement = credentials.read(credential);
    const actor = statement === undefined ? undefined : await actorOf(statement, credential);
    const person = actor === undefined ? undefined : await store.people.get(actor.name);
    if (statement === undefined || actor === undefined || person === undefined) return undefined;
    return {
      caller: {
        actor,
        via: 'ssh',
        fromAddress: statement.fromAddress,
        tokenId: undefined,
        keepSignedIn: (hash) => keep(credential, hash),
      },
      // Whoever came by a key has no use for the password that expired.
      passwordMustChange: person.passwordMustChange && ['password', 'token'].includes(statement.proof.kind),
      recheck: async () => await actorOf(statement, credential),
    };
  }

  return {
    look,
    async admit(credential) {
      const found = await look(credential);
      if (found === undefined)
        throw fault(
          'not-signed-in',
          'this sign-in counts no more: the key, the certificate, the password or the account has changed; sign in again',
        );
      return found;
    },
  };
}
