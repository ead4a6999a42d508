/** Addresses that a server writes as if it were alone on its host, below the prefix that it does not know of. */

export interface Placed {
  /** `/www/123`. */
  readonly prefix: string;
  /** As the client asked. */
  readonly host: string;
}

/** A root-relative address, or one of our own host as it was asked: below the prefix. Any other stays as it is. */
export function mapped(url: string, { prefix, host }: Placed): string {
  const [, origin = '', path = ''] = /^((?:(?:https?|wss?):)?\/\/[^/?#]*)?(\/[^/\\].*|\/)?$/isu.exec(url) ?? [];
  const isOurs = origin === '' || origin.slice(origin.indexOf('//') + 2).toLowerCase() === host.toLowerCase();
  if (!isOurs || (path === '' && origin === '')) return url;
  return origin + belowPrefix(path === '' ? '/' : path, prefix);
}

export function belowPrefix(path: string, prefix: string): string {
  return path === prefix || (/^[/?#]/u.test(path.slice(prefix.length)) && path.startsWith(prefix)) ? path : prefix + path;
}
