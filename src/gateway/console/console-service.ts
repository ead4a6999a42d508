/** The life of a worker's browser terminals: other workers' pages find them, and a worker that ends gives them time, as it does SSH sessions. */
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import type { Service } from '../../base/service.ts';
import { takeFromWorker } from '../http/behind-front.ts';
import { takeHandedOn, type Terminals } from './terminals.ts';
import type { Transfers } from './transfers.ts';
import type { WorkerDoor } from './worker-door.ts';

export interface ConsoleServiceOptions {
  readonly terminals: Terminals;
  readonly transfers: Transfers;
  readonly door: WorkerDoor;
  readonly log: Log;
  /** By the wall clock, in milliseconds: what lives has been given time from the signal on. Asked at the end. */
  readonly drainUntil: () => number;
}

const lookMs = 500;

export function consoleService({ terminals, transfers, door, log, drainUntil }: ConsoleServiceOptions): Service {
  return {
    name: 'browser terminals',
    async start() {
      await door
        .listen({
          connection: (connection) => takeHandedOn(terminals, connection),
          request(request, response, fromAddress) {
            takeFromWorker(request, fromAddress);
            if (!transfers.answer(request, response, request.url ?? '/')) response.writeHead(404).end();
          },
        })
        .catch((error: unknown) =>
          log.warn({ error: messageOf(error) }, 'terminals of this worker are not found by pages that come to another'),
        );
    },
    async stop() {
      while (terminals.held.all().length > 0 && Date.now() < drainUntil()) await sleep(lookMs);
      for (const terminal of terminals.held.all()) terminal.end('the gateway was restarted');
      await door.close();
    },
  };
}
