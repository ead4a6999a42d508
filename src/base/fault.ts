/**
 * The mechanics of errors. A `Fault` is an error with a stable code and a sentence that may be shown to anybody who asked; its cause is kept apart for
 * the log and is never shown to a stranger. The catalogue of codes is `core/errors.ts`.
 */
export interface FaultOptions {
  readonly cause?: unknown;
  /** Facts a program may want beside the sentence: `{id: 123}`. Never secrets. */
  readonly details?: Readonly<Record<string, string | number | boolean>>;
}

export class Fault<Code extends string = string> extends Error {
  override readonly name = 'Fault';
  readonly code: Code;
  readonly details: Readonly<Record<string, string | number | boolean>>;

  constructor(code: Code, message: string, options: FaultOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }
}

/** The sentence of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
