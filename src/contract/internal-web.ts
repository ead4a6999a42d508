/** What the gateway's HTTP edge asks control. */
import { Type } from 'typebox';
import { portPolicies, type PortPolicy } from '../core/port-policy.ts';
import type { Route } from './route.ts';

const nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);

const RouteSchema = Type.Object({
  id: Type.Integer(),
  generation: Type.String(),
  door: Type.String(),
  address: Type.String(),
  port: Type.Integer(),
  policy: Type.Unsafe<PortPolicy>({ type: 'string', enum: [...portPolicies] }),
  isUp: Type.Boolean(),
});

const StateSchema = Type.Object({
  routes: Type.Array(RouteSchema),
  certificates: Type.Array(Type.Object({ names: Type.Array(Type.String()), chain: Type.String(), key: Type.String() })),
  authority: nullable(Type.String()),
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
} as const satisfies Record<string, Route>;
