import type { WebOrigins } from '../core/web-route.ts';
import type { Config } from './config.ts';

/** Our own names and ports on the web, as people see them. Undefined where nothing is served. */
export function webOriginsOf({ web }: Pick<Config, 'web'>, publicHost: string, httpPort: number | undefined): WebOrigins | undefined {
  return httpPort === undefined ? undefined : { publicHost, domain: web.domain, httpPort };
}
