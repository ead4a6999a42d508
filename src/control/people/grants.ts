/** Grants: who was given which right on what. */
import { type GrantSubject, type GrantTarget, isAtLeast, parseRight, type Right, rightOf } from '../../core/access.ts';
import { unreachable } from '../../base/brand.ts';
import { fault } from '../../core/errors.ts';
import { type Generation, parseServerId, type ServerId } from '../../core/ids.ts';
import { parseGroupName, parsePersonName } from '../../core/names.ts';
import type { GrantRecord } from '../../store/people.ts';
import type { ServerRecord } from '../../store/servers.ts';
import type { Tables } from '../../store/store.ts';
import { type Caller, isAdministrator, personOf } from '../caller.ts';
import { perform } from './deed.ts';
import type { PeopleParts } from './parts.ts';

export interface ShownGrant {
  readonly record: GrantRecord;
  /** Of the target, when that is a server. */
  readonly serverId: ServerId | undefined;
}

export interface GrantRequest {
  readonly subject: { readonly kind: 'person' | 'group'; readonly name: string };
  readonly target:
    | { readonly kind: 'server'; readonly id: number }
    | { readonly kind: 'group'; readonly name: string }
    | { readonly kind: 'all' };
  readonly right: string;
  readonly expiresMs?: number;
}

export interface GrantVerbs {
  /** Those the asker gave, received (in person or through a group) or may change; with a server, those on it. Expired ones are not among them. */
  list(caller: Caller, filter: { readonly server?: number }): Promise<readonly ShownGrant[]>;
  /**
   * A second for the same subject and target replaces the first. On a server for whoever has `all` on it; on a group's servers and on all, for
   * administrators. Throws `no-such-server`, `no-such-person`, `no-such-group`, `bad-request` (a time that is over).
   */
  add(caller: Caller, request: GrantRequest): Promise<ShownGrant>;
  /** For whoever might give it now. Throws `not-found`. */
  remove(caller: Caller, id: string): Promise<void>;
}

export function makeGrantVerbs(parts: PeopleParts): GrantVerbs {
  const { store, clock } = parts;
  return {
    async list(caller, { server: wanted }) {
      const [all, servers] = [await store.grants.list(), await store.servers.list()];
      const byGeneration = new Map<Generation, ServerRecord>(servers.map((server) => [server.generation, server]));
      const mayShare = await sharer(store, caller);
      const groups = caller.actor.kind === 'person' ? caller.actor.groups.map(({ group }) => group) : [];
      const own = personOf(caller);
      const concerns = ({ subject, target, grantedBy }: GrantRecord): boolean => {
        if (own !== undefined && grantedBy === own) return true;
        if (subject.kind === 'person' ? subject.name === own : groups.includes(subject.name)) return true;
        return mayShare(target, target.kind === 'server' ? byGeneration.get(target.generation) : undefined) === 'all';
      };
      return all
        .filter((grant) => (grant.expiresMs === undefined || grant.expiresMs > clock.now()) && concerns(grant))
        .map((record) => ({
          record,
          serverId: record.target.kind === 'server' ? byGeneration.get(record.target.generation)?.id : undefined,
        }))
        .filter(({ serverId }) => wanted === undefined || serverId === wanted);
    },

    async add(caller, { subject: given, target: asked, right: rightText, expiresMs }) {
      const right = parseRight(rightText);
      const subject: GrantSubject =
        given.kind === 'person'
          ? { kind: 'person', name: parsePersonName(given.name) }
          : { kind: 'group', name: parseGroupName(given.name) };
      if (expiresMs !== undefined && expiresMs <= clock.now())
        throw fault('bad-request', 'the grant would end before it begins; give a later time');
      const { target, server, words } = await targetOf(store, asked);
      const detail = `${right} on ${words} to ${subject.kind} ${subject.name}`;
      const record = await perform(store, caller, { deed: 'share-add', detail, server }, async (tables) => {
        await requireMayShare(tables, caller, target, server, right);
        return tables.grants.put({ subject, target, right, expiresMs, grantedBy: personOf(caller) });
      });
      await tellSubject(parts, subject);
      return { record, serverId: server?.id };
    },

    async remove(caller, id) {
      const missing = fault('not-found', 'there is no such grant; "myserver share list" shows those you may see');
      const record = await store.grants.get(id.slice(0, 100));
      if (record === undefined) throw missing;
      const server = record.target.kind === 'server' ? await store.servers.byGeneration(record.target.generation) : undefined;
      const detail = `${record.right} to ${record.subject.kind} ${record.subject.name}`;
      await perform(store, caller, { deed: 'share-remove', detail, server }, async (tables) => {
        await requireMayShare(tables, caller, record.target, server, 'none');
        if (!(await tables.grants.remove(record.id))) throw missing;
      });
      await tellSubject(parts, record.subject);
    },
  };
}

/** The highest right that this caller may give on a target. */
async function sharer(tables: Pick<Tables, 'grants'>, caller: Caller) {
  const facts = caller.actor.kind === 'person' ? await tables.grants.factsFor(caller.actor) : undefined;
  return (target: GrantTarget, server: ServerRecord | undefined): Right => {
    if (isAdministrator(caller.actor)) return 'all';
    if (target.kind !== 'server' || server === undefined || facts === undefined) return 'none';
    return rightOf(caller.actor, server, facts);
  };
}

async function requireMayShare(
  tables: Tables,
  caller: Caller,
  target: GrantTarget,
  server: ServerRecord | undefined,
  right: Right,
): Promise<void> {
  const own = (await sharer(tables, caller))(target, server);
  if (own === 'all' && isAtLeast(own, right)) return;
  if (target.kind !== 'server') throw fault('not-allowed', 'only administrators may share the servers of a group, or all servers');
  if (own === 'none') throw fault('no-such-server', `there is no server ${server?.id ?? ''} that you may see`);
  throw fault('not-allowed', `only the owner of server ${server?.id ?? ''} and administrators may share it; your right on it is ${own}`);
}

async function targetOf(
  { servers }: Pick<Tables, 'servers'>,
  asked: GrantRequest['target'],
): Promise<{ readonly target: GrantTarget; readonly server: ServerRecord | undefined; readonly words: string }> {
  switch (asked.kind) {
    case 'all':
      return { target: { kind: 'all' }, server: undefined, words: 'all servers' };
    case 'group': {
      const name = parseGroupName(asked.name);
      return { target: { kind: 'group', name }, server: undefined, words: `the servers of group ${name}` };
    }
    case 'server': {
      const id = parseServerId(asked.id);
      const server = await servers.get(id);
      if (server === undefined) throw fault('no-such-server', `there is no server ${id} that you may see`);
      return { target: { kind: 'server', generation: server.generation }, server, words: `server ${id}` };
    }
    default:
      return unreachable(asked);
  }
}

async function tellSubject({ store, onPersonChanged }: PeopleParts, subject: GrantSubject): Promise<void> {
  if (subject.kind === 'person') return onPersonChanged(subject.name);
  for (const { person } of await store.groups.memberships({ group: subject.name })) onPersonChanged(person);
}
