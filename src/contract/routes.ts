/** Every call of the API. */
import { hostRoutes } from './routes/host.ts';
import { peopleRoutes } from './routes/people.ts';
import { recordingRoutes } from './routes/recordings.ts';
import { serverRoutes } from './routes/servers.ts';
import { sessionRoutes } from './routes/sessions.ts';
import { webRoutes } from './routes/web.ts';

export const routes = { ...hostRoutes, ...serverRoutes, ...peopleRoutes, ...sessionRoutes, ...recordingRoutes, ...webRoutes } as const;

export type Routes = typeof routes;
export type RouteName = keyof Routes;
