/** Calls about links that let visitors in, and about domains of servers' own. */
import type { WebDomainView, WebLinkView } from '../contract/routes/web.ts';
import type { ShownDomain } from '../control/web/domains.ts';
import type { ShownLink } from '../control/web/links.ts';
import type { HandlerParts, Handlers } from './handler.ts';
import { parseTime } from './times.ts';

type WebRouteName = 'listWebLinks' | 'addWebLink' | 'removeWebLink' | 'listDomains' | 'addDomain' | 'checkDomain' | 'removeDomain';

export function webHandlers({ control: { links, domains } }: HandlerParts): Pick<Handlers, WebRouteName> {
  return {
    listWebLinks: async ({ caller }) => ({ links: (await links.list(caller)).map(linkView) }),
    async addWebLink({ caller, params, body: { door, expiresAt } }) {
      const added = await links.add(caller, params.id, { door, expiresMs: parseTime(expiresAt) });
      return { link: linkView(added), url: added.url };
    },
    async removeWebLink({ caller, params }) {
      await links.remove(caller, params.id);
      return undefined;
    },
    listDomains: async ({ caller }) => ({ domains: (await domains.list(caller)).map(domainView) }),
    addDomain: async ({ caller, params, body }) => ({ domain: domainView(await domains.add(caller, params.id, body)) }),
    checkDomain: async ({ caller, params }) => ({ domain: domainView(await domains.check(caller, params.name)) }),
    async removeDomain({ caller, params }) {
      await domains.remove(caller, params.name);
      return undefined;
    },
  };
}

function linkView({ link: { id, door, createdBy, createdMs, expiresMs }, serverId }: ShownLink): WebLinkView {
  return { id, serverId, door, createdBy: createdBy ?? 'root', createdAt: time(createdMs), expiresAt: time(expiresMs) };
}

function domainView({ domain: { name, door, isProven, createdMs }, serverId, proof }: ShownDomain): WebDomainView {
  return { name, serverId, door, isProven, proof, createdAt: time(createdMs) };
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}
