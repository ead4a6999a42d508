/** The control in memory behind a real HTTP server, on a TCP port of the loopback or on a unix socket: what the program talks to in its tests. */
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { Value } from 'typebox/value';
import { toFault, errorCatalogue, fault } from '../core/errors.ts';
import { apiPrefix, type Route } from '../contract/route.ts';
import { type RouteName, routes } from '../contract/routes.ts';
import type { MemoryControl } from '../commands/memory-control.testing.ts';

export interface ControlOverHttp extends AsyncDisposable {
  readonly url: string;
  /** Authorization headers as they came, undefined where there was none. */
  readonly authorizations: (string | undefined)[];
}

export interface ServeOptions {
  /** A unix socket that needs no credential, instead of a TCP port that does. */
  readonly socketPath?: string;
  readonly tls?: { readonly key: string; readonly cert: string };
}

export async function serveControl(control: MemoryControl, { socketPath, tls }: ServeOptions = {}): Promise<ControlOverHttp> {
  const authorizations: (string | undefined)[] = [];
  const listener = (request: http.IncomingMessage, response: http.ServerResponse) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      try {
        authorizations.push(request.headers.authorization);
        const { name, route, input } = parse(request, Buffer.concat(chunks).toString());
        if (socketPath === undefined && route.door !== 'anybody') requireSignIn(control, request.headers.authorization);
        const key = request.headers['idempotency-key'];
        const answer = control.answer(name, input, typeof key === 'string' ? key : undefined);
        response.writeHead(route.status, { 'content-type': 'application/json' }).end(answer === undefined ? '' : JSON.stringify(answer));
      } catch (error) {
        const { code, message, details } = toFault(error);
        response
          .writeHead(errorCatalogue[code].httpStatus, { 'content-type': 'application/json' })
          .end(JSON.stringify({ error: { code, message, details } }));
      }
    })();
  };
  const server = tls === undefined ? http.createServer(listener) : https.createServer(tls, listener);
  await new Promise<void>((resolve) =>
    server.listen(socketPath === undefined ? { host: '127.0.0.1', port: 0 } : { path: socketPath }, resolve),
  );
  return {
    url:
      socketPath === undefined
        ? `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`
        : 'http://localhost',
    authorizations,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function requireSignIn(control: MemoryControl, authorization: string | undefined): void {
  if (authorization === 'Bearer token-of-bond') return;
  const [name, password] = Buffer.from((authorization ?? '').replace(/^Basic /u, ''), 'base64')
    .toString('utf8')
    .split(':');
  if (password !== 'right horse') throw fault('wrong-password', 'this name and password do not belong together');
  control.asker = name ?? null;
}

function parse(request: http.IncomingMessage, body: string): { name: RouteName; route: Route; input: object } {
  const url = new URL(request.url ?? '/', 'http://localhost');
  for (const [name, route] of Object.entries<Route>(routes)) {
    if (route.method !== request.method) continue;
    const pattern = new RegExp(`^${apiPrefix}${route.path.replaceAll(/:(\w+)/gu, '(?<$1>[^/]+)')}$`, 'u');
    const match = pattern.exec(url.pathname);
    if (match === null) continue;
    const params = Object.fromEntries(Object.entries(match.groups ?? {}).map(([key, value]) => [key, decodeURIComponent(value)]));
    const input = {
      ...(route.params === undefined ? {} : { params: Value.Convert(route.params, params) }),
      ...(route.query === undefined ? {} : { query: Value.Convert(route.query, Object.fromEntries(url.searchParams)) }),
      ...(body === '' ? {} : { body: JSON.parse(body) as unknown }),
    };
    return { name: name as RouteName, route, input };
  }
  throw fault('not-found', `there is nothing at ${url.pathname}`);
}
