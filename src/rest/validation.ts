/** Validation of what comes in, by the contract's schemas, and the sentence when it does not fit: which field, what was found, what was wanted. */
import { type Static, type TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { fault } from '../core/errors.ts';
import { parseServerId, shorten } from '../core/ids.ts';

type Part = 'params' | 'query' | 'body';

/** Gives the value, or throws `bad-request` (`bad-id` for a server's ID in the path). */
export type Validator<S extends TSchema> = (value: unknown) => Static<S>;

export function makeValidator<S extends TSchema>(schema: S, part: Part): Validator<S> {
  const compiled = Compile(schema);
  return (raw) => {
    const value = part === 'body' ? raw : numbersFromText(schema, raw);
    if (compiled.Check(value)) return value as Static<S>;
    const error = compiled.Errors(value).find(({ keyword }) => keyword !== 'boolean');
    throw complaint(part, value, error ?? { keyword: 'other', instancePath: '', params: {}, message: 'does not fit' });
  };
}

/** What fits another type in the text of a URL. Strict: `true`, `1.5`, `0x10` and the empty text are no whole numbers, and `/servers/true` no server. */
function numbersFromText(schema: TSchema, raw: unknown): Readonly<Record<string, unknown>> {
  const types = 'properties' in schema ? (schema.properties as Readonly<Record<string, { readonly type?: string }>>) : {};
  return Object.fromEntries(
    Object.entries((raw ?? {}) as Readonly<Record<string, unknown>>).map(([key, value]) => {
      const type = Object.hasOwn(types, key) ? types[key]?.type : undefined;
      const isNumber = type === 'integer' && typeof value === 'string' && /^(?:\d{1,15}|-[1-9]\d{0,14})$/u.test(value);
      return [key, isNumber ? Number(value) : value];
    }),
  );
}

interface Complaint {
  readonly keyword: string;
  readonly instancePath: string;
  readonly params: object;
  readonly message: string;
}

function complaint(part: Part, value: unknown, { keyword, instancePath, params, message }: Complaint): Error {
  const where = { params: 'the path', query: 'the query', body: 'the body' }[part];
  const path = instancePath.split('/').slice(1).map(unescape);
  const found = path.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null && Object.hasOwn(at, key) ? Reflect.get(at, key) : undefined),
    value,
  );
  const facts = params as Readonly<Record<string, unknown>>;
  const isId = part === 'params' && path[0] === 'id' && ['type', 'minimum', 'maximum'].includes(keyword);
  if (isId && (typeof found === 'string' || typeof found === 'number')) parseServerId(found);
  const names = (key: string) => listed(facts[key]);
  const field = path.length === 0 ? where : `"${shorten(path.join('.'))}" in ${where}`;
  const sentence = (): string => {
    switch (keyword) {
      case 'required':
        return `${path.length === 0 ? where : field} lacks ${names('requiredProperties')}`;
      case 'additionalProperties':
        return `${path.length === 0 ? where : field} has ${names('additionalProperties')}, which this call does not take`;
      case 'enum':
        return `${field} must be one of ${names('allowedValues')}, not ${shown(part, found)}`;
      case 'type':
        return `${field} must be ${wanted(facts['type'])}, not ${shown(part, found)}`;
      case 'maxLength':
      case 'maxItems':
        return `${field} is too long: at most ${String(facts['limit'])}`;
      default:
        return `${field} ${message}; found ${shown(part, found)}`;
    }
  };
  return fault('bad-request', sentence(), { details: { field: path.join('.') || part } });
}

/** A JSON pointer's escapes (RFC 6901, section 3). */
function unescape(text: string): string {
  return text.replaceAll('~1', '/').replaceAll('~0', '~');
}

function listed(values: unknown): string {
  return (Array.isArray(values) ? values : [])
    .slice(0, 10)
    .map((value) => `"${shorten(String(value))}"`)
    .join(', ');
}

function wanted(type: unknown): string {
  const words: Readonly<Record<string, string>> = {
    integer: 'a whole number',
    number: 'a number',
    string: 'text',
    boolean: 'true or false',
    array: 'a list',
    object: 'an object',
  };
  return words[String(type)] ?? String(type);
}

/** Texts in a body are not shown: one of them may be a password in the wrong place. */
function shown(part: Part, value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'string') return part === 'body' ? `a text of ${value.length} characters` : `"${shorten(value)}"`;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : 'nothing';
}
