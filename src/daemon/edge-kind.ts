/** Which edge is in front: decided alike by control, which drives HAProxy, and by the gateway, which stands behind it or in its place. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { WebListener, WebPorts } from '../core/web-origins.ts';
import { haproxyFiles, type HaproxyFiles } from '../network/haproxy/files.ts';
import type { Config } from './config.ts';
import { usualWebPorts } from './gateway-config.ts';

export function hasHaproxyInFront({ web }: Pick<Config, 'web'>): boolean {
  if (!web.isEnabled) return false;
  return web.edge === undefined ? existsSync('/usr/sbin/haproxy') : web.edge === 'haproxy';
}

/** It is started by itself at boot, and has to be where people know it: what the configuration says, else the first of the usual ports. */
export function frontPorts({ web }: Pick<Config, 'web'>): WebPorts {
  const at = (listener: WebListener) =>
    web.listeners.includes(listener) ? (web.ports[listener] ?? usualWebPorts[listener][0]) : undefined;
  return { http: at('http'), https: at('https'), content: at('content') };
}

export function edgeFiles({ stateDir }: Pick<Config, 'stateDir'>): HaproxyFiles {
  return haproxyFiles(join(stateDir, 'edge'));
}

/** The gateway's, for HAProxy alone. */
export function frontSockets({ web }: Pick<Config, 'web'>): { readonly handedOn: string; readonly failed: string } {
  return { handedOn: join(web.socketDir, 'edge.sock'), failed: join(web.socketDir, 'edge-failed.sock') };
}
