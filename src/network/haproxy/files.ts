/** The files that HAProxy reads, in one directory of control's. */
import { join } from 'node:path';

export interface HaproxyFiles {
  readonly dir: string;
  readonly config: string;
  readonly lua: string;
  readonly passKey: string;
  readonly routes: string;
  readonly domains: string;
  readonly people: string;
  readonly readers: string;
  readonly certificates: string;
  readonly certificateList: string;
  /** By the name `html` or `json`: what is shown for a server that is slow or broken. */
  readonly page: (failure: 'slow' | 'broken', format: PageFormat) => string;
  readonly adminSocket: string;
  readonly pid: string;
}

export const pageFormats = ['html', 'json'] as const;
export type PageFormat = (typeof pageFormats)[number];

export function haproxyFiles(dir: string): HaproxyFiles {
  const at = (name: string) => join(dir, name);
  return {
    dir,
    config: at('haproxy.cfg'),
    lua: at('edge.lua'),
    passKey: at('pass.pem'),
    routes: at('routes.map'),
    domains: at('domains.map'),
    people: at('people.map'),
    readers: at('readers.map'),
    certificates: at('certificates'),
    certificateList: at('certificates.list'),
    page: (failure, format) => at(`${failure}.${format}`),
    adminSocket: at('admin.sock'),
    pid: at('haproxy.pid'),
  };
}
