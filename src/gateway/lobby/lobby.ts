/**
 * The lobby: what a signed-in person gets on a session channel of the bastion. There is no shell of the host behind it, only `core/lobby-line.ts`, the manager's
 * commands, and `Seat.enter`. Both functions resolve with the exit code, never throw, and leave the channel open.
 */
import { once } from 'node:events';
import { failureOf, failureText } from '../../commands/failure.ts';
import { Attendant } from './attendant.ts';
import { completionsOf } from './completion.ts';
import { greet } from './greeting.ts';
import { PersonStation } from './person-station.ts';
import { makePipedStation } from './piped-station.ts';
import type { Pty, Seat } from './seat.ts';
import type { Station } from './station.ts';

/** 128 + SIGHUP, as a shell says it. */
const hungUp = 129;

/** A prompt for a person; without a terminal, the lines that come in are carried out one after the other, as a shell would. */
export function runLobby(seat: Seat): Promise<number> {
  return attended(seat, async (attendant, station) => {
    if (seat.pty !== undefined) await greet(seat, station.terminal);
    let exitCode = 0;
    for (;;) {
      await untilRead(seat);
      const line = await station.line('myserver> ');
      // Who leaves by hand is told of no failure of a line before.
      if (line.kind === 'end') return seat.pty === undefined ? exitCode : 0;
      if (line.kind === 'interrupted') continue;
      const done = await attendant.do(line.text);
      if (done.leaves) return done.exitCode;
      exitCode = done.exitCode;
    }
  });
}

/** A short line has a long answer: whoever reads none would have this worker keep them all. Never resolves for who has gone; `signal` tells of them. */
async function untilRead({ channel, errors }: Seat): Promise<void> {
  for (const stream of [channel, errors]) if (stream.writableNeedDrain) await once(stream, 'drain');
}

/** One command: `ssh gw list -f json`, `ssh gw ssh 123 uptime`. */
export function runLobbyCommand(text: string, seat: Seat): Promise<number> {
  return attended(seat, async (attendant) => (await attendant.do(text)).exitCode);
}

async function attended(seat: Seat, act: (attendant: Attendant, station: Station) => Promise<number>): Promise<number> {
  // A channel that breaks is reported by `signal`; without a listener its error would end the gateway.
  for (const stream of new Set([seat.channel, seat.errors])) stream.on('error', () => {});
  const forPerson = (pty: Pty) =>
    new PersonStation(seat.channel, pty, {
      onInterrupt: () => attendant.interrupt(),
      complete: (line) => completionsOf(line, attendant.context(seat.signal)),
    });
  const station: Station = seat.pty === undefined ? makePipedStation(seat) : forPerson(seat.pty);
  const attendant = new Attendant(seat, station);
  const unlisten = seat.onInterrupt(() => attendant.interrupt());
  const gone = Promise.withResolvers<number>();
  const leave = () => gone.resolve(hungUp);
  seat.signal.addEventListener('abort', leave, { once: true });
  if (seat.signal.aborted) leave();
  try {
    return await Promise.race([gone.promise, act(attendant, station)]);
  } catch (error) {
    station.terminal.writeError(failureText(failureOf(error, 'help', seat.signal), false));
    return 1;
  } finally {
    unlisten();
    seat.signal.removeEventListener('abort', leave);
    station.close();
  }
}
