/** SQLite's result codes (https://www.sqlite.org/rescode.html) in our words. */
import { fault } from '../../core/errors.ts';
import { ConstraintViolation } from '../violation.ts';

const code = {
  busy: 5,
  readOnly: 8,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  constraint: 19,
  notADatabase: 26,
  constraintForeignKey: 787,
  constraintPrimaryKey: 1555,
  constraintUnique: 2067,
} as const;

/** The low byte is the code, the rest says more of it. */
function primary(errcode: number): number {
  return errcode % 256;
}

function errcodeOf(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : undefined;
}

/** What SQLite threw, as the store's callers are to see it; anything else as it is. */
export function translateSqliteError(error: unknown, path: string): unknown {
  const errcode = errcodeOf(error);
  if (errcode === undefined) return error;
  const cause = { cause: error };
  const said = error instanceof Error ? error.message : '';
  switch (primary(errcode)) {
    case code.constraint:
      if (errcode === code.constraintUnique || errcode === code.constraintPrimaryKey) return new ConstraintViolation('unique', said, cause);
      return new ConstraintViolation(errcode === code.constraintForeignKey ? 'foreign' : 'other', said, cause);
    case code.full:
      return fault(
        'store-full',
        `the disk that holds the store ${path} is full, so nothing was changed: free some space there and try again`,
        cause,
      );
    case code.busy:
      return fault('busy', `the store ${path} is in use by another process, probably another control: end that one first`, cause);
    case code.notADatabase:
    case code.corrupt:
      return fault('store-failed', `the store ${path} is damaged or is no store of ours: put a backup in its place`, cause);
    case code.ioError:
    case code.readOnly:
    case code.cannotOpen:
      return fault(
        'store-failed',
        `the store ${path} cannot be read or written (${said}): look at the disk and at the rights of the file`,
        cause,
      );
    default:
      return error;
  }
}
