/** What the gateway's HTTP edge asks control. */
import { Type } from 'typebox';
import { portPolicies, type PortPolicy, type RepairMode, repairModes } from '../core/port-policy.ts';
import type { Route } from './route.ts';

const nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);

const text = (maxLength: number) => Type.String({ maxLength });
const closed = { additionalProperties: false };
const signIn = { person: text(200), password: text(1024), fromAddress: text(60) };
const place = { generation: text(40), door: text(20) };

const RouteSchema = Type.Object({
  id: Type.Integer(),
  generation: Type.String(),
  door: Type.String(),
  address: Type.String(),
  port: Type.Integer(),
  policy: Type.Unsafe<PortPolicy>({ type: 'string', enum: [...portPolicies] }),
  repair: Type.Unsafe<RepairMode>({ type: 'string', enum: [...repairModes] }),
  isUp: Type.Boolean(),
});

const StateSchema = Type.Object({
  routes: Type.Array(RouteSchema),
  domains: Type.Array(Type.Object({ name: Type.String(), generation: Type.String(), door: Type.String() })),
  certificates: Type.Array(Type.Object({ names: Type.Array(Type.String()), chain: Type.String(), key: Type.String() })),
  challenges: Type.Array(Type.Object({ token: Type.String(), keyAuthorization: Type.String() })),
  authority: nullable(Type.String()),
  passKey: Type.String(),
  stamps: Type.Array(Type.Object({ subject: Type.String(), stamp: Type.String() })),
  readers: Type.Array(Type.Object({ generation: Type.String(), subjects: Type.Array(Type.String()) })),
});

export const internalWebRoutes = {
  webState: {
    method: 'GET',
    path: '/web/state',
    name: 'webState',
    tag: 'gateway',
    door: 'gateway',
    status: 200,
    summary: 'The whole state of the web when it is another than that number, or after 20 s',
    query: Type.Object({ after: Type.Integer({ minimum: 0 }) }),
    response: Type.Object({
      number: Type.Integer(),
      state: nullable(StateSchema),
    }),
  },
  webSignIn: {
    method: 'POST',
    path: '/web/sign-in',
    name: 'webSignIn',
    tag: 'gateway',
    door: 'gateway',
    status: 200,
    summary: 'A ticket for one port of one server, for who shows a password and may visit it',
    body: Type.Object({ ...signIn, ...place }, closed),
    response: Type.Object({ ticket: Type.String() }),
  },
  webEnter: {
    method: 'POST',
    path: '/web/enter',
    name: 'webEnter',
    tag: 'gateway',
    door: 'gateway',
    status: 200,
    summary: 'The pass for a ticket, once, or for the key of a link',
    body: Type.Object({ ticket: Type.Optional(text(100)), link: Type.Optional(text(100)), fromAddress: text(60), ...place }, closed),
    response: Type.Object({ pass: Type.String(), seconds: Type.Integer() }),
  },
  webStart: {
    method: 'POST',
    path: '/web/start',
    name: 'webStart',
    tag: 'gateway',
    door: 'gateway',
    status: 204,
    summary: 'Starts a server for who shows a password and may do so',
    body: Type.Object({ ...signIn, id: Type.Integer() }, closed),
  },
} as const satisfies Record<string, Route>;
