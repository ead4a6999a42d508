import { Secret } from '../base/secret.ts';
import type { HandlerParts, Handlers } from './handler.ts';
import { tokenView } from './views.ts';

export function tokenHandlers({ people: { tokens } }: HandlerParts): Pick<Handlers, 'login' | 'renewToken' | 'listTokens' | 'revokeToken'> {
  return {
    async login({ approach, body: { person, password, label, lifetimeSeconds } }) {
      const { token, record, passwordMustChange } = await tokens.login(
        {
          person,
          password: new Secret(password),
          ...(label === undefined ? {} : { label }),
          ...(lifetimeSeconds === undefined ? {} : { lifetimeMs: lifetimeSeconds * 1000 }),
        },
        approach,
      );
      return { token: token.reveal(), id: record.id, expiresAt: new Date(record.expiresMs).toISOString(), passwordMustChange };
    },
    async renewToken({ caller }) {
      const { token, record } = await tokens.renew(caller);
      return { token: token.reveal(), id: record.id, expiresAt: new Date(record.expiresMs).toISOString() };
    },
    listTokens: async ({ caller }) => ({ tokens: (await tokens.list(caller)).map((token) => tokenView(token, caller.tokenId)) }),
    async revokeToken({ caller, params }) {
      await tokens.revoke(caller, params.id);
      return undefined;
    },
  };
}
