/** What doctor and the checks of the plan say: one shape wherever something is looked at, so that one table, one JSON and one `mend` serve all of it. */
export interface Finding {
  /** Stable, in kebab-case: `port-held`, `sysctl-drifted`. The same cause has the same code every time. */
  readonly code: string;
  /** `info`: worth knowing, nothing is broken. `warning`: some servers or some ways in are affected. `error`: myserver cannot do its work. */
  readonly severity: 'info' | 'warning' | 'error';
  /** What it is about, as a person names it: `port 2049/tcp`, `block ssh`, `net.ipv4.ip_forward`, `server 123`. */
  readonly subject: string;
  /** A plain sentence: what was found, and whom it touches. */
  readonly found: string;
  /** A plain sentence: what to do about it. */
  readonly remedy: string;
  /** Whether `doctor --mend` can do that by itself. */
  readonly canMend: boolean;
}
