/** One way to the API: a fastify instance with every route of the contract, its limits and its manners. Two are made: root's socket and the local port. */
import rateLimit from '@fastify/rate-limit';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { randomUUID } from 'node:crypto';
import type { TSchema } from 'typebox';
import { messageOf } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import { eventsPath } from '../contract/events.ts';
import { apiPrefix } from '../contract/route.ts';
import { fault } from '../core/errors.ts';
import { networkOf } from '../core/peer-address.ts';
import type { GatewayCallers } from '../control/gateway/gateway-callers.ts';
import type { PeopleControl } from '../control/people/people-control.ts';
import { guardAgainstPages, type BrowserGuardOptions } from './browser-guard.ts';
import type { EventStreams } from './event-stream.ts';
import { type DoorKind, type Gate, makeGate, peerOf, type Session } from './gate.ts';
import { takeOnlyJson } from './json-body.ts';
import { knownHostsPath } from './known-hosts.ts';
import { documentOf, eventsDocument, openapiPath, registerOpenapi } from './openapi.ts';
import { answerTo, longestBodyBytes } from './problems.ts';
import { type BoundRoute, methodsOn, routesBeforePasswordChange, routesNotByGateway } from './routes.ts';
import { makeValidator } from './validation.ts';

export interface DoorOptions {
  readonly kind: DoorKind;
  readonly routes: readonly BoundRoute[];
  readonly people: PeopleControl;
  readonly gatewayCallers: GatewayCallers;
  readonly streams: EventStreams;
  readonly knownHosts: () => Promise<string>;
  readonly log: Log;
  readonly version: string;
  readonly guard: BrowserGuardOptions;
  /** Logins a minute from one address. All people of this host share one, and a course may sign in together. */
  readonly loginsPerMinute: number;
  /** Fires when the server stops: long polls end. */
  readonly stopping: AbortSignal;
}

/** A request that takes longer to arrive than this holds a connection that others need; the answer may take its time. */
const timeouts = { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 10_000 };
const mostHeaderBytes = 16_384;
const mostConnections = { root: 1000, local: 1000, gateway: 20_000, portal: 20_000 } as const;
/** A worker tells all its sessions at once, and what must end is ended by the answer alone: fifty thousand have 30 MiB. */
const longestGatewayBytes = 32 * 2 ** 20;
/** Longer than any fingerprint, finding or token ID. */
const longestParameter = 300;

export async function makeDoor(options: DoorOptions): Promise<FastifyInstance> {
  const { kind, log, version, guard, streams, knownHosts } = options;
  const gate = makeGate({ kind, people: options.people, gatewayCallers: options.gatewayCallers });
  const fail = (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const { status, headers, problem } = answerTo(error, request.id, log);
    // What is still sent is read and thrown away, for at most requestTimeout: who is hung up on while sending may never see why.
    if (status === 413) reply.removeHeader('connection');
    return reply.code(status).headers(headers).send(problem);
  };
  const app = fastify({
    bodyLimit: longestBodyBytes,
    ...timeouts,
    http: { maxHeaderSize: mostHeaderBytes, headersTimeout: timeouts.headersTimeout, connectionsCheckingInterval: 5000 },
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: longestParameter },
    genReqId: () => randomUUID(),
    forceCloseConnections: true,
    frameworkErrors: (error, request, reply) => void fail(error, request, reply),
    clientErrorHandler(error, socket) {
      if (socket.writable && !('code' in error && error.code === 'ECONNRESET')) socket.end(rawProblem(error));
      else socket.destroy();
    },
  });
  // Every sign-in and forward of every worker is a question of its own at the gateway's door.
  app.server.maxConnections = mostConnections[kind];
  app.setErrorHandler(fail);
  app.setValidatorCompiler(({ schema, httpPart }) => compile(schema as TSchema, httpPart));
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  takeOnlyJson(app);
  app.addHook('onRequest', (request, reply, done) => {
    void reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    if (kind === 'local') guardAgainstPages(request.headers, guard);
    done();
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] ?? '';
    const methods = path.startsWith(apiPrefix) ? methodsOn(path.slice(apiPrefix.length)) : [];
    if (methods.length === 0) throw fault('not-found', 'there is nothing at this path; the calls are listed in /api/v1/openapi.json');
    void reply.header('allow', methods.join(', '));
    throw fault('wrong-method', `this path takes ${methods.join(', ')}, not ${request.method}`);
  });

  await registerOpenapi(app, version);
  await app.register(rateLimit, { global: false });
  // In a plugin of its own, so that those before it have been loaded when routes are added.
  await app.register((scope, _none, done) => {
    for (const bound of options.routes) addRoute(scope, bound, gate, options);
    done();
  });
  app.get(openapiPath, { schema: { hide: true } }, () => app.swagger());
  app.get(knownHostsPath, { schema: { hide: true } }, async (_request, reply) =>
    reply.type('text/plain; charset=utf-8').send(await knownHosts()),
  );
  app.get(`${apiPrefix}${eventsPath}`, { schema: eventsDocument }, async (request, reply) => {
    const approach = gate.approach(request.headers, request.socket.remoteAddress);
    const session = await gate.admit({ headers: request.headers, approach, door: 'signed-in', name: 'events', isForPasswordChange: false });
    const lastEventId = request.headers['last-event-id'];
    streams.open(reply.raw, session, typeof lastEventId === 'string' ? lastEventId.slice(0, 64) : undefined);
    reply.hijack();
  });
  return app;
}

function addRoute(
  app: FastifyInstance,
  { prefix, route, handle }: BoundRoute,
  gate: Gate,
  { kind, loginsPerMinute, stopping }: DoorOptions,
): void {
  const sessions = new WeakMap<FastifyRequest, Session>();
  const isForAnybody = route.door === 'anybody' && !(kind === 'gateway' && routesNotByGateway.some((name) => name === route.name));
  const isForPasswordChange = routesBeforePasswordChange.some((name) => name === route.name);
  app.route({
    method: route.method,
    url: prefix + route.path,
    schema: documentOf(route),
    bodyLimit: route.door === 'gateway' ? longestGatewayBytes : longestBodyBytes,
    ...(route.name === 'login' ? { config: { rateLimit: loginLimit(kind, loginsPerMinute) } } : {}),
    // Before the body is read: a stranger does not make us parse.
    async onRequest(request) {
      if (isForAnybody || route.door === 'gateway') return;
      const approach = gate.approach(request.headers, request.socket.remoteAddress);
      sessions.set(
        request,
        await gate.admit({ headers: request.headers, approach, door: route.door, name: route.name, isForPasswordChange }),
      );
    },
    // No body at all is an empty one: then every field that must be there is named as missing.
    preValidation(request, _reply, done) {
      if (route.body !== undefined && request.body === undefined) request.body = {};
      done();
    },
    async handler(request, reply) {
      const result = await handle({
        params: request.params,
        query: request.query,
        body: request.body,
        caller: sessions.get(request)?.caller,
        approach: gate.approach(request.headers, request.socket.remoteAddress),
        signal: AbortSignal.any([request.signal, stopping]),
        idempotencyKey: route.idempotent === true ? idempotencyKey(request) : undefined,
      });
      return reply.code(route.status).send(result);
    },
  });
}

function loginLimit(kind: DoorKind, max: number) {
  return {
    max,
    timeWindow: 60_000,
    keyGenerator: ({ headers, socket }: FastifyRequest) => networkOf(peerOf(kind, headers, socket.remoteAddress) ?? ''),
    errorResponseBuilder: (_request: FastifyRequest, { ttl }: { readonly ttl: number }) => {
      const retryAfterSeconds = Math.max(1, Math.ceil(ttl / 1000));
      return fault('too-many-tries', `too many sign-ins from this address; try again in ${retryAfterSeconds} s`, {
        details: { retryAfterSeconds },
      });
    },
  };
}

/** Printable ASCII, so that the same key is the same text everywhere. */
function idempotencyKey({ headers }: FastifyRequest): string | undefined {
  const key = headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key !== 'string' || !/^[\u{21}-\u{7E}]{1,200}$/u.test(key))
    throw fault('bad-request', 'the Idempotency-Key header must be 1 to 200 printable ASCII characters without spaces; a UUID is good');
  return key;
}

function compile(
  schema: TSchema,
  httpPart: string | undefined,
): (value: unknown) => { readonly value: unknown } | { readonly error: Error } {
  if (httpPart === 'headers') return (value) => ({ value });
  const validate = makeValidator(schema, httpPart === 'params' ? 'params' : httpPart === 'body' ? 'body' : 'query');
  return (value) => {
    try {
      return { value: validate(value) };
    } catch (error) {
      return { error: error instanceof Error ? error : new Error(messageOf(error)) };
    }
  };
}

/** For what is no HTTP that could be answered otherwise. */
function rawProblem(error: Error): string {
  const isTooMuch = 'code' in error && error.code === 'HPE_HEADER_OVERFLOW';
  const message = isTooMuch ? `the headers are larger than ${mostHeaderBytes} bytes` : 'this is not a request that HTTP/1.1 knows';
  const body = JSON.stringify({ error: { code: 'bad-request', message } });
  return `HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`;
}
