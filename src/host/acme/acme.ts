/** Certificates from an ACME server (RFC 8555): an account, an order, a proof for each name, the chain. */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { fault } from '../../core/errors.ts';
import { makeCertificateRequest } from './certificate-request.ts';
import { type AcmeWire, makeAcmeWire, parsed } from './wire.ts';

/** Shows a proof where the ACME server looks for it. */
export interface AcmeSolver {
  readonly kind: 'http-01' | 'dns-01';
  /** Resolves when it can be seen from outside. Call what it gives back when that is over. */
  present(proof: AcmeProof): Promise<() => Promise<void>>;
}

export interface AcmeProof {
  /** Without the `*.` of a wildcard. */
  readonly name: string;
  readonly token: string;
  readonly keyAuthorization: string;
  /** What a TXT record says (section 8.4). */
  readonly digest: string;
}

export interface AcmeOptions {
  readonly directoryUrl: string;
  /** `mailto:` is put before it. */
  readonly contact: string | undefined;
  readonly ca: string | undefined;
  /** PEM, PKCS #8, ECDSA on P-256. */
  readonly accountKey: string;
  readonly solver: AcmeSolver;
}

export interface Acme {
  /** A new chain and key for these names. Throws `acme-failed`, `cancelled`. */
  order(names: readonly string[], signal?: AbortSignal): Promise<{ readonly chain: string; readonly key: string }>;
}

interface Directory {
  readonly newNonce: string;
  readonly newAccount: string;
  readonly newOrder: string;
}

interface Order {
  readonly status: string;
  readonly authorizations: readonly string[];
  readonly finalize: string;
  readonly certificate?: string;
  readonly error?: { readonly detail?: string };
}

interface Authorization {
  readonly status: string;
  readonly identifier: { readonly value: string };
  readonly challenges: readonly {
    readonly type: string;
    readonly url: string;
    readonly token: string;
    readonly error?: { readonly detail?: string };
  }[];
}

const pollMs = 1000;
const longestWaitMs = 120_000;

export function makeAcme(options: AcmeOptions): Acme {
  let directory: Promise<Directory> | undefined;
  const wire = makeAcmeWire({ ...options, newNonceUrl: async () => (await getDirectory()).newNonce });
  let account: string | undefined;

  async function getDirectory(): Promise<Directory> {
    directory ??= wire.get<Directory>(options.directoryUrl);
    // Asked for again the next time, when this one fails.
    directory.catch(() => (directory = undefined));
    return await directory;
  }

  /** One that is known by its key is found again (section 7.3.1). */
  async function getAccount(): Promise<string> {
    if (account !== undefined) return account;
    const contact = options.contact === undefined ? {} : { contact: [`mailto:${options.contact}`] };
    const { location } = await wire.post((await getDirectory()).newAccount, { termsOfServiceAgreed: true, ...contact }, undefined);
    if (location === undefined) throw fault('acme-failed', 'the ACME server gives no account');
    account = location;
    return location;
  }

  return {
    async order(names, signal) {
      const id = await getAccount();
      const read = async <T>(url: string) => parsed<T>(url, (await wire.post(url, undefined, id)).text);
      const until = async <T extends { readonly status: string }>(url: string, isOver: (seen: T) => boolean): Promise<T> => {
        for (const end = Date.now() + longestWaitMs; ; await sleep(pollMs, undefined, signal === undefined ? {} : { signal })) {
          const seen = await read<T>(url);
          if (isOver(seen)) return seen;
          if (Date.now() > end)
            throw fault('acme-failed', `the ACME server does not come to an end with ${names.join(', ')} (${seen.status})`);
        }
      };
      const identifiers = names.map((value) => ({ type: 'dns', value }));
      const begun = await wire.post((await getDirectory()).newOrder, { identifiers }, id);
      const orderUrl = begun.location ?? '';
      for (const url of parsed<Order>(orderUrl, begun.text).authorizations) await authorize(wire, options.solver, id, url, read, until);
      const ready = await until<Order>(orderUrl, ({ status }) => status !== 'pending');
      if (ready.status !== 'ready' && ready.status !== 'valid') throw refused(names, ready.error?.detail);
      const { request, keyPem } = makeCertificateRequest(names);
      await wire.post(ready.finalize, { csr: request.toString('base64url') }, id);
      const done = await until<Order>(orderUrl, ({ status }) => status === 'valid' || status === 'invalid');
      if (done.certificate === undefined) throw refused(names, done.error?.detail);
      return { chain: (await wire.post(done.certificate, undefined, id)).text, key: keyPem };
    },
  };
}

async function authorize(
  wire: AcmeWire,
  solver: AcmeSolver,
  account: string,
  url: string,
  read: <T>(url: string) => Promise<T>,
  until: <T extends { readonly status: string }>(url: string, isOver: (seen: T) => boolean) => Promise<T>,
): Promise<void> {
  const { status, identifier, challenges } = await read<Authorization>(url);
  if (status === 'valid') return;
  const challenge = challenges.find(({ type }) => type === solver.kind);
  if (challenge === undefined) throw fault('acme-failed', `the ACME server takes no proof by ${solver.kind} for ${identifier.value}`);
  const keyAuthorization = `${challenge.token}.${wire.thumbprint}`;
  const digest = createHash('sha256').update(keyAuthorization).digest('base64url');
  const end = await solver.present({ name: identifier.value, token: challenge.token, keyAuthorization, digest });
  try {
    await wire.post(challenge.url, {}, account);
    const seen = await until<Authorization>(url, (one) => one.status !== 'pending' && one.status !== 'processing');
    if (seen.status !== 'valid') throw refused([identifier.value], seen.challenges.find(({ error }) => error !== undefined)?.error?.detail);
  } finally {
    await end();
  }
}

function refused(names: readonly string[], detail: string | undefined): Error {
  return fault('acme-failed', `no certificate for ${names.join(', ')}: ${detail?.slice(0, 400) ?? 'the ACME server does not say why'}`);
}
