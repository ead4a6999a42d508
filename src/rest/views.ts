/** From control's types to the wire's: the one place where that happens. */
import type { EventView } from '../contract/events.ts';
import type * as wire from '../contract/schemas.ts';
import type { UsagePointView } from '../contract/usage.ts';
import type { UsagePoint } from '../core/usage-rates.ts';
import type { Plan, PublicPort } from '../core/plan.ts';
import { policyOf, portNamesOf, webDoorsOf } from '../core/port-policy.ts';
import { recordedBy } from '../core/recording.ts';
import { statusOf } from '../core/server.ts';
import { authorityUrl, portalOrigin, urlsOf, type WebOrigins } from '../core/web-origins.ts';
import type { Diagnosis, InstallationFacts, ShownDetail, ShownImage, ShownServer } from '../control/control.ts';
import { keyFingerprint } from '../control/key-fingerprint.ts';
import type { ShownRecording } from '../control/gateway/recordings.ts';
import type { ShownSession } from '../control/gateway/live-sessions.ts';
import type { ShownGrant } from '../control/people/grants.ts';
import type { ShownGroup } from '../control/people/groups.ts';
import type { ShownPerson } from '../control/people/persons.ts';
import type { PersonKey } from '../store/people.ts';
import type { AuditLine, Operation, Token } from '../store/records.ts';
import type { ServerRecord } from '../store/servers.ts';

export type Views = ReturnType<typeof makeViews>;

/** `facts` is asked at each view: a name or plan may change while the daemon runs. */
export function makeViews(facts: () => InstallationFacts) {
  function server({ record, seen, right }: ShownServer): wire.ServerView {
    const { plan } = facts();
    const { id, generation, owner, admin, name, system, type, limits, notes, problem, createdMs } = record;
    return {
      id,
      generation,
      owner,
      admin,
      name: name ?? null,
      system,
      type,
      ...limits,
      address: plan.addressOf(id),
      ports: publicPortsOf(plan, record).map(({ block, protocol, publicPort, privatePort, publicAddress }) => ({
        block,
        protocol,
        publicPort,
        privatePort,
        ...(publicAddress === undefined ? {} : { publicAddress }),
      })),
      ...choicesOf(plan, record),
      status: statusOf({ ...record, seen }),
      problem: problem ?? null,
      notes,
      createdAt: time(createdMs),
      right,
    };
  }

  return {
    server,
    detail(shown: ShownDetail): wire.ServerDetail {
      const { plan, publicHost, recording, web } = facts();
      const { record, hostKey, usage } = shown;
      return {
        server: server(shown),
        waysIn: [...publicPortsOf(plan, record).map((port) => wayIn(port, record, publicHost)), ...pagesOf(plan, record, web())],
        hostKey: hostKey ?? null,
        hostKeyFingerprint: hostKey === undefined ? null : keyFingerprint(hostKey.split(' ')[1] ?? ''),
        gatewayKey: record.gatewayKey,
        record: record.isRecorded,
        recordedBy: recordedBy(recording, record.isRecorded) ?? null,
        usage: usage === undefined ? null : { ...usage, diskBytes: usage.diskBytes ?? null },
      };
    },
    plan(): wire.PlanView {
      const { plan, publicHost, bastion, web, isSelfCertified } = facts();
      const there = bastion();
      const at = web();
      return {
        network: plan.config.network,
        host: plan.hostAddress,
        firstId: plan.ids.first,
        lastId: plan.ids.last,
        publicHost,
        blocks: plan.config.blocks.map(({ name, protocols, privatePort, base, stride, offset }) => ({
          name,
          protocols: [...protocols],
          privatePort,
          base,
          stride,
          offset,
          rule: stride === 1 ? `${base + offset} + ID` : `${base + offset} + ${stride} x ID`,
        })),
        web: at === undefined ? null : webView(at, isSelfCertified()),
        bastion: there === undefined ? null : { host: there.host, port: there.port, hostKeys: there.hostKeys.map(withoutComment) },
      };
    },
  };
}

function webView(origins: WebOrigins, isSelfCertified: boolean): wire.PlanView['web'] {
  return {
    portal: portalOrigin(origins) ?? null,
    urls: [...urlsOf(origins, { id: 'ID', door: 'www', policy: 'public' })],
    authority: isSelfCertified ? (authorityUrl(origins) ?? null) : null,
  };
}

function choicesOf(plan: Plan, { ports, repair }: ServerRecord): Pick<wire.ServerView, 'policies' | 'repair'> {
  return {
    policies: Object.fromEntries(portNamesOf(plan).map((name) => [name, policyOf(plan, ports, name)])),
    repair: Object.fromEntries(webDoorsOf(plan).map(({ name }) => [name, repair[name] ?? 'auto'])),
  };
}

function publicPortsOf(plan: Plan, { id, ports }: ServerRecord): readonly PublicPort[] {
  return plan.portsOf(id).filter(({ block }) => policyOf(plan, ports, block) === 'public');
}

/** What is at the one address, for who may not know the ports: the terminal in a browser, and the server's pages. */
function pagesOf(plan: Plan, { id, ports }: ServerRecord, origins: WebOrigins | undefined): wire.ServerDetail['waysIn'] {
  if (origins === undefined) return [];
  const portal = portalOrigin(origins);
  return [
    ...(portal === undefined ? [] : [{ kind: 'browser' as const, text: `${portal}/ssh/${id}` }]),
    ...webDoorsOf(plan).flatMap(({ name }) =>
      urlsOf(origins, { id, door: name, policy: policyOf(plan, ports, name) }).map((text) => ({ kind: name, text })),
    ),
  ];
}

/** SSH and the web by the names people know them by; whatever else as an address to connect to. */
function wayIn({ block, protocol, publicAddress, publicPort, privatePort }: PublicPort, { admin }: ServerRecord, publicHost: string) {
  const host = publicAddress ?? publicHost;
  const shown = host.includes(':') ? `[${host}]` : host;
  if (protocol === 'udp') return { kind: 'other' as const, text: `${shown}:${publicPort}/udp` };
  if (privatePort === 22) return { kind: 'ssh' as const, text: `ssh ${publicPort === 22 ? '' : `-p ${publicPort} `}${admin}@${host}` };
  if (privatePort === 443) return { kind: 'other' as const, text: `https://${shown}${publicPort === 443 ? '' : `:${publicPort}`}/` };
  const kind = privatePort === 80 ? ('www' as const) : block === 'usr' ? ('usr' as const) : undefined;
  if (kind === undefined) return { kind: 'other' as const, text: `${shown}:${publicPort}` };
  return { kind, text: `http://${shown}${publicPort === 80 ? '' : `:${publicPort}`}/` };
}

export function operationView(operation: Operation): wire.OperationView {
  const { id, kind, person, server, subject, state, step, fraction, error, createdMs, endedMs } = operation;
  return {
    id,
    kind,
    person: person ?? null,
    serverId: server?.id ?? null,
    generation: server?.generation ?? null,
    subject,
    state,
    step,
    fraction,
    error: error === undefined ? null : { code: error.code, message: error.message },
    createdAt: time(createdMs),
    endedAt: timeOrNull(endedMs),
  };
}

export function personView({ person, used, groups }: ShownPerson): wire.PersonView {
  const { name, role, canCreate, disabled, passwordMustChange, quota, createdMs } = person;
  return {
    name,
    role,
    canCreate,
    disabled,
    passwordMustChange,
    quota: {
      servers: quota.servers ?? null,
      cpus: quota.cpus ?? null,
      memoryBytes: quota.memoryBytes ?? null,
      diskBytes: quota.diskBytes ?? null,
    },
    used: { servers: used.servers, cpus: used.cpus, memoryBytes: used.memoryBytes, diskBytes: used.diskBytes },
    groups: [...groups],
    createdAt: time(createdMs),
  };
}

export function keyView({ fingerprint, algorithm, blob, comment, addedMs }: PersonKey): wire.KeyView {
  return { fingerprint, algorithm, comment, publicKey: `${algorithm} ${blob}`, addedAt: time(addedMs) };
}

export function tokenView({ id, person, label, createdMs, expiresMs, lastUsedMs }: Token, currentId: string | undefined): wire.TokenView {
  return {
    id,
    person,
    label,
    createdAt: time(createdMs),
    expiresAt: time(expiresMs),
    lastUsedAt: timeOrNull(lastUsedMs),
    current: id === currentId,
  };
}

export function groupView({ group, members }: ShownGroup): wire.GroupView {
  return { name: group.name, description: group.description, members: members.map(({ person, isLeader }) => ({ person, isLeader })) };
}

export function grantView({ record, serverId }: ShownGrant): wire.GrantView {
  const { id, subject, target, right, grantedBy, expiresMs } = record;
  return {
    id,
    subject: { kind: subject.kind, name: subject.name },
    // A grant on a server goes with the server; -1 is what is shown in the instant between.
    target: target.kind === 'server' ? { kind: 'server', id: serverId ?? -1 } : target,
    right,
    grantedBy: grantedBy ?? 'root',
    expiresAt: timeOrNull(expiresMs),
  };
}

export function imageView({ reference, system, type, fingerprint, sizeBytes, createdMs, origin, isCurrent }: ShownImage): wire.ImageView {
  return { reference, system, type, fingerprint, sizeBytes, createdAt: time(createdMs), origin, isCurrent };
}

export function findingView({ id, code, severity, subject, found, remedy, actions }: Diagnosis): wire.FindingView {
  return { id, code, severity, subject, found, remedy, actions: [...actions] };
}

export function auditLineView({ atMs, person, via, fromAddress, deed, server, allowed, detail }: AuditLine): wire.AuditLineView {
  return {
    at: time(atMs),
    person: person ?? null,
    via,
    from: fromAddress ?? null,
    deed,
    serverId: server?.id ?? null,
    generation: server?.generation ?? null,
    allowed,
    detail,
  };
}

export function usagePointView({
  atMs,
  diskBytes,
  cpus,
  receivedBytesPerSecond,
  sentBytesPerSecond,
  ...point
}: UsagePoint): UsagePointView {
  return {
    ...point,
    at: time(atMs),
    diskBytes: diskBytes ?? null,
    cpus: cpus ?? null,
    receivedBytesPerSecond: receivedBytesPerSecond ?? null,
    sentBytesPerSecond: sentBytesPerSecond ?? null,
  };
}

export function sessionView({
  id,
  person,
  fromAddress,
  kind,
  serverId,
  detail,
  sinceMs,
  bytesIn,
  bytesOut,
  terminal,
}: ShownSession): wire.SessionView {
  const where = { from: fromAddress ?? null, serverId: serverId ?? null, terminal: terminal ?? null };
  return { id, person: person ?? null, kind, ...where, detail, since: time(sinceMs), bytesIn, bytesOut };
}

export function recordingView({ name, serverId, generation, person, startedMs, bytes }: ShownRecording): wire.RecordingView {
  return { name, serverId: serverId ?? null, generation, person: person ?? null, startedAt: time(startedMs), bytes };
}

export function goneView({ id, generation }: ServerRecord): EventView {
  return { kind: 'server-gone', id, generation };
}

/** A host key's comment is nobody's business. */
export function withoutComment(publicKey: string): string {
  return publicKey.split(' ').slice(0, 2).join(' ');
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}

function timeOrNull(ms: number | undefined): string | null {
  return ms === undefined ? null : time(ms);
}
