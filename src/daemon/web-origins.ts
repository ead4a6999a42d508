import type { WebOrigins, WebPorts } from '../core/web-origins.ts';
import type { Config } from './config.ts';

/** Our own names and ports on the web, as people see them. Undefined where nothing is served. */
export function webOriginsOf({ web }: Pick<Config, 'web'>, publicHost: string, ports: WebPorts | undefined): WebOrigins | undefined {
  if (ports === undefined || Object.values(ports).every((port) => port === undefined)) return undefined;
  return { publicHost, domain: web.domain, ports, isHttpsOnly: web.isHttpsOnly && ports.https !== undefined };
}
