/** Reads and writes the data types of RFC 4251 section 5, of which every SSH key, certificate and signature is made. */

/** After something that is not whole everything is undefined, and the end is never reached: a reader may be asked to the last and checked once. */
export class SshReader {
  readonly #data: Uint8Array;
  #at = 0;

  constructor(data: Uint8Array) {
    this.#data = data;
  }

  /** A `string`. */
  bytes(): Uint8Array | undefined {
    const length = this.uint32();
    return length === undefined ? undefined : this.raw(length);
  }

  /** A `string` of at most 100 bytes that names something: one character a byte. */
  text(): string | undefined {
    const bytes = this.bytes();
    return bytes === undefined || bytes.length > 100 ? undefined : String.fromCharCode(...bytes);
  }

  byte(): number | undefined {
    return this.raw(1)?.[0];
  }

  uint32(): number | undefined {
    const [a, b, c, d] = this.raw(4) ?? [];
    if (a === undefined || b === undefined || c === undefined || d === undefined) return undefined;
    return a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d;
  }

  uint64(): bigint | undefined {
    const high = this.uint32();
    const low = this.uint32();
    return high === undefined || low === undefined ? undefined : (BigInt(high) << 32n) | BigInt(low);
  }

  /** So many bytes, without a length before them. */
  raw(length: number): Uint8Array | undefined {
    if (length > this.#data.length - this.#at) {
      this.#at = this.#data.length + 1;
      return undefined;
    }
    this.#at += length;
    return this.#data.subarray(this.#at - length, this.#at);
  }

  /** Where the next thing begins. */
  position(): number {
    return this.#at;
  }

  isAtEnd(): boolean {
    return this.#at === this.#data.length;
  }
}

/** A `string`. Text is ASCII: names of SSH's own. */
export function sshString(value: Uint8Array | string): Uint8Array<ArrayBuffer> {
  const bytes = typeof value === 'string' ? Uint8Array.from(value, (letter) => letter.charCodeAt(0)) : value;
  const { length } = bytes;
  return concatBytes([Uint8Array.of(length >>> 24, length >>> 16, length >>> 8, length), bytes]);
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
