import type { HandlerParts, Handlers } from './handler.ts';
import { sessionView } from './views.ts';

export function sessionHandlers({ gateway: { live } }: HandlerParts): Pick<Handlers, 'listSessions' | 'endSession'> {
  return {
    listSessions: async ({ caller }) => ({ sessions: (await live.list(caller)).map(sessionView) }),
    async endSession({ caller, params }) {
      await live.kill(caller, params.id);
      return undefined;
    },
  };
}
