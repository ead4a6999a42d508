/** A value that must never be printed: any way of turning it into text gives `<secret>`. `reveal()` is the one way to read it. */
export class Secret<T = string> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return '<secret>';
  }

  toJSON(): string {
    return '<secret>';
  }

  get [Symbol.toStringTag](): string {
    return 'Secret';
  }

  /** What Node's `console.log` and `util.inspect` print. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '<secret>';
  }
}
