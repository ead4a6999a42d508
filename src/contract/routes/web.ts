/** Calls about links that let visitors in, and about domains of servers' own. */
import { type Static, Type } from 'typebox';
import type { Route } from '../route.ts';
import { idParams, listOf, textIdParams } from './parts.ts';

const door = Type.String({ maxLength: 16, description: 'www or usr' });
const at = Type.String({ description: 'RFC 3339' });

export const WebLinkSchema = Type.Object(
  { id: Type.String(), serverId: Type.Integer(), door, createdBy: Type.String(), createdAt: at, expiresAt: at },
  { $id: 'WebLink' },
);

export const WebDomainSchema = Type.Object(
  {
    name: Type.String(),
    serverId: Type.Integer(),
    door,
    isProven: Type.Boolean(),
    proof: Type.Object({ name: Type.String(), value: Type.String() }, { description: 'the TXT record that proves it' }),
    createdAt: at,
  },
  { $id: 'WebDomain' },
);

export type WebLinkView = Static<typeof WebLinkSchema>;
export type WebDomainView = Static<typeof WebDomainSchema>;

const domainParams = Type.Object({ name: Type.String({ maxLength: 260 }) });
const oneDomain = Type.Object({ domain: WebDomainSchema });

export const webRoutes = {
  listWebLinks: {
    method: 'GET',
    path: '/links',
    name: 'listWebLinks',
    tag: 'web',
    door: 'signed-in',
    status: 200,
    summary: 'Links to ports of servers that the caller may share',
    response: listOf('links', WebLinkSchema),
  },
  addWebLink: {
    method: 'POST',
    path: '/servers/:id/links',
    name: 'addWebLink',
    tag: 'web',
    door: 'signed-in',
    status: 201,
    summary: 'A link that lets whoever has it visit one port, until it runs out; its address is told once',
    params: idParams,
    body: Type.Object({ door, expiresAt: Type.String({ maxLength: 40 }) }, { additionalProperties: false }),
    response: Type.Object({ link: WebLinkSchema, url: Type.String() }),
  },
  removeWebLink: {
    method: 'DELETE',
    path: '/links/:id',
    name: 'removeWebLink',
    tag: 'web',
    door: 'signed-in',
    status: 204,
    summary: 'Take a link back: whoever came by it is sent out',
    params: textIdParams,
  },
  listDomains: {
    method: 'GET',
    path: '/domains',
    name: 'listDomains',
    tag: 'web',
    door: 'signed-in',
    status: 200,
    summary: 'Names of the DNS that servers have or ask for, of servers that the caller may share',
    response: listOf('domains', WebDomainSchema),
  },
  addDomain: {
    method: 'POST',
    path: '/servers/:id/domains',
    name: 'addDomain',
    tag: 'web',
    door: 'signed-in',
    status: 201,
    summary: 'Ask for a name of the DNS for a server; it is served once its TXT record proves it',
    params: idParams,
    body: Type.Object({ name: Type.String({ maxLength: 260 }), door }, { additionalProperties: false }),
    response: oneDomain,
  },
  checkDomain: {
    method: 'POST',
    path: '/domains/:name/check',
    name: 'checkDomain',
    tag: 'web',
    door: 'signed-in',
    status: 200,
    summary: 'Look for the TXT record that proves a name',
    params: domainParams,
    response: oneDomain,
  },
  removeDomain: {
    method: 'DELETE',
    path: '/domains/:name',
    name: 'removeDomain',
    tag: 'web',
    door: 'signed-in',
    status: 204,
    summary: 'Take a name away from a server',
    params: domainParams,
  },
} as const satisfies Record<string, Route>;
