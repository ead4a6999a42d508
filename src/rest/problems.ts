/** From anything thrown to what the client is told: code, status and sentence of the catalogue. Causes and stacks go to the log only. */
import type { FastifyError } from 'fastify';
import type { Log } from '../base/log.ts';
import type { Fault } from '../base/fault.ts';
import type { Problem } from '../contract/schemas.ts';
import { errorCatalogue, type ErrorCode, fault, toFault } from '../core/errors.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly problem: Problem;
}

export const longestBodyBytes = 2 ** 20;

/** What fastify itself throws before a handler is reached. Its other client errors keep their own sentence, which quotes nothing of ours. */
const frameworkFaults: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['body-too-large', `the body is larger than ${longestBodyBytes / 2 ** 20} MiB, the most that any call takes`],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['bad-request', 'send the body as JSON in UTF-8, with the header "Content-Type: application/json"'],
  FST_ERR_BAD_URL: ['bad-request', 'the path of this request is not well encoded: "%" must be followed by two hexadecimal digits of UTF-8'],
  FST_ERR_MAX_PARAM_LENGTH: ['not-found', 'a part of the path is longer than any name here'],
};

export function answerTo(error: unknown, requestId: string, log: Log): Answer {
  const known = asFault(error);
  const status: number = errorCatalogue[known.code].httpStatus;
  const isOurs = known.code === 'internal';
  if (status >= 500) log.error({ requestId, code: known.code, err: known.cause ?? known }, known.message);
  const details = isOurs ? { ...known.details, requestId } : known.details;
  const retryAfter = known.details['retryAfterSeconds'];
  return {
    status,
    headers: {
      ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
      // Never Basic: a browser that was asked for it would send the password by itself to whatever page makes it ask.
      ...(status === 401 ? { 'www-authenticate': 'Bearer realm="myserver"' } : {}),
    },
    problem: {
      error: {
        code: known.code,
        message: isOurs ? `${known.message} (request ${requestId})` : known.message,
        ...(Object.keys(details).length === 0 ? {} : { details: { ...details } }),
      },
    },
  };
}

function asFault(error: unknown): Fault<ErrorCode> {
  const code = isFrameworkError(error) ? error.code : '';
  const [known, sentence] = frameworkFaults[code] ?? [];
  if (known !== undefined && sentence !== undefined) return fault(known, sentence);
  if (isFrameworkError(error) && code.startsWith('FST_') && error.statusCode !== undefined && error.statusCode < 500)
    return fault('bad-request', error.message);
  return toFault(error);
}

function isFrameworkError(error: unknown): error is FastifyError {
  return error instanceof Error && 'code' in error && typeof error.code === 'string';
}
