/**
 * Passwords as the store keeps them: argon2id in the PHC string format, `$argon2id$v=19$m=19456,t=2,p=1$salt$tag` (RFC 9106; OWASP's first choice of
 * 19 MiB and two passes, about 40 ms). Node computes it off the main thread; how many at once is `sign-in.ts`'s to bound.
 */
import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { Secret } from '../../base/secret.ts';

interface Cost {
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
}

const cost: Cost = { memory: 19_456, passes: 2, parallelism: 1 };
const tagLength = 32;
const saltLength = 16;
const derive = promisify(argon2);

/** An upper bound on what a stored string may ask for: a damaged or planted one must not take the machine's memory. */
const highestCost: Cost = { memory: 262_144, passes: 10, parallelism: 16 };

export interface Verdict {
  readonly isRight: boolean;
  /** It is right, and was made with other parameters than today's. */
  readonly isOutdated: boolean;
}

export async function hashPassword(password: Secret, random: (size: number) => Uint8Array = randomBytes): Promise<Secret> {
  const salt = random(saltLength);
  const tag = await tagOf(password, salt, cost, tagLength);
  return new Secret(`$argon2id$v=19$m=${cost.memory},t=${cost.passes},p=${cost.parallelism}$${base64(salt)}$${base64(tag)}`);
}

/**
 * Costs the same whether there is a hash or not, so that the time of the answer does not tell a stranger who exists. A string that is not ours is never
 * right.
 */
export async function verifyPassword(password: Secret, hash: Secret | undefined): Promise<Verdict> {
  const known = hash === undefined ? undefined : parsePhc(hash.reveal());
  const { salt, tag, ...asked } = known ?? { salt: new Uint8Array(saltLength), tag: new Uint8Array(tagLength), ...cost };
  const found = await tagOf(password, salt, asked, tag.length);
  const isRight = timingSafeEqual(found, tag) && known !== undefined;
  const isToday = asked.memory === cost.memory && asked.passes === cost.passes && asked.parallelism === cost.parallelism;
  return { isRight, isOutdated: isRight && !isToday };
}

/** Unicode composes some letters in two ways, and keyboards differ in which they send: both are the same password. */
function tagOf(password: Secret, nonce: Uint8Array, { memory, passes, parallelism }: Cost, length: number): Promise<Uint8Array> {
  const message = Buffer.from(password.reveal().normalize('NFC'), 'utf8');
  return derive('argon2id', { message, nonce, memory, passes, parallelism, tagLength: length });
}

function parsePhc(text: string): (Cost & { readonly salt: Uint8Array; readonly tag: Uint8Array }) | undefined {
  const match = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,3})\$([\w+/]{11,86})\$([\w+/]{22,86})$/u.exec(text);
  if (match === null) return undefined;
  const [memory = 0, passes = 0, parallelism = 0] = match.slice(1, 4).map(Number);
  const isSane =
    memory >= 8 * parallelism &&
    memory <= highestCost.memory &&
    passes >= 1 &&
    passes <= highestCost.passes &&
    parallelism >= 1 &&
    parallelism <= highestCost.parallelism;
  if (!isSane) return undefined;
  return { memory, passes, parallelism, salt: Buffer.from(match[4] ?? '', 'base64'), tag: Buffer.from(match[5] ?? '', 'base64') };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replaceAll('=', '');
}
