/**
 * What the gateway asks control: over a unix socket that only control's and the gateway's users may open. The gateway parses what strangers send and may be
 * taken over by one; so nothing here lets it act as a person who has not proved to control itself who they are: control checks each signature and password,
 * decides each destination, and signs each login to a server with a key that it never hands out. Every answer names the generation.
 */
import { Type, type Static } from 'typebox';
import { internalWebRoutes } from './internal-web.ts';
import type { Route } from './route.ts';

export const internalPrefix = '/internal/v1';

const text = (maxLength: number) => Type.String({ maxLength });
const base64 = (maxLength: number) => Type.String({ maxLength, description: 'base64' });
const nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);
/** What control gave at sign-in and takes as the proof of it, for as long as the person's right to it holds. */
const credential = text(2000);
/** IPv4 or IPv6, a zone behind it; empty where the peer has gone already. */
const address = Type.String({ maxLength: 64, pattern: String.raw`^[\w:.%-]*$` });

const SignedInSchema = Type.Object({
  credential: Type.String(),
  person: Type.String(),
  passwordMustChange: Type.Boolean({ description: 'then nothing but a change of the password is allowed' }),
  permits: nullable(
    Type.Array(Type.String(), { description: 'what a certificate allows: permit-pty, permit-port-forwarding, ...; null: everything' }),
  ),
});

const PlaceSchema = Type.Object({
  id: Type.Integer(),
  generation: Type.String(),
  name: nullable(Type.String()),
  owner: Type.String(),
  admin: Type.String({ description: 'the first user inside' }),
  address: Type.String({ description: 'private IPv4 address' }),
  sshPort: Type.Integer({ description: 'the private port that the plan forwards for SSH' }),
  hostKey: nullable(Type.String({ description: 'one OpenSSH line; a server without one is not entered' })),
  gatewayKey: nullable(
    Type.String({ description: "the gateway's key for this server alone, one OpenSSH line; null: the owner took it out" }),
  ),
  recordedBy: nullable(
    Type.Union([Type.Literal('owner'), Type.Literal('administrator')], {
      description: 'terminal sessions are recorded, by whose policy; the person is told',
    }),
  ),
});

const DestinationSchema = Type.Union([
  Type.Object({ kind: Type.Literal('server'), place: PlaceSchema, port: Type.Integer() }),
  Type.Object({ kind: Type.Literal('listed'), address: Type.String(), port: Type.Integer() }),
]);

const LiveSessionSchema = Type.Object({
  id: text(40),
  credential,
  kind: text(20),
  generation: nullable(text(36)),
  listed: Type.Optional(
    Type.Object(
      { address: text(15), port: Type.Integer() },
      { description: 'where a forward leads that leads to no server: what an administrator has listed' },
    ),
  ),
  terminal: Type.Optional(
    Type.String({ maxLength: 40, description: "of a terminal in a browser: by which its person's pages take it up again" }),
  ),
  detail: text(200),
  sinceMs: Type.Integer(),
  bytesIn: Type.Integer({ minimum: 0 }),
  bytesOut: Type.Integer({ minimum: 0 }),
});

const ReportSchema = Type.Object({
  credential,
  deed: Type.String({ maxLength: 40, pattern: '^ssh-[a-z][a-z-]*$', description: 'what a gateway does, and nothing else' }),
  server: nullable(Type.Object({ id: Type.Integer(), generation: text(36) })),
  allowed: Type.Optional(Type.Boolean({ description: 'false: the gateway itself refused it; true where an older gateway does not say' })),
  detail: text(500),
});

const body = <T extends Parameters<typeof Type.Object>[0]>(fields: T) => Type.Object(fields, { additionalProperties: false });

export const internalRoutes = {
  ...internalWebRoutes,
  hello: {
    method: 'POST',
    path: '/hello',
    name: 'hello',
    tag: 'gateway',
    door: 'gateway',
    status: 200,
    summary: 'What a gateway needs to begin',
    response: Type.Object({
      version: Type.String(),
      publicHost: Type.String(),
      network: Type.String(),
      hostAddress: Type.String(),
      hostKey: Type.String({ description: "the bastion's own private key, in OpenSSH's format" }),
    }),
  },
  signInByKey: {
    method: 'POST',
    path: '/sign-ins/key',
    name: 'signInByKey',
    tag: 'gateway',
    door: 'gateway',
    status: 200,
    summary: 'Whose key is it: asked without a signature, whether it would do; with one, the sign-in',
    body: body({
      person: nullable(text(64)),
      mayBeServer: Type.Boolean({ description: "the name stands alone, and may be a server's: then the key says who it is" }),
      fromAddress: address,
      algorithm: text(80),
      key: base64(24_000),
      proof: nullable(Type.Object({ signedData: base64(60_000), signature: base64(8000) })),
    }),
    response: Type.Union([
      Type.Object({ kind: Type.Literal('would-do') }),
      Type.Object({ kind: Type.Literal('signed-in'), session: SignedInSchema }),
    ]),
  },
  signInByPassword: {
    method: 'POST',
    path: '/sign-ins/password',
    name: 'signInByPassword',
    tag: 'gateway',
    door: 'gateway',
    status: 200,
    summary: 'Sign in with a password',
    body: body({ person: text(64), password: text(1024), fromAddress: address }),
    response: Type.Object({ session: SignedInSchema }),
  },
  signInFailed: {
    method: 'POST',
    path: '/sign-ins/failed',
    name: 'signInFailed',
    tag: 'gateway',
    door: 'gateway',
    status: 204,
    summary: 'Somebody went away without having shown a key that does: counted as one wrong try',
    body: body({ person: nullable(text(64)), fromAddress: address, tries: Type.Integer({ minimum: 1, maximum: 1000 }) }),
  },
  place: {
    method: 'POST',
    path: '/places',
    name: 'place',
    tag: 'gateway',
    door: 'gateway',
    status: 200,
    summary: 'A server that this person may enter, by ID or name',
    body: body({ credential, server: text(64) }),
    response: PlaceSchema,
  },
  destination: {
    method: 'POST',
    path: '/destinations',
    name: 'destination',
    tag: 'gateway',
    door: 'gateway',
    status: 200,
    summary: 'Where a forward that names this host and port leads for this person',
    body: body({ credential, host: text(255), port: Type.Integer({ minimum: 0, maximum: 65_535 }) }),
    response: DestinationSchema,
  },
  terminalEnter: {
    method: 'POST',
    path: '/terminals/enter',
    name: 'terminalEnter',
    tag: 'gateway',
    door: 'gateway',
    status: 200,
    summary: 'What a ticket for a terminal in a browser is good for, once',
    body: body({ ticket: text(100), fromAddress: address }),
    response: Type.Object({
      credential: Type.String(),
      person: Type.String(),
      server: Type.Integer(),
      generation: Type.String(),
      user: nullable(Type.String()),
    }),
  },
  guestEnter: {
    method: 'POST',
    path: '/guests/enter',
    name: 'guestEnter',
    tag: 'gateway',
    door: 'gateway',
    status: 200,
    summary:
      "For somebody without an account, who has a server's own user and password: the way to its SSH service, where that is open to everybody",
    body: body({ server: Type.Integer(), user: text(64), fromAddress: address }),
    response: Type.Object({ credential: Type.String(), place: PlaceSchema }),
  },
  guestTry: {
    method: 'POST',
    path: '/guests/try',
    name: 'guestTry',
    tag: 'gateway',
    door: 'gateway',
    status: 204,
    summary: 'Whether a password of theirs may be tried now; what the server said to it',
    body: body({ credential, what: Type.Union([Type.Literal('try'), Type.Literal('right'), Type.Literal('wrong')]) }),
  },
  sign: {
    method: 'POST',
    path: '/signatures',
    name: 'sign',
    tag: 'gateway',
    door: 'gateway',
    status: 200,
    summary: "The login of this person to that server's first user, signed with the gateway's key for that server",
    body: body({ credential, generation: text(36), signedData: base64(8000) }),
    response: Type.Object({ signature: base64(1000) }),
  },
  report: {
    method: 'POST',
    path: '/reports',
    name: 'report',
    tag: 'gateway',
    door: 'gateway',
    status: 204,
    summary: 'What came to its end or was refused, for the audit',
    body: body({ lines: Type.Array(ReportSchema, { maxItems: 500 }) }),
  },
  live: {
    method: 'PUT',
    path: '/workers/:worker/sessions',
    name: 'live',
    tag: 'gateway',
    door: 'gateway',
    status: 200,
    summary: 'Where one worker listens and all its live sessions; answers which of these must end now, and why',
    params: Type.Object({ worker: text(40) }),
    body: body({
      sessions: Type.Array(LiveSessionSchema, { maxItems: 50_000 }),
      bastion: nullable(Type.Object({ port: Type.Integer() }, { description: 'where it listens; null while it does not take anybody in' })),
      web: Type.Optional(
        nullable(
          Type.Object(
            { http: nullable(Type.Integer()), https: nullable(Type.Integer()), content: nullable(Type.Integer()) },
            { description: "where servers' pages are served; null while they are not" },
          ),
        ),
      ),
    }),
    response: Type.Object({ end: Type.Array(Type.Object({ id: Type.String(), reason: Type.String() })) }),
  },
  changes: {
    method: 'GET',
    path: '/changes',
    name: 'changes',
    tag: 'gateway',
    door: 'gateway',
    status: 200,
    summary: 'Answers when rights, people or servers have changed since that number, or after 20 s: a reason to ask `live` again',
    query: Type.Object({ after: Type.Integer({ minimum: 0 }) }),
    response: Type.Object({ number: Type.Integer() }),
  },
} as const satisfies Record<string, Route>;

export type InternalRoutes = typeof internalRoutes;
export type InternalRouteName = keyof InternalRoutes;
export type SignedInView = Static<typeof SignedInSchema>;
export type Place = Static<typeof PlaceSchema>;
export type LiveSession = Static<typeof LiveSessionSchema>;
export type Report = Static<typeof ReportSchema>;
