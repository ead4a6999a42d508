/**
 * What Incus says when it refuses, made a fault of ours. Incus has HTTP codes and sentences but no codes of its own for most causes, so a few are
 * told by words of Incus 6.0's sentences; what is not recognised is `engine-failed` with Incus's own sentence.
 */
import { Fault } from '../../base/fault.ts';
import { fault, type ErrorCode } from '../../core/errors.ts';

/** A refusal with Incus's own HTTP code beside ours: the caller may know better what a 404 means. */
export class IncusRefusal extends Fault<ErrorCode> {
  /** Incus's HTTP code: 404 not found, 400 with many meanings, 412 changed meanwhile. */
  readonly incusCode: number;
  /** Incus's sentence as it came. */
  readonly said: string;

  constructor(code: ErrorCode, deed: string, said: string, incusCode: number) {
    super(code, sentenceOf(code, deed, said));
    this.incusCode = incusCode;
    this.said = said;
  }
}

/** `deed` ends the sentence "Incus could not …": "start s123-1a2b3c4d". */
export function refusal(deed: string, said: string, incusCode: number): IncusRefusal {
  return new IncusRefusal(codeFor(said, incusCode), deed, said, incusCode);
}

export function isNotFound(error: unknown): boolean {
  return error instanceof IncusRefusal && error.incusCode === 404;
}

/** Whether Incus's sentence matches. */
export function hasSaid(error: unknown, pattern: RegExp): boolean {
  return error instanceof IncusRefusal && pattern.test(error.said);
}

function codeFor(said: string, incusCode: number): ErrorCode {
  if (/no space left on device|disk quota exceeded|out of space|ENOSPC/iu.test(said)) return 'pool-full';
  if (/IP address .* already (?:defined|in use)|already in use by|This "?instances?"? entry already exists|already exists/iu.test(said))
    return 'conflict';
  if (/unsquashfs|failed to extract image|unpack failed|image.*(?:corrupt|metadata\.yaml)|not a valid|unsupported compression/iu.test(said))
    return 'image-broken';
  if (incusCode === 503 || /daemon is (?:starting up|shutting down)|Shutting down/iu.test(said)) return 'engine-unavailable';
  if (incusCode === 401 && /cancel/iu.test(said)) return 'cancelled';
  return 'engine-failed';
}

function sentenceOf(code: ErrorCode, deed: string, said: string): string {
  const brief = said.replaceAll(/\s+/gu, ' ').trim().slice(0, 500);
  if (code === 'pool-full')
    return `Incus could not ${deed} because the disk pool is full (${brief}); free space with "myserver drop", or enlarge the pool`;
  return `Incus could not ${deed}: ${brief}`;
}

/** What Incus asks to be given in JSON and gives back, outermost layer. */
export interface Envelope {
  readonly type: 'sync' | 'async' | 'error';
  readonly operation?: string;
  readonly error?: string;
  readonly error_code?: number;
  readonly metadata?: unknown;
}

/** Throws `engine-failed` where the body is not Incus's: something else listens on that socket. */
export function parseEnvelope(body: Buffer, deed: string): Envelope {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    if (typeof value === 'object' && value !== null && 'type' in value) return value as Envelope;
  } catch {
    // Said below.
  }
  throw fault('engine-failed', `could not ${deed}: what answers at Incus's socket does not speak its language`);
}
