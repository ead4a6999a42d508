/** Certificates of the web: which of them a visitor is shown (RFC 6066, section 3; RFC 9525, section 6.3). */

export interface WebCertificate {
  /** In lower case; `*.www.example.org` stands for one label. */
  readonly names: readonly string[];
  /** PEM, the leaf first. */
  readonly chain: string;
  /** PEM, PKCS #8. */
  readonly key: string;
}

/** The one whose names say so, a whole name before a wildcard; else the first. Undefined where there is none at all. */
export function certificateFor<T extends Pick<WebCertificate, 'names'>>(
  certificates: readonly T[],
  serverName: string | undefined,
): T | undefined {
  const name = serverName?.toLowerCase().replace(/\.$/u, '') ?? '';
  const wild = name.replace(/^[^.]*/u, '*');
  const having = (wanted: string) => certificates.find(({ names }) => names.includes(wanted));
  return having(name) ?? having(wild) ?? certificates[0];
}
