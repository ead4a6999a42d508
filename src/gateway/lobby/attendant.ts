/** Does what one line says, whether typed at the prompt or given as an SSH command. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../base/clock.ts';
import type { Context } from '../../commands/context.ts';
import { exitCodeOf, failureOf, failureText } from '../../commands/failure.ts';
import { visible } from '../../commands/plain-text.ts';
import { runCommand } from '../../commands/run.ts';
import { unreachable } from '../../base/brand.ts';
import { type LobbyLine, parseLobbyLine } from '../../core/lobby-line.ts';
import type { LobbyWorld } from '../../core/lobby-world.ts';
import type { EnterRequest } from '../../core/login.ts';
import type { Entrance } from '../../core/ssh-line.ts';
import type { Seat } from './seat.ts';
import type { Station } from './station.ts';

export interface Done {
  readonly exitCode: number;
  /** The person wants to go. */
  readonly leaves: boolean;
}

export class Attendant {
  readonly #seat: Seat;
  readonly #station: Station;
  #running: AbortController | undefined;
  #places: Promise<Pick<LobbyWorld, 'otherHosts' | 'plan'>> | undefined;

  constructor(seat: Seat, station: Station) {
    this.#seat = seat;
    this.#station = station;
  }

  /** ^C: whatever runs ends. */
  interrupt(): void {
    this.#running?.abort();
  }

  /** Never throws. */
  async do(text: string): Promise<Done> {
    const interrupted = new AbortController();
    this.#running = interrupted;
    const context = this.context(AbortSignal.any([interrupted.signal, this.#seat.signal]));
    try {
      const line = parseLobbyLine(text, await this.#world(text));
      return { exitCode: await this.#perform(line, context), leaves: line.kind === 'leave' };
    } catch (error) {
      const failure = failureOf(error, 'help', context.signal);
      context.terminal.writeError(failureText(failure, false));
      return { exitCode: exitCodeOf(failure), leaves: false };
    } finally {
      this.#running = undefined;
    }
  }

  context(signal: AbortSignal): Context {
    const { client, version } = this.#seat;
    return {
      terminal: this.#station.terminal,
      enter: (request) => this.#enter(request),
      connect: () => client,
      clock: systemClock,
      randomId: randomUUID,
      sleep: (ms) => sleep(ms, undefined, { signal }),
      signal,
      version,
    };
  }

  async #perform(line: LobbyLine, context: Context): Promise<number> {
    const { terminal } = context;
    switch (line.kind) {
      case 'empty':
        return 0;
      case 'leave':
        return line.exitCode;
      case 'help':
        return runCommand(['help'], context);
      case 'manager':
        return runCommand(line.argv, context);
      case 'enter':
        return this.#enterAs(line, context);
      case 'clear':
        if (terminal.live !== undefined) terminal.write('\u001B[H\u001B[2J\u001B[3J');
        return 0;
      case 'nothing-to-remove':
        terminal.write(
          `There is nothing to remove for ${visible(line.host)}: no host keys are kept here, and a server that you create again keeps its key.\n`,
        );
        return 0;
      case 'say':
        if (line.exitCode === 0) terminal.write(`${visible(line.text)}\n`);
        else terminal.writeError(`myserver: ${visible(line.text)}\n`);
        return line.exitCode;
      default:
        return unreachable(line);
    }
  }

  async #enterAs({ request, remarks, wantsTerminal }: Entrance, { terminal }: Context): Promise<number> {
    for (const remark of remarks) terminal.writeError(`myserver: ${remark}\n`);
    if (wantsTerminal && !terminal.isTerminal)
      terminal.writeError('myserver: a terminal there needs one here: put -t on the outer ssh too, the one on your own machine\n');
    return this.#enter(request);
  }

  #enter(request: EnterRequest): Promise<number> {
    return this.#station.handOver(() => this.#seat.enter(request));
  }

  /** The plan is asked for once, and only for lines that may need it. */
  async #world(text: string): Promise<LobbyWorld> {
    const { person, host, port } = this.#seat;
    const needsPlan = /ssh|shell/u.test(text);
    const { otherHosts, plan } = needsPlan ? await (this.#places ??= this.#askPlaces()) : { otherHosts: [], plan: undefined };
    return { person, host, port, otherHosts, plan };
  }

  async #askPlaces(): Promise<Pick<LobbyWorld, 'otherHosts' | 'plan'>> {
    try {
      const { publicHost, firstId, lastId, blocks } = await this.#seat.client.call('getPlan', {}, { signal: this.#seat.signal });
      return { otherHosts: [publicHost], plan: { ids: { first: firstId, last: lastId }, blocks } };
    } catch {
      // IDs and names work without it, and a port gets a sentence; the next line asks again.
      this.#places = undefined;
      return { otherHosts: [], plan: undefined };
    }
  }
}
