import { parseGeneration } from '../core/ids.ts';
import type { HandlerParts, Handlers } from './handler.ts';
import { operationView, usagePointView } from './views.ts';

type Names =
  | 'listServers'
  | 'createServers'
  | 'getServer'
  | 'serverUsage'
  | 'changeServer'
  | 'dropServer'
  | 'startServer'
  | 'stopServer'
  | 'killServer'
  | 'restartServer'
  | 'serverPassword'
  | 'addGatewayKey'
  | 'removeGatewayKey';

export function serverHandlers({ control: { servers }, views }: HandlerParts): Pick<Handlers, Names> {
  return {
    listServers: async ({ caller, query }) => ({ servers: (await servers.list(caller, query)).map(views.server) }),
    async createServers({ caller, body, idempotencyKey }) {
      const created = await servers.create(caller, body, idempotencyKey);
      return {
        servers: created.servers.map(views.server),
        operations: created.operations.map(operationView),
        passwords: created.passwords.map(({ id, user, password }) => ({ id, user, password })),
      };
    },
    getServer: async ({ caller, params }) => views.detail(await servers.get(caller, params.id)),
    serverUsage: async ({ caller, params }) => ({ points: (await servers.usage(caller, params.id)).map(usagePointView) }),
    async changeServer({ caller, params, body }) {
      const { server, needsRestart } = await servers.change(caller, params.id, body);
      return { server: views.server(server), needsRestart };
    },
    async dropServer({ caller, params, query }) {
      const generation = query.generation === undefined ? undefined : parseGeneration(query.generation);
      return { operation: operationView(await servers.drop(caller, params.id, generation)) };
    },
    startServer: async ({ caller, params }) => ({ operation: operationView(await servers.start(caller, params.id)) }),
    stopServer: async ({ caller, params }) => ({ operation: operationView(await servers.stop(caller, params.id)) }),
    killServer: async ({ caller, params }) => ({ operation: operationView(await servers.kill(caller, params.id)) }),
    restartServer: async ({ caller, params }) => ({ operation: operationView(await servers.restart(caller, params.id)) }),
    async serverPassword({ caller, params, body }) {
      const { id, user, password } = await servers.password(caller, params.id, body.user);
      return { id, user, password };
    },
    async addGatewayKey({ caller, params }) {
      await servers.setGatewayKey(caller, params.id, true);
      return undefined;
    },
    async removeGatewayKey({ caller, params }) {
      await servers.setGatewayKey(caller, params.id, false);
      return undefined;
    },
  };
}
