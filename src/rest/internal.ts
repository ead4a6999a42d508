/** The gateway's own calls (contract/internal), translated to control's words and back. */
import { Secret } from '../base/secret.ts';
import type { InternalRouteName, InternalRoutes, Place } from '../contract/internal.ts';
import type { Output } from '../contract/route.ts';
import { fault } from '../core/errors.ts';
import type { WebPorts } from '../core/web-origins.ts';
import type { WebState } from '../core/web-route.ts';
import type { EnterablePlace } from '../control/gateway/places.ts';
import type { SignedInAtGateway } from '../control/gateway/key-sign-in.ts';
import type { WebSignIn } from '../control/web/web-desk.ts';
import type { Asked, HandlerParts } from './handler.ts';

type InternalHandlers = { readonly [K in InternalRouteName]: (asked: Asked<InternalRoutes[K]>) => Promise<Output<InternalRoutes[K]>> };

/** Shorter than what a connection may be silent for. */
const changesWaitMs = 20_000;

export function internalHandlers(parts: HandlerParts): InternalHandlers {
  const { gateway, control } = parts;
  return {
    ...webHandlers(parts),
    async hello() {
      const { version, publicHost, plan } = control.facts;
      const hostKey = (await gateway.hostKey()).privateKey.reveal();
      return { version, publicHost, network: plan.network.text, hostAddress: plan.hostAddress, hostKey };
    },
    async signInByKey({ body: { person, mayBeServer, fromAddress, algorithm, key, proof } }) {
      const signed = proof === null ? undefined : { signedData: bytes(proof.signedData), signature: bytes(proof.signature) };
      const offer = { person: person ?? undefined, mayBeServer, fromAddress, algorithm, key: bytes(key), proof: signed };
      const session = await gateway.signInByKey(offer);
      return session === undefined ? { kind: 'would-do' as const } : { kind: 'signed-in' as const, session: sessionView(session) };
    },
    async signInByPassword({ body: { person, password, fromAddress } }) {
      return { session: sessionView(await gateway.signInByPassword(person, new Secret(password), fromAddress)) };
    },
    async signInFailed({ body: { person, fromAddress, tries } }) {
      await gateway.signInFailed(person ?? undefined, fromAddress, tries);
      return undefined;
    },
    place: async ({ body }) => placeView(await gateway.place(body.credential, body.server)),
    async destination({ body }) {
      const found = await gateway.destination(body.credential, body.host, body.port);
      return found.kind === 'listed' ? found : { kind: 'server' as const, place: placeView(found.place), port: found.port };
    },
    terminalEnter({ body: { ticket, fromAddress } }) {
      const { id, user, ...entered } = gateway.terminals.enter(ticket, fromAddress);
      return Promise.resolve({ ...entered, server: id, user: user ?? null });
    },
    async guestEnter({ body: { server, user, fromAddress } }) {
      const { credential, place } = await gateway.guests.enter(server, user, fromAddress);
      return { credential, place: placeView(place) };
    },
    async guestTry({ body: { credential, what } }) {
      await gateway.guests.tell(credential, what);
      return undefined;
    },
    async sign({ body }) {
      return { signature: (await gateway.sign(body.credential, body.generation, bytes(body.signedData))).toString('base64') };
    },
    async report({ body }) {
      await gateway.report(body.lines.map(({ server, allowed = true, ...line }) => ({ ...line, allowed, server: server ?? undefined })));
      return undefined;
    },
    async live({ params, body }) {
      const sessions = body.sessions.map(({ generation, listed, terminal, ...session }) => ({
        ...session,
        terminal,
        generation: generation ?? undefined,
        listed,
      }));
      if (body.bastion !== null) await gateway.listensAt(body.bastion.port);
      gateway.servesWebAt(portsOf(body.web ?? null));
      return { end: [...(await gateway.live.tell(params.worker, { sessions, isListening: body.bastion !== null }))] };
    },
    changes: async ({ query, signal }) => ({ number: await gateway.live.changes.wait(query.after, changesWaitMs, signal) }),
  };
}

function webHandlers({ gateway, control: { web } }: HandlerParts) {
  return {
    async webState({ query: { after }, signal }) {
      const number = await web.changes.wait(after, changesWaitMs, signal);
      if (number === after) return { number, state: null };
      return { number, state: stateView(web.state()) };
    },
    async webSignIn({ body: { generation, door, ...who } }) {
      return { ticket: await gateway.web.signIn(signInOf(who), { generation, door }) };
    },
    async webEnter({ body: { ticket, link, fromAddress, ...place } }) {
      return link === undefined
        ? await gateway.web.enter(ticket ?? '', place, fromAddress)
        : await gateway.web.enterByLink(link, place, fromAddress);
    },
    async webStart({ body: { id, ...who } }) {
      await gateway.web.start(signInOf(who), id);
      return undefined;
    },
  } satisfies Partial<InternalHandlers>;
}

function signInOf({ password, ...who }: { readonly person: string; readonly password: string; readonly fromAddress: string }): WebSignIn {
  return { ...who, password: new Secret(password) };
}

function stateView({ routes, domains, certificates, challenges, authority, passKey, stamps, readers }: WebState) {
  return {
    routes: [...routes],
    domains: [...domains],
    certificates: certificates.map(({ names, chain, key }) => ({ names: [...names], chain, key })),
    challenges: [...challenges],
    authority: authority ?? null,
    passKey,
    stamps: [...stamps],
    readers: readers.map(({ generation, subjects }) => ({ generation, subjects: [...subjects] })),
  };
}

function portsOf(web: Readonly<Record<keyof WebPorts, number | null>> | null): WebPorts | undefined {
  if (web === null) return undefined;
  return { http: web.http ?? undefined, https: web.https ?? undefined, content: web.content ?? undefined };
}

function bytes(base64: string): Buffer {
  if (!/^[A-Za-z\d+/]*={0,2}$/u.test(base64)) throw fault('bad-request', 'bytes are given in base64');
  return Buffer.from(base64, 'base64');
}

function sessionView({ credential, person, passwordMustChange, permits }: SignedInAtGateway) {
  return { credential, person, passwordMustChange, permits: permits === undefined ? null : [...permits] };
}

function placeView({ record, address, sshPort, hostKey, recordedBy, gatewayKey }: EnterablePlace): Place {
  const { id, generation, name, owner, admin } = record;
  return {
    id,
    generation,
    name: name ?? null,
    owner,
    admin,
    address,
    sshPort,
    hostKey: hostKey ?? null,
    gatewayKey: gatewayKey ?? null,
    recordedBy: recordedBy ?? null,
  };
}
