/** The certificates that visitors are shown, by the name that they ask for (RFC 6066, section 3). Exchanged while connections live; new ones get the new. */
import { createSecureContext, type SecureContext, type SecureContextOptions, type Server } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import { messageOf } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import { certificateFor, type WebCertificate } from '../../core/web-certificate.ts';

export interface TlsContexts {
  set(certificates: readonly WebCertificate[]): void;
  /** Undefined: there is none at all, and nobody can be taken in. */
  for(serverName: string): SecureContext | undefined;
  /** Shows the first of them to who names no host, now and after each `set`. */
  serve(server: Pick<Server, 'setSecureContext'>): void;
}

/** RFC 9325, section 4.2; what OpenSSL has beside these for TLS 1.2 has no forward secrecy. */
const settings: SecureContextOptions = {
  minVersion: 'TLSv1.2',
  ciphers: [
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
    'ECDHE-RSA-CHACHA20-POLY1305',
  ].join(':'),
};

export function makeTlsContexts(log: Log): TlsContexts {
  let current: readonly WebCertificate[] = [];
  let contexts: readonly { readonly names: readonly string[]; readonly options: SecureContextOptions; readonly context: SecureContext }[] =
    [];

  const servers = new Set<Pick<Server, 'setSecureContext'>>();

  function show(server: Pick<Server, 'setSecureContext'>): void {
    const [first] = contexts;
    if (first !== undefined) server.setSecureContext(first.options);
  }

  function contextOf({ names, chain, key }: WebCertificate) {
    try {
      const options = { ...settings, cert: chain, key };
      return [{ names, options, context: createSecureContext(options) }];
    } catch (error) {
      log.error({ names, error: messageOf(error) }, 'a certificate cannot be used');
      return [];
    }
  }

  return {
    set(certificates) {
      if (isDeepStrictEqual(certificates, current)) return;
      current = certificates;
      contexts = certificates.flatMap(contextOf);
      for (const server of servers) show(server);
    },
    serve(server) {
      servers.add(server);
      show(server);
    },
    for: (serverName) => certificateFor(contexts, serverName)?.context,
  };
}
