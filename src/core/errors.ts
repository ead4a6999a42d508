/**
 * The catalogue of errors: one stable code, one HTTP status and one exit code each. The sentence is written where the fault is found, because only
 * there is it known what was asked, what was found and what to do.
 */
import { Fault, type FaultOptions } from '../base/fault.ts';

interface ErrorKind {
  readonly httpStatus: number;
  /** Exit code of the command line: 2 bad usage, 3 not signed in or not allowed, 4 not found, 5 conflict, 6 limit, 7 the host cannot, 1 all else. */
  readonly exitCode: number;
}

const usage = { httpStatus: 400, exitCode: 2 };
const denied = { httpStatus: 403, exitCode: 3 };
const missing = { httpStatus: 404, exitCode: 4 };
const conflict = { httpStatus: 409, exitCode: 5 };
const limit = { httpStatus: 409, exitCode: 6 };
const unable = { httpStatus: 503, exitCode: 7 };

export const errorCatalogue = {
  'bad-request': usage,
  'bad-id': usage,
  'bad-name': usage,
  'bad-size': usage,
  'bad-key': usage,
  'bad-plan': usage,
  'bad-configuration': { httpStatus: 500, exitCode: 2 },
  'body-too-large': { httpStatus: 413, exitCode: 2 },
  'not-signed-in': { httpStatus: 401, exitCode: 3 },
  'wrong-password': { httpStatus: 401, exitCode: 3 },
  'too-many-tries': { httpStatus: 429, exitCode: 3 },
  'password-expired': denied,
  'not-allowed': denied,
  'no-such-server': missing,
  'no-such-person': missing,
  'no-such-group': missing,
  'no-such-key': missing,
  'no-such-token': missing,
  'no-such-image': missing,
  'no-such-operation': missing,
  'no-such-finding': missing,
  'not-found': missing,
  'wrong-method': { httpStatus: 405, exitCode: 2 },
  'id-taken': conflict,
  'id-unusable': conflict,
  'name-taken': conflict,
  'key-exists': conflict,
  'wrong-state': conflict,
  busy: conflict,
  conflict: conflict,
  'key-reused': { httpStatus: 422, exitCode: 5 },
  'quota-reached': limit,
  'no-free-id': limit,
  'pool-full': { httpStatus: 507, exitCode: 6 },
  'store-full': { httpStatus: 507, exitCode: 7 },
  'store-failed': { httpStatus: 500, exitCode: 7 },
  'engine-unavailable': unable,
  'engine-failed': { httpStatus: 500, exitCode: 7 },
  'image-broken': { httpStatus: 500, exitCode: 7 },
  'build-failed': { httpStatus: 500, exitCode: 7 },
  'cannot-here': { httpStatus: 501, exitCode: 7 },
  'installation-mismatch': unable,
  'firewall-failed': { httpStatus: 500, exitCode: 7 },
  'not-proven': { httpStatus: 409, exitCode: 1 },
  'acme-failed': { httpStatus: 502, exitCode: 7 },
  'edge-failed': { httpStatus: 500, exitCode: 7 },
  'control-unreachable': unable,
  cancelled: { httpStatus: 409, exitCode: 130 },
  internal: { httpStatus: 500, exitCode: 1 },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof errorCatalogue;

/** A fault of the catalogue. */
export function fault(code: ErrorCode, message: string, options?: FaultOptions): Fault<ErrorCode> {
  return new Fault(code, message, options);
}

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCatalogue, code);
}

/** The fault that anything thrown amounts to: itself when it is one of the catalogue, else `internal` with the thing as its private cause. */
export function toFault(error: unknown): Fault<ErrorCode> {
  if (error instanceof Fault && isErrorCode(error.code)) return error as Fault<ErrorCode>;
  return fault('internal', 'something went wrong inside myserver; the log of control says what', { cause: error });
}
