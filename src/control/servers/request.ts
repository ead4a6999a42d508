/** Reads what a person asked for at a create: text to brands, sizes within reason, defaults put in. Pure. */
import { fault } from '../../core/errors.ts';
import { parsePersonName, parseServerName, parseSystemName, type PersonName } from '../../core/names.ts';
import { type Limits, limitBounds } from '../../core/server.ts';
import { formatSize } from '../../core/sizes.ts';
import { parsePublicKeys, publicKeyLine } from '../../core/ssh-key.ts';
import type { TakeRequest } from '../../store/servers.ts';
import type { CreateRequest } from '../control.ts';
import type { ServerSettings } from './settings.ts';

export interface CreateOrder extends Pick<TakeRequest, 'count' | 'name' | 'system' | 'type' | 'limits' | 'notes'> {
  /** The first user inside; undefined: the owner. */
  readonly admin: PersonName | undefined;
  /** OpenSSH lines. */
  readonly keys: readonly string[];
  readonly startsAtOnce: boolean;
}

/** Throws `bad-name`, `bad-size`, `bad-key`, `bad-request`. */
export function readCreateRequest(request: CreateRequest, owners: number, settings: ServerSettings): CreateOrder {
  const count = request.count ?? 1;
  if (count * owners > 1 && request.name !== undefined) {
    throw fault('bad-request', `--name gives one server its name, but ${count * owners} are asked for; leave it out`);
  }
  return {
    count,
    admin: request.admin === undefined ? undefined : parsePersonName(request.admin),
    name: request.name === undefined ? undefined : parseServerName(request.name),
    system: parseSystemName(request.system ?? settings.system),
    type: parseSystemName(request.type ?? settings.type),
    limits: checkLimits({
      memoryBytes: request.memoryBytes ?? settings.limits.memoryBytes,
      cpus: request.cpus ?? settings.limits.cpus,
      diskBytes: request.diskBytes ?? settings.limits.diskBytes,
    }),
    notes: readNotes(request.notes ?? ''),
    keys: (request.keys ?? []).flatMap((text) => parsePublicKeys(text).keys.map(publicKeyLine)),
    startsAtOnce: request.start ?? true,
  };
}

const limitNames = { memoryBytes: 'memory', cpus: 'number of CPUs', diskBytes: 'disk' } as const;

/** The limits, when each is within reason. Throws `bad-size`. */
export function checkLimits(limits: Limits): Limits {
  for (const key of ['memoryBytes', 'cpus', 'diskBytes'] as const) {
    const { min, max } = limitBounds[key];
    const show = (value: number) => (key === 'cpus' ? String(value) : formatSize(value));
    if (!Number.isSafeInteger(limits[key]) || limits[key] < min || limits[key] > max) {
      throw fault('bad-size', `the ${limitNames[key]} asked for is ${show(limits[key])}; it must be between ${show(min)} and ${show(max)}`);
    }
  }
  return limits;
}

/** One line of text without control characters. Throws `bad-request`. */
export function readNotes(text: string): string {
  if (/[\p{Cc}\u2028\u2029\u{FFFD}]/u.test(text))
    throw fault('bad-request', 'the notes hold control characters or broken text; write one plain line');
  if (text.length > 500) throw fault('bad-request', `the notes have ${text.length} characters; at most 500 are kept`);
  return text;
}
