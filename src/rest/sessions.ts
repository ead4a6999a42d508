import { parseInsideUser } from '../core/login.ts';
import type { HandlerParts, Handlers } from './handler.ts';
import { sessionView } from './views.ts';

export function sessionHandlers({
  gateway: { live, terminals },
}: HandlerParts): Pick<Handlers, 'listSessions' | 'endSession' | 'openTerminal'> {
  return {
    async openTerminal({ caller, params, body: { user } }) {
      return { ticket: await terminals.ticket(caller, params.id, user === undefined ? undefined : parseInsideUser(user)) };
    },
    listSessions: async ({ caller }) => ({ sessions: (await live.list(caller)).map(sessionView) }),
    async endSession({ caller, params }) {
      await live.kill(caller, params.id);
      return undefined;
    },
  };
}
