import type { HandlerParts, Handlers } from './handler.ts';
import { operationView } from './views.ts';

export function operationHandlers({
  control: { operations },
}: HandlerParts): Pick<Handlers, 'listOperations' | 'getOperation' | 'cancelOperation'> {
  return {
    listOperations: async ({ caller, query }) => ({ operations: (await operations.list(caller, query)).map(operationView) }),
    async getOperation({ caller, params, query: { waitSeconds = 0 }, signal }) {
      const operation =
        waitSeconds === 0 ? await operations.get(caller, params.id) : await operations.wait(caller, params.id, waitSeconds * 1000, signal);
      return { operation: operationView(operation) };
    },
    cancelOperation: async ({ caller, params }) => ({ operation: operationView(await operations.cancel(caller, params.id)) }),
  };
}
