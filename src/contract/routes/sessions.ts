/** Calls about live sessions at the gateway. */
import type { Route } from '../route.ts';
import * as s from '../schemas.ts';
import { listOf, textIdParams } from './parts.ts';

export const sessionRoutes = {
  listSessions: {
    method: 'GET',
    path: '/sessions',
    name: 'listSessions',
    tag: 'sessions',
    door: 'signed-in',
    status: 200,
    summary: "Live sessions through the gateway: one's own, those on servers that are one's own; administrators all",
    response: listOf('sessions', s.SessionSchema),
  },
  endSession: {
    method: 'DELETE',
    path: '/sessions/:id',
    name: 'endSession',
    tag: 'sessions',
    door: 'signed-in',
    status: 204,
    summary: 'End a live session',
    params: textIdParams,
  },
} as const satisfies Record<string, Route>;
