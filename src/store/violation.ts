/** A row that the database's own constraints refuse, told the same way whatever the database: what a table's code turns into a sentence. */
export class ConstraintViolation extends Error {
  override readonly name = 'ConstraintViolation';
  readonly kind: 'unique' | 'foreign' | 'other';

  constructor(kind: 'unique' | 'foreign' | 'other', message: string, options: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/** Runs `work`; a violation of that kind becomes what `say` makes of it. */
export async function onViolation<T>(kind: ConstraintViolation['kind'], say: () => Error, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ConstraintViolation && error.kind === kind) throw say();
    throw error;
  }
}
