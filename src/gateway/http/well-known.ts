/** Paths that are ours on every origin of ours (RFC 8615). */
const base = '/.well-known/myserver';

export const wellKnown = {
  signIn: `${base}/sign-in`,
  start: `${base}/start`,
  /** On the origin of a port that is not public. */
  enter: `${base}/enter`,
  leave: `${base}/leave`,
  /** What identities are signed with, as a JWK set (RFC 7517). */
  keys: `${base}/keys`,
} as const;
