/** The point that an Ed25519 public key stands for (RFC 8032, section 5.1.3): PuTTY and WinSCP remember host keys by its two coordinates. */
import { decodeBase64 } from '../../core/base64.ts';

const p = 2n ** 255n - 19n;
const d = modulo(-121_665n * inverse(121_666n));
const rootOfMinusOne = power(2n, (p - 1n) / 4n);

export interface Point {
  readonly x: bigint;
  readonly y: bigint;
}

/** Undefined for what is no `ssh-ed25519` key, or stands for no point. */
export function ed25519Point(publicKey: string): Point | undefined {
  const [algorithm, blob = ''] = publicKey.split(' ');
  const bytes = decodeBase64(blob);
  // Four bytes of length, the algorithm's 11, four of length, the key's 32.
  if (algorithm !== 'ssh-ed25519' || bytes?.length !== 51) return undefined;
  let encoded = 0n;
  for (const byte of bytes.subarray(19).toReversed()) encoded = encoded * 256n + BigInt(byte);
  const y = encoded & (2n ** 255n - 1n);
  if (y >= p) return undefined;
  const x = xOf(y, encoded >> 255n);
  return x === undefined ? undefined : { x, y };
}

function xOf(y: bigint, lowestBit: bigint): bigint | undefined {
  const square = modulo((y * y - 1n) * inverse(d * y * y + 1n));
  const candidate = power(square, (p + 3n) / 8n);
  const x = modulo(candidate * candidate) === square ? candidate : modulo(candidate * rootOfMinusOne);
  if (modulo(x * x) !== square || (x === 0n && lowestBit === 1n)) return undefined;
  return (x & 1n) === lowestBit ? x : p - x;
}

function modulo(value: bigint): bigint {
  return ((value % p) + p) % p;
}

function power(base: bigint, exponent: bigint): bigint {
  let [result, square] = [1n, modulo(base)];
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = modulo(result * square);
    square = modulo(square * square);
  }
  return result;
}

/** By Fermat's little theorem. */
function inverse(value: bigint): bigint {
  return power(value, p - 2n);
}
