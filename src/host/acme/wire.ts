/** Signed requests to an ACME server (RFC 8555, section 6; RFC 7515), and its complaints in words (RFC 7807). */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { request } from 'node:https';
import { fault } from '../../core/errors.ts';

export interface AcmeWire {
  /** Of the account's key (RFC 7638), for proofs. */
  readonly thumbprint: string;
  get<T>(url: string): Promise<T>;
  /** `payload` undefined: POST-as-GET. `account`: its address, once there is one. Throws `acme-failed`. */
  post(url: string, payload: object | undefined, account: string | undefined): Promise<AcmeAnswer>;
}

export interface AcmeAnswer {
  readonly location: string | undefined;
  /** Seconds that the server wants us to wait. */
  readonly retryAfter: number | undefined;
  readonly text: string;
}

export interface AcmeWireOptions {
  /** PEM. */
  readonly accountKey: string;
  readonly newNonceUrl: () => Promise<string>;
  /** PEM of further authorities for the server itself. */
  readonly ca: string | undefined;
}

const answerMs = 30_000;
const longestAnswer = 1 << 20;
const mostNonces = 5;

interface Raw {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly text: string;
}

export function makeAcmeWire({ accountKey, newNonceUrl, ca }: AcmeWireOptions): AcmeWire {
  const key = createPrivateKey(accountKey);
  const jwk = publicJwk(key);
  const thumbprint = createHash('sha256').update(JSON.stringify(jwk)).digest('base64url');
  let nonce: string | undefined;

  async function freshNonce(): Promise<string> {
    const held = nonce;
    nonce = undefined;
    if (held !== undefined) return held;
    const { headers } = await send(await newNonceUrl(), 'HEAD', undefined, ca);
    const fresh = headers['replay-nonce'];
    if (typeof fresh !== 'string') throw fault('acme-failed', 'the ACME server gives no nonce');
    return fresh;
  }

  async function once(url: string, payload: object | undefined, account: string | undefined): Promise<Raw> {
    const head = { alg: 'ES256', nonce: await freshNonce(), url, ...(account === undefined ? { jwk } : { kid: account }) };
    const encoded = (value: object | undefined) => (value === undefined ? '' : Buffer.from(JSON.stringify(value)).toString('base64url'));
    const [protectedHead, body] = [encoded(head), encoded(payload)];
    const signature = sign('sha256', Buffer.from(`${protectedHead}.${body}`), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url');
    const answer = await send(url, 'POST', JSON.stringify({ protected: protectedHead, payload: body, signature }), ca);
    const next = answer.headers['replay-nonce'];
    if (typeof next === 'string') nonce = next;
    return answer;
  }

  return {
    thumbprint,
    async get<T>(url: string) {
      const answer = await send(url, 'GET', undefined, ca);
      if (answer.status !== 200) throw complaint(url, answer);
      return parsed<T>(url, answer.text);
    },
    async post(url, payload, account) {
      for (let tries = 1; ; tries += 1) {
        const answer = await once(url, payload, account);
        if (answer.status < 300) {
          const { location, 'retry-after': retry } = answer.headers;
          const seconds = Number(retry);
          return {
            location: typeof location === 'string' ? location : undefined,
            retryAfter: seconds > 0 ? seconds : undefined,
            text: answer.text,
          };
        }
        // It was too old, or somebody else's restart lost it: another is in the answer (RFC 8555, section 6.5).
        if (tries >= mostNonces || !answer.text.includes(':badNonce')) throw complaint(url, answer);
      }
    },
  };
}

/** In the order that the thumbprint wants (RFC 7638, section 3.2). */
function publicJwk(key: KeyObject): object {
  const { crv, kty, x, y } = createPublicKey(key).export({ format: 'jwk' });
  return { crv, kty, x, y };
}

export function parsed<T>(url: string, text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw fault('acme-failed', `the ACME server answers ${new URL(url).pathname} with what is no JSON`, { cause });
  }
}

function complaint(url: string, { status, text }: Raw): Error {
  let said = `status ${status}`;
  try {
    const { type = '', detail = '' } = JSON.parse(text) as { type?: string; detail?: string };
    said = `${detail.slice(0, 300)} (${type.split(':').at(-1) ?? ''})`;
  } catch {
    // Then the status has to do.
  }
  return fault('acme-failed', `the ACME server refuses ${new URL(url).pathname}: ${said}`);
}

function send(url: string, method: string, body: string | undefined, ca: string | undefined): Promise<Raw> {
  const { promise, resolve, reject } = Promise.withResolvers<Raw>();
  const failed = (cause: unknown) =>
    reject(fault('acme-failed', `the ACME server at ${new URL(url).host} does not answer (${String(cause)})`, { cause }));
  if (!url.startsWith('https://'))
    return Promise.reject(fault('acme-failed', `"${url.slice(0, 100)}" is no address of an ACME server: it begins with https://`));
  const headers = {
    'user-agent': 'myserver',
    ...(body === undefined ? {} : { 'content-type': 'application/jose+json', 'content-length': Buffer.byteLength(body) }),
  };
  const asking = request(
    url,
    { method, headers, agent: false, signal: AbortSignal.timeout(answerMs), ...(ca === undefined ? {} : { ca }) },
    (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
        if (text.length > longestAnswer) answer.destroy(new Error('it says too much'));
      });
      answer.once('error', failed);
      answer.once('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }));
    },
  );
  asking.once('error', failed);
  asking.end(body);
  return promise;
}
