/** What one signed-in connection may do: sessions and forwards, each decided by control when it begins, and ended when control says so. */
import type { Connection, ServerChannel } from 'ssh2';
import type { Log } from '../../base/log.ts';
import { messageOf } from '../../base/fault.ts';
import { fault, toFault } from '../../core/errors.ts';
import { type EnterRequest, referenceText, type ServerReference } from '../../core/login.ts';
import { shorten } from '../../core/ids.ts';
import { parsePersonName } from '../../core/names.ts';
import type { Place } from '../../contract/internal.ts';
import type { ControlLink } from '../control-link.ts';
import { runLobby, runLobbyCommand } from '../lobby/lobby.ts';
import type { Seat } from '../lobby/seat.ts';
import type { Guest } from './authentication.ts';
import { askOnChannel } from './channel-question.ts';
import { countChannel } from './counted-channel.ts';
import { serveForwards } from './forwards.ts';
import { type InnerPool, makeInnerPool } from './inner-pool.ts';
import type { Entry, Ledger, LedgerLine } from './ledger.ts';
import { makeRefusals, type Refusals } from './refusals.ts';
import { beginRecording, realRecorder, type RecorderOptions, type Recording } from './recording.ts';
import { serveRemoteForwards } from './remote-forwards.ts';
import { brokenCode, type Outcome, runOnServer } from './server-session.ts';
import { gatherRequest, type SessionRequest, type Wanted } from './session-request.ts';
import { hangUp, refusal, refuseChannel } from './ssh2-extras.ts';

export interface VisitOptions {
  readonly link: ControlLink;
  readonly ledger: Ledger;
  readonly log: Log;
  /** The servers' network and the host's own address in it: checked again here before anything is connected. */
  readonly network: string;
  readonly hostAddress: string;
  readonly publicHost: string;
  readonly port: number;
  readonly version: string;
  readonly recorder: Pick<RecorderOptions, 'dir' | 'mostBytes' | 'isDiskLow'>;
}

export interface Visit {
  readonly connection: Connection;
  readonly guest: Guest;
  readonly pool: InnerPool;
  /** Fires when the person has gone or is sent away. */
  readonly signal: AbortSignal;
  readonly options: VisitOptions;
  /** Begins a line of the ledger; when control ends it, `cut` is called with the reason. */
  begin(what: Omit<Entry, 'credential'>, cut: (reason: string) => void): LedgerLine;
  /** What is refused here, and not by control. */
  readonly refusals: Refusals;
  /** Throws what control says. */
  placeOf(server: ServerReference): Promise<Place>;
}

/** Long enough for a sentence to arrive. */
const farewellMs = 500;

export function makeVisit(connection: Connection, guest: Guest, options: VisitOptions): Visit {
  const { link, ledger } = options;
  const { credential } = guest;
  const gone = new AbortController();
  const refusals = makeRefusals(ledger, credential);
  const pool = makeInnerPool({ connection, link, credential, refusals, signal: gone.signal });
  connection.once('close', () => {
    gone.abort();
    pool.closeAll();
    refusals.end();
  });
  return {
    connection,
    guest,
    pool,
    signal: gone.signal,
    options,
    begin: (what, cut) => ledger.begin({ ...what, credential }, cut),
    refusals,
    placeOf: async (server) => await link.call('place', { body: { credential, server: referenceText(server) } }),
  };
}

/** Each is a channel to a server's sshd, ten to a connection. */
const mostSessions = 100;

/** `entered`: the server that was entered during the sign-in already. */
export function serveVisit(visit: Visit, entered: Place | undefined): void {
  const { connection, guest } = visit;
  const { place } = guest.login;
  const where = place.kind === 'lobby' ? 'the lobby' : `server ${referenceText(place.server)}`;
  // Its sessions are told why, each in its own line; then it goes.
  const cut = (reason: string) => setTimeout(() => hangUp(connection, reason), farewellMs);
  const line = visit.begin({ kind: 'connection', server: entered, detail: where }, cut);
  connection.once('close', () => line.end('closed'));
  let sessions = 0;
  connection.on('session', (accept, reject) => {
    if (sessions >= mostSessions) {
      const sentence = `${mostSessions} sessions are open on this connection already`;
      visit.refusals.note({ kind: 'session', server: entered, detail: sentence });
      return refuseChannel(connection, reject, refusal.shortage, sentence);
    }
    const session = accept();
    sessions += 1;
    let serving: Promise<void> | undefined;
    const leave = () => void (sessions -= 1);
    // Not before what it began is over: a server that never answers would be asked without end.
    session.once('close', () => (serving === undefined ? leave() : void serving.then(leave)));
    const request = gatherRequest(session, guest);
    const hangUp = new AbortController();
    session.once('close', () => hangUp.abort());
    const signal = AbortSignal.any([visit.signal, hangUp.signal]);
    const begin = (wanted: Wanted) => (acceptIt: () => ServerChannel | undefined) => {
      // At once: after the client's EOF there is no channel to be had any more.
      const channel = acceptIt();
      if (channel === undefined) return;
      serving = serveSession(visit, { channel, request, wanted, signal }).catch((error: unknown) => {
        visit.options.log.warn({ error: messageOf(error) }, 'a session could not be brought to its end');
      });
    };
    session.on('shell', begin({ kind: 'shell' }));
    session.on('exec', (acceptIt, _reject, { command }) => begin({ kind: 'exec', command })(acceptIt));
    session.on('subsystem', (acceptIt, _reject, { name }) => begin({ kind: 'subsystem', name })(acceptIt));
  });
  serveForwards(visit);
  serveRemoteForwards(visit);
}

interface Sitting {
  readonly channel: ServerChannel;
  readonly request: SessionRequest;
  readonly wanted: Wanted;
  /** Fires when the person hangs up. */
  readonly signal: AbortSignal;
}

async function serveSession(visit: Visit, sitting: Sitting): Promise<void> {
  const { channel, request } = sitting;
  // A peer that goes away in the midst is no fault of ours.
  for (const stream of [channel, channel.stderr]) stream.on('error', () => {});
  const { place } = visit.guest.login;
  let outcome: Outcome;
  try {
    outcome =
      place.kind === 'server'
        ? await enterServer(visit, { ...sitting, server: place.server, inside: place.inside })
        : plain(await runInLobby(visit, sitting));
  } catch (error) {
    const { code, message } = toFault(error);
    if (code === 'internal') visit.options.log.warn({ error: messageOf(error) }, 'a session failed by a fault of ours');
    channel.stderr.write(`${message}${request.terminal === undefined ? '\n' : '\r\n'}`);
    outcome = plain(brokenCode);
  }
  if (outcome.signal === undefined) channel.exit(outcome.code);
  else channel.exit(outcome.signal, outcome.hasDumpedCore, outcome.text);
  channel.end();
}

function plain(code: number): Outcome {
  return { code, signal: undefined, isBroken: false, hasDumpedCore: false, text: '' };
}

interface Entrance extends Sitting {
  readonly server: ServerReference;
  readonly inside: string | undefined;
}

async function enterServer(visit: Visit, { channel, request, wanted, signal, server, inside }: Entrance): Promise<Outcome> {
  const place = await visit.placeOf(server);
  const user = inside ?? place.admin;
  const ask = request.terminal === undefined ? undefined : async (question: string) => await askOnChannel(channel, question, signal);
  using lease = await visit.pool.lease(place, user, ask);
  const cut = new AbortController();
  const kind = wanted.kind === 'subsystem' && wanted.name === 'sftp' ? wanted.name : wanted.kind;
  const what = kind === 'subsystem' && wanted.kind === 'subsystem' ? `${shorten(wanted.name)} as ` : '';
  const line = visit.begin({ kind, server: place, detail: `${what}${user} on server ${place.id}` }, (reason) => {
    channel.stderr.write(`\r\n${reason}\r\n`);
    cut.abort();
  });
  const recording = record(visit, { channel, request, place, user, id: line.id });
  try {
    const outcome = await runOnServer({
      inner: lease.client,
      channel,
      request,
      wanted,
      line,
      recording,
      signal: AbortSignal.any([signal, cut.signal]),
    });
    if (outcome.isBroken && !signal.aborted && !cut.signal.aborted)
      channel.stderr.write(`\r\n${await whyBroken(visit, server, place)}\r\n`);
    line.end(outcome.signal === undefined ? `exit ${outcome.code}` : `signal ${outcome.signal}`);
    return outcome;
  } catch (error) {
    line.end('failed');
    throw error;
  } finally {
    recording?.end();
  }
}

/** The server is the one that hung up; control may know why. */
async function whyBroken(visit: Visit, server: ServerReference, { id }: Place): Promise<string> {
  return await visit.placeOf(server).then(
    () => `server ${id} ended the connection: it went down, was restarted, or its SSH service ended`,
    (error: unknown) => messageOf(error),
  );
}

interface Scene extends Pick<Sitting, 'channel' | 'request'> {
  readonly place: Place;
  readonly user: string;
  /** In the ledger. */
  readonly id: string;
}

/** Begins a recording where somebody wants one, and says so. Undefined: there is none. */
function record({ guest, options }: Visit, { channel, request: { terminal }, place, user, id }: Scene): Recording | undefined {
  if (place.recordedBy === null || terminal === undefined) return undefined;
  const whose = place.recordedBy === 'owner' ? `${place.owner}, who owns server ${place.id}, wants` : 'the administrator wants of all';
  channel.stderr.write(`This session is recorded, as ${whose}.\r\n`);
  const about = { id, server: place, person: guest.person, user, term: terminal.term, size: terminal.size() };
  return beginRecording(about, { ...realRecorder, ...options.recorder, log: options.log });
}

async function runInLobby(visit: Visit, sitting: Sitting): Promise<number> {
  const { channel, request, wanted } = sitting;
  if (wanted.kind === 'subsystem')
    throw fault(
      'bad-request',
      `${wanted.name} needs a server: put its ID or name before the address, as in "sftp 123@${visit.options.publicHost}"`,
    );
  const { guest, options } = visit;
  const cut = new AbortController();
  const line = visit.begin({ kind: 'lobby', detail: wanted.kind === 'shell' ? 'the lobby' : 'a command' }, (reason) => {
    channel.stderr.write(`\r\n${reason}\r\n`);
    cut.abort();
  });
  countChannel(channel, line);
  channel.pause();
  const signal = AbortSignal.any([sitting.signal, cut.signal]);
  const seat: Seat = {
    person: parsePersonName(guest.person),
    client: options.link.clientFor(guest.credential),
    channel,
    errors: channel.stderr,
    pty: request.terminal,
    host: options.publicHost,
    port: options.port,
    version: options.version,
    signal,
    onInterrupt: (callback) => request.onSignal((name) => (name === 'INT' ? callback() : undefined)),
    enter: async ({ server, inside, command }: EnterRequest) => {
      const inner: Wanted = command === undefined ? { kind: 'shell' } : { kind: 'exec', command };
      return (await enterServer(visit, { ...sitting, signal, wanted: inner, server, inside })).code;
    },
  };
  const code = wanted.kind === 'shell' ? await runLobby(seat) : await runLobbyCommand(wanted.command, seat);
  line.end(`exit ${code}`);
  return code;
}
