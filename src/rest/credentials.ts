/** The Authorization header: a bearer token, or Basic with person and password (RFC 6750, RFC 7617). */
import { Secret } from '../base/secret.ts';
import { fault } from '../core/errors.ts';

export type Credential =
  | { readonly kind: 'token'; readonly token: Secret }
  | { readonly kind: 'password'; readonly person: string; readonly password: Secret };

/** Throws `not-signed-in` when there is none or it is of another kind. */
export function parseCredential(header: string | undefined): Credential {
  if (header === undefined)
    throw fault('not-signed-in', 'this call needs a sign-in: a token ("myserver login URL" gets one) or person and password');
  const [, scheme = '', value = ''] = /^([a-z]+) +([\w~+/.=-]{1,4096})$/iu.exec(header) ?? [];
  switch (scheme.toLowerCase()) {
    case 'bearer':
      return { kind: 'token', token: new Secret(value) };
    case 'basic': {
      const text = decode(value);
      const colon = text.indexOf(':');
      if (colon < 0) throw unusable();
      return { kind: 'password', person: text.slice(0, colon).slice(0, 64), password: new Secret(text.slice(colon + 1)) };
    }
    default:
      throw unusable();
  }
}

function decode(base64: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(base64, 'base64'));
  } catch {
    throw unusable();
  }
}

function unusable(): Error {
  return fault('not-signed-in', 'the Authorization header must be "Bearer TOKEN", or "Basic" with person:password in UTF-8 and base64');
}
