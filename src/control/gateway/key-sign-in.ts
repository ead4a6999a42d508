/**
 * Signing in at the bastion with a key or a certificate. Control itself checks the signature, so a gateway that somebody has taken over can pose as nobody
 * who has not just come to it. The same look-up is made whoever was named, so that nobody learns from here who exists.
 */
import { certificateSuffix, checkCertificate, readCertificate, type SshCertificate } from '../ssh-certificate.ts';
import { checkSshProof } from '../ssh-proof.ts';
import { fault } from '../../core/errors.ts';
import { parsePersonName, type PersonName } from '../../core/names.ts';
import { isBareName, parseLogin } from '../../core/login.ts';
import { shorten } from '../../core/ids.ts';
import { encodeBase64 } from '../../core/base64.ts';
import type { Store } from '../../store/store.ts';
import type { Clock } from '../../base/clock.ts';
import { keyFingerprint } from '../key-fingerprint.ts';
import type { SignIn } from '../people/sign-in.ts';
import type { Credentials, Proof } from './session-credential.ts';
import type { UsedSessions } from './used-sessions.ts';

export interface KeyOffer {
  /** As written before the `+`, or the whole name of a lobby; undefined: whoever has the key. */
  readonly person: string | undefined;
  /** The name stands alone. Where the key is not that person's, it is taken for a server's name, whether there is such a person or not. */
  readonly mayBeServer: boolean;
  readonly fromAddress: string;
  readonly algorithm: string;
  readonly key: Buffer;
  /** Undefined: only asked whether this key would do. */
  readonly proof: { readonly signedData: Buffer; readonly signature: Buffer } | undefined;
}

export interface SignedInAtGateway {
  readonly credential: string;
  readonly person: PersonName;
  readonly passwordMustChange: boolean;
  /** A certificate's extensions; undefined: everything is allowed. */
  readonly permits: readonly string[] | undefined;
}

export interface KeySignInParts {
  readonly store: Store;
  readonly signIn: SignIn;
  readonly credentials: Credentials;
  readonly usedSessions: UsedSessions;
  readonly clock: Clock;
  readonly authorities: readonly string[];
}

/**
 * Undefined: the key would do. Throws `not-signed-in`, `too-many-tries`, `not-allowed` for a certificate that is genuine and not good now, and `bad-request` for
 * a key that belongs to several people.
 */
export async function signInByKey(parts: KeySignInParts, offer: KeyOffer): Promise<SignedInAtGateway | undefined> {
  const { store, signIn, credentials, clock } = parts;
  const { fromAddress } = offer;
  signIn.byKey.check(keyNameOf(offer), fromAddress);
  const holder = await holderOf(parts, offer);
  if (offer.proof === undefined) return undefined;
  const proved = checkSshProof({ algorithm: offer.algorithm, keyBlob: offer.key, ...offer.proof });
  requireSameName(proved.user, offer);
  if (holder.certificate !== undefined)
    checkCertificate(holder.certificate, {
      authorities: parts.authorities,
      person: holder.person,
      nowMs: clock.now(),
      fromAddress,
      isUserVerified: proved.isUserVerified,
    });
  const person = await store.people.get(holder.person);
  const objection =
    person === undefined || person.disabled
      ? 'disabled'
      : parts.usedSessions.use(holder.person, proved.sessionId)
        ? undefined
        : 'the proof of one connection was shown a second time: is the gateway still ours?';
  const origin = { person: holder.person, via: 'ssh' as const, fromAddress };
  const isGood = objection === undefined;
  await store.audit.append({ ...origin, deed: 'sign-in', server: undefined, allowed: isGood, detail: objection ?? holder.detail });
  if (!isGood) throw refused();
  signIn.byKey.succeeded(keyNameOf(offer), holder.person, fromAddress);
  const credential = credentials.issue({ person: holder.person, fromAddress, proof: holder.proof, sinceMs: clock.now() });
  const permits = holder.certificate === undefined ? undefined : [...holder.certificate.extensions.keys()];
  return { credential, person: holder.person, passwordMustChange: false, permits };
}

/**
 * Under what wrong tries count against a key: the key itself, and its address beside it. By the name that was typed, a stranger would lock out everybody who
 * signs in without one (`ssh 123@...`), or with a server's name; and no number of tries finds a key.
 */
function keyNameOf({ key }: KeyOffer): string {
  return `key ${keyFingerprint(key.toString('base64'))}`;
}

interface Holder {
  readonly person: PersonName;
  readonly proof: Proof;
  readonly certificate: SshCertificate | undefined;
  readonly detail: string;
}

async function holderOf(parts: KeySignInParts, offer: KeyOffer): Promise<Holder> {
  if (offer.algorithm.endsWith(certificateSuffix)) return certificateHolder(parts, offer);
  const fingerprint = keyFingerprint(offer.key.toString('base64'));
  const holders = (await parts.store.personKeys.byFingerprint(fingerprint)).map(({ person }) => person);
  const named = holders.find((name) => name === offer.person);
  const person = offer.person === undefined || (named === undefined && offer.mayBeServer) ? only(holders) : named;
  if (person === undefined) throw refused();
  return { person, proof: { kind: 'key', fingerprint }, certificate: undefined, detail: `by key ${fingerprint}` };
}

/** What it claims is believed only once its signature has been checked; here it only says whom it could be good for. */
function certificateHolder({ authorities }: KeySignInParts, { key, person: named, mayBeServer }: KeyOffer): Holder {
  if (authorities.length === 0) throw refused();
  const certificate = readCertificate(key);
  const names = certificate.principals.map(personOrNothing).filter((name) => name !== undefined);
  const own = names.find((name) => name === named);
  const person = named === undefined || (own === undefined && mayBeServer) ? only(names) : own;
  if (person === undefined) throw refused();
  const authority = keyFingerprint(encodeBase64(certificate.authorityKey));
  const proof: Proof = { kind: 'certificate', authority, expiresMs: certificate.validBefore * 1000 };
  return { person, proof, certificate, detail: `by certificate "${shorten(certificate.keyId)}" (serial ${certificate.serial})` };
}

/** Names nobody: a public key is public, and whoever shows it has proved nothing yet. */
function only(names: readonly PersonName[]): PersonName | undefined {
  const [first] = names;
  if (new Set(names).size > 1)
    throw fault('bad-request', `this key belongs to ${names.length} people here: say who you are, as in you+123@...`);
  return first;
}

/** The signature covers the user name that was typed; who signed for one name may not come in by another. */
function requireSameName(typed: string, { person, mayBeServer }: KeyOffer): void {
  const login = parseLogin(typed);
  if (login.person !== person || isBareName(login) !== mayBeServer) throw refused();
}

function personOrNothing(text: string): PersonName | undefined {
  try {
    return parsePersonName(text);
  } catch {
    return undefined;
  }
}

function refused(): Error {
  return fault('not-signed-in', 'that key is not known here for that name');
}
