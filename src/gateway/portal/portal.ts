/** Our own origin, `https://host/`: the portal's files, the API behind them, browser terminals and files. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { apiPrefix } from '../../contract/route.ts';
import type { Terminals } from '../console/terminals.ts';
import type { Transfers } from '../console/transfers.ts';
import type { ApiRelay } from './api-relay.ts';
import type { Assets } from './assets.ts';

export interface Portal {
  /** False: nothing of the portal is at that path. */
  answer(request: IncomingMessage, response: ServerResponse, target: string): boolean;
  /** The same for a connection that wants to become something else. */
  upgrade(request: IncomingMessage, client: Socket, first: Buffer, target: string): boolean;
}

export interface PortalParts {
  readonly api: ApiRelay;
  readonly assets: Assets;
  readonly terminals: Terminals;
  readonly transfers: Transfers;
}

const knownHosts = '/.well-known/myserver/known_hosts';
const terminalPage = /^\/ssh\/(?:0|[1-9]\d{0,4})\/?$/u;

export function makePortal({ api, assets, terminals, transfers }: PortalParts): Portal {
  return {
    answer(request, response, target) {
      const [path = ''] = target.split('?', 1);
      if (path.startsWith(`${apiPrefix}/`) || path === knownHosts) {
        api(request, response, target);
        return true;
      }
      if (transfers.answer(request, response, target)) return true;
      if (request.method !== 'GET' && request.method !== 'HEAD') return false;
      const file =
        path === '/' ? 'index.html' : terminalPage.test(path) ? 'terminal.html' : path.startsWith('/assets/') ? path.slice(1) : '';
      return file !== '' && assets.send(request, response, file);
    },
    upgrade: (request, client, first, target) => terminals.upgrade(request, client, first, target),
  };
}
