/** A control in memory that speaks the contract to the letter: every input and every answer is checked against the schemas. For tests of the command line. */
import { Value } from 'typebox/value';
import type { Client } from '../client/client.ts';
import type { Input, Output, Route } from '../contract/route.ts';
import { type RouteName, type Routes, routes } from '../contract/routes.ts';
import type {
  FindingView,
  GrantView,
  GroupView,
  HostKeyView,
  KeyView,
  OperationView,
  PersonView,
  PlanView,
  ServerView,
} from '../contract/schemas.ts';
import { parsePlan } from '../core/plan.ts';
import { changedPolicies, changedRepair } from '../core/port-policy.ts';
import { fault } from '../core/errors.ts';
import { madeAt, memoryDomain, memoryLink, personNamed, serverOf } from './memory-views.testing.ts';

type Answers = { readonly [R in RouteName]?: (input: Input<Routes[R]>) => Output<Routes[R]> };

export const recordingName = '20261122T050000Z_1f0c9a2b_00000000-0000-4000-8000-000000000123';
/** Pieces of one; U+009B begins an escape sequence to some terminals. */
const recordingLines = ['{"version":2,"width":80,"height":24}\n', '[0.5,"o","\u009B31mhello\\r\\n"]\n'];

/** What tests set and look at. */
export class MemoryControl {
  readonly servers = new Map<number, ServerView>();
  readonly people = new Map<string, PersonView>();
  readonly keys: KeyView[] = [];
  readonly groups = new Map<string, GroupView>();
  readonly grants: GrantView[] = [];
  readonly operations = new Map<string, OperationView>();
  readonly findings: FindingView[] = [];
  readonly calls: { readonly name: RouteName; readonly input: unknown; readonly idempotencyKey: string | undefined }[] = [];
  /** How often an operation is looked at before it has ended. */
  looksUntilDone = 2;
  /** The name that `me` gives: null for root. */
  asker: string | null = 'jbond007';
  publicHost = 'host.example.org';
  bastion: PlanView['bastion'] = null;
  /** Of every server. */
  hostKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFqlFBMqZxApferfwVrbSR65vbJST4IAiLNSocam1qCx';
  readonly revokedKeys: string[] = [];
  /** Creating or changing this server fails. */
  brokenId: number | undefined;
  readonly #looks = new Map<string, number>();

  readonly client: Client = {
    call: async (name, ...args) => {
      const [input = {}, options = {}] = args as [object?, { idempotencyKey?: string; signal?: AbortSignal }?];
      options.signal?.throwIfAborted();
      return Promise.resolve(this.answer(name, input, options.idempotencyKey) as never);
    },
  };

  /** One call, from the client in memory or from the HTTP server of a test. */
  answer(name: RouteName, input: object, idempotencyKey: string | undefined): unknown {
    this.calls.push({ name, input, idempotencyKey });
    const route: Route = routes[name];
    const given = input as Readonly<Record<'params' | 'query' | 'body', unknown>>;
    for (const part of ['params', 'query', 'body'] as const) {
      const schema = route[part];
      if (schema === undefined ? given[part] !== undefined : !Value.Check(schema, part === 'query' ? (given.query ?? {}) : given[part]))
        throw fault('bad-request', `${name}: ${part} ${JSON.stringify(given[part])} is not what the contract says`);
    }
    const make = this.#answers[name] as ((input: unknown) => unknown) | undefined;
    if (make === undefined) throw fault('internal', `the control in memory has no ${name}`);
    const answer = make({ params: {}, query: {}, body: {}, ...input });
    if (route.response !== undefined && !Value.Check(route.response, answer))
      throw new Error(`${name} answers what the contract does not say: ${JSON.stringify(Value.Errors(route.response, answer))}`);
    return answer;
  }

  begin(kind: string, serverId: number | null, subject = `server ${serverId ?? '?'}`): OperationView {
    const operation: OperationView = {
      id: `operation-${this.operations.size + 1}`,
      kind,
      person: this.asker,
      serverId,
      generation: null,
      subject,
      state: 'pending',
      step: 'waiting for its turn',
      fraction: 0,
      error: null,
      createdAt: madeAt,
      endedAt: null,
    };
    this.operations.set(operation.id, operation);
    return operation;
  }

  #look(id: string): OperationView {
    const operation = this.operations.get(id);
    if (operation === undefined) throw fault('no-such-operation', `there is no operation ${id}`);
    if (operation.state !== 'pending' && operation.state !== 'running') return operation;
    const looks = (this.#looks.get(id) ?? 0) + 1;
    this.#looks.set(id, looks);
    const isBroken = operation.serverId !== null && operation.serverId === this.brokenId;
    const next: OperationView =
      looks < this.looksUntilDone
        ? { ...operation, state: 'running', step: `step ${looks}`, fraction: looks / this.looksUntilDone }
        : isBroken
          ? {
              ...operation,
              state: 'failed',
              error: { code: 'engine-failed', message: `${operation.subject} did not start: the engine said no` },
              endedAt: madeAt,
            }
          : { ...operation, state: 'done', step: '', fraction: 1, endedAt: madeAt };
    this.operations.set(id, next);
    return next;
  }

  #server(id: number): ServerView {
    const server = this.servers.get(id);
    if (server === undefined)
      throw fault('no-such-server', `there is no server ${id}: "myserver list" shows those you may see`, { details: { id } });
    return server;
  }

  #members(name: string): readonly string[] {
    const group = this.groups.get(name);
    if (group === undefined) throw fault('no-such-group', `there is no group ${name}`);
    return group.members.map(({ person }) => person);
  }

  #verb(kind: string, status: ServerView['status']) {
    return ({ params: { id } }: { readonly params: { readonly id: number } }) => {
      this.servers.set(id, { ...this.#server(id), status });
      return { operation: this.begin(kind, id) };
    };
  }

  readonly #answers: Answers = {
    health: () => ({ ok: true, version: '0.1.0' }),
    me: () => ({ name: this.asker, isRoot: this.asker === null, person: this.asker === null ? null : personNamed(this.asker) }),
    listServers: ({ query: { owner } }) => ({
      servers: [...this.servers.values()].filter((server) => owner === undefined || server.owner === owner),
    }),
    createServers: ({ body }) => {
      const owners = body.owners ?? (body.group === undefined ? [body.owner ?? this.asker ?? 'root'] : this.#members(body.group));
      const count = body.count ?? 1;
      const ids = Array.from({ length: count * owners.length }, (_none, at) => (body.id ?? 123) + at);
      const taken = ids.find((id) => this.servers.has(id));
      if (taken !== undefined)
        throw fault('id-taken', `server ${taken} is there already: choose another ID, or leave it out`, { details: { id: taken } });
      const servers = ids.map((id, at) => {
        const owner = owners[Math.floor(at / count)] ?? '';
        return serverOf(id, {
          owner,
          admin: body.admin ?? owner,
          notes: body.notes ?? '',
          system: body.system ?? 'debian12',
          type: body.type ?? 'minimal',
        });
      });
      for (const server of servers) this.servers.set(server.id, server);
      return {
        servers: servers.map((server) => ({ ...server, status: 'creating' as const })),
        operations: ids.map((id) => this.begin('create', id)),
        passwords: servers.map(({ id, admin }) => ({ id, user: admin, password: `secret-${id}` })),
      };
    },
    getServer: ({ params: { id } }) => {
      const server = this.#server(id);
      return {
        server,
        waysIn: [
          { kind: 'ssh', text: `ssh -p ${2000 + id} ${server.admin}@${this.publicHost}` },
          { kind: 'www', text: `http://${this.publicHost}:${8000 + id}/` },
          { kind: 'usr', text: `${this.publicHost}:${58_000 + id}` },
        ],
        hostKey: `${this.hostKey} server-${id}`,
        hostKeyFingerprint: 'SHA256:abc',
        gatewayKey: true,
        record: false,
        recordedBy: null,
        usage: null,
      };
    },
    changeServer: ({ params: { id }, body: { name, record: _record, ports = {}, repair: given = {}, ...body } }) => {
      const now = this.#server(id);
      const policies = changedPolicies(parsePlan({}), now.policies, ports);
      const repair = { ...now.repair, ...changedRepair(parsePlan({}), now.repair, given) };
      const server = { ...now, ...body, policies, repair, ...(name === undefined ? {} : { name }) };
      this.servers.set(id, server);
      return { server, needsRestart: body.diskBytes !== undefined };
    },
    dropServer: ({ params: { id }, query: { generation } }) => {
      if (generation !== undefined && this.#server(id).generation !== generation)
        throw fault('conflict', `server ${id} is another one by now`);
      this.#server(id);
      this.servers.delete(id);
      return { operation: this.begin('drop', id) };
    },
    startServer: this.#verb('start', 'running'),
    stopServer: this.#verb('stop', 'stopped'),
    killServer: this.#verb('kill', 'stopped'),
    restartServer: this.#verb('restart', 'running'),
    serverPassword: ({ params: { id }, body: { user } }) => ({ id, user: user ?? this.#server(id).admin, password: `new-secret-${id}` }),
    getOperation: ({ params: { id } }) => ({ operation: this.#look(id) }),
    listOperations: () => ({ operations: [...this.operations.values()] }),
    cancelOperation: ({ params: { id } }) => ({ operation: this.#look(id) }),
    listImages: () => ({
      images: [
        {
          reference: 'debian12/minimal',
          system: 'debian12',
          type: 'minimal',
          fingerprint: 'f'.repeat(64),
          sizeBytes: 64_000_000,
          createdAt: madeAt,
          origin: 'built',
          isCurrent: true,
        },
      ],
      buildable: [
        { system: 'debian12', type: 'minimal' },
        { system: 'debian12', type: 'web' },
      ],
    }),
    buildImage: ({ body: { system, type } }) => ({ operation: this.begin('image-build', null, `image ${system}/${type}`) }),
    importImage: ({ body: { system, type } }) => ({ operation: this.begin('image-import', null, `image ${system}/${type}`) }),
    removeImage: () => undefined,
    getPlan: () => ({
      network: '192.168.0.0/16',
      host: '192.168.0.1',
      firstId: 0,
      lastId: 999,
      publicHost: this.publicHost,
      blocks: [{ name: 'ssh', protocols: ['tcp'], privatePort: 22, base: 2000, stride: 1, offset: 0, rule: '2000 + ID' }],
      web: null,
      bastion: this.bastion,
    }),
    listHostKeys: ({ query: { host } }) => {
      const known: HostKeyView[] = [...this.servers.values()].map(({ id }) => ({
        serverId: id,
        alias: `server-${id}`,
        hosts: [`[${this.publicHost}]:${2000 + id}`],
        publicKey: this.hostKey,
      }));
      const { bastion } = this;
      for (const publicKey of bastion?.hostKeys ?? [])
        known.push({ serverId: null, alias: 'myserver-gateway', hosts: [`[${bastion?.host}]:${bastion?.port}`], publicKey });
      const hostKeys = known.filter(({ alias, hosts }) => host === undefined || [alias, ...hosts].includes(host));
      return { hostKeys, revoked: hostKeys.length === 0 ? [] : this.revokedKeys };
    },
    checkPlan: () => ({ findings: this.findings }),
    doctor: () => ({ findings: this.findings }),
    treatFinding: ({ params: { id, action } }) => {
      this.findings.splice(0, this.findings.length, ...this.findings.filter((finding) => finding.id !== id));
      return { done: `${action} done` };
    },
    backup: () => undefined,
    listAudit: () => ({
      lines: [
        {
          at: madeAt,
          person: 'mm',
          via: 'cli',
          from: '192.0.2.1',
          deed: 'create',
          serverId: 123,
          generation: null,
          allowed: true,
          detail: '',
        },
      ],
    }),
    login: ({ body: { person, password } }) => {
      if (password !== 'right horse')
        throw fault('wrong-password', `the name ${person} and this password do not belong together: try again`);
      this.asker = person;
      return { token: 'token-of-bond', id: 'token-1', expiresAt: '2099-01-01T00:00:00.000Z', passwordMustChange: false };
    },
    listRecordings: () => ({
      recordings: [
        { name: recordingName, generation: recordingName.slice(-36), serverId: 123, person: 'mm', startedAt: madeAt, bytes: 2048 },
      ],
    }),
    readRecording: ({ query: { from = 0 } }) => ({
      text: recordingLines[from] ?? '',
      next: from + 1 < recordingLines.length ? from + 1 : null,
    }),
    listSessions: () => ({
      sessions: [
        {
          id: '1f0c9a2b',
          person: 'jbond007',
          from: '198.51.100.7',
          kind: 'shell',
          serverId: 123,
          detail: 'jbond007 on server 123',
          since: madeAt,
          bytesIn: 512,
          bytesOut: 3 * 2 ** 20,
          terminal: null,
        },
      ],
    }),
    endSession: ({ params: { id } }) => {
      if (id !== '1f0c9a2b') throw fault('not-found', `there is no live session ${id} that you could end; "sessions" lists them`);
      return undefined;
    },
    listTokens: () => ({
      tokens: [
        {
          id: 'token-1',
          person: 'jbond007',
          label: 'myserver on desk',
          createdAt: madeAt,
          expiresAt: madeAt,
          lastUsedAt: null,
          current: true,
        },
      ],
    }),
    revokeToken: () => undefined,
    listPeople: () => ({ people: [...this.people.values()] }),
    addPerson: ({ body: { name, password, role = 'user' } }) => {
      const person = personNamed(name, { role });
      this.people.set(name, person);
      return { person, password: password === undefined ? 'first-secret' : null };
    },
    changePerson: ({ params: { name }, body: { role = 'user', disabled = false } }) => ({ person: personNamed(name, { role, disabled }) }),
    removePerson: ({ params: { name } }) => void this.people.delete(name),
    personPassword: ({ body: { next } }) => ({ password: next === undefined ? 'generated' : null }),
    listKeys: () => ({ keys: this.keys }),
    addKeys: ({ body: { text } }) => {
      this.keys.push({ fingerprint: 'SHA256:key', algorithm: 'ssh-ed25519', comment: text.slice(0, 20), publicKey: text, addedAt: madeAt });
      return { keys: this.keys };
    },
    removeKey: () => undefined,
    listGroups: () => ({ groups: [...this.groups.values()] }),
    addGroup: ({ body: { name, description = '' } }) => {
      const group = { name, description, members: [] };
      this.groups.set(name, group);
      return { group };
    },
    removeGroup: ({ params: { name } }) => void this.groups.delete(name),
    setMember: ({ params: { name, person }, body: { isLeader = false } }) => {
      const group = this.groups.get(name);
      if (group === undefined) throw fault('no-such-group', `there is no group ${name}`);
      group.members.push({ person, isLeader });
      return { group };
    },
    removeMember: () => undefined,
    listGrants: () => ({ grants: this.grants }),
    addGrant: ({ body: { target, subject, right, expiresAt } }) => {
      const grant = { id: `grant-${this.grants.length + 1}`, target, subject, right, grantedBy: 'jbond007', expiresAt: expiresAt ?? null };
      this.grants.push(grant);
      return { grant };
    },
    removeGrant: () => undefined,
    listWebLinks: () => ({ links: [memoryLink] }),
    addWebLink: ({ params: { id }, body: { door, expiresAt } }) => ({
      link: { ...memoryLink, serverId: id, door, expiresAt },
      url: `https://${id}.${door}.example.org/.well-known/myserver/enter?link=key`,
    }),
    removeWebLink: () => undefined,
    listDomains: () => ({ domains: [memoryDomain] }),
    addDomain: ({ params: { id }, body: { name, door } }) => ({ domain: { ...memoryDomain, name, door, serverId: id, isProven: false } }),
    checkDomain: ({ params: { name } }) => ({ domain: { ...memoryDomain, name } }),
    removeDomain: () => undefined,
  };
}
