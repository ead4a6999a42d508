/** The event bus: numbers every event and remembers the newest, so that a listener that comes back can be given what it missed. */
import type { Log } from '../base/log.ts';
import { messageOf } from '../base/fault.ts';
import type { ControlEvent, Events } from './control.ts';

/** 2,000 events are some minutes of a busy class; a listener away for longer lists again. */
const remembered = 2000;

export interface EventBus extends Events {
  emit(event: ControlEvent): void;
}

export function makeEventBus(log: Log): EventBus {
  const listeners = new Set<(number: number, event: ControlEvent) => void>();
  const memory: { readonly number: number; readonly event: ControlEvent }[] = [];
  let last = 0;

  return {
    emit(event) {
      last += 1;
      memory.push({ number: last, event });
      if (memory.length > remembered) memory.shift();
      for (const listener of listeners) {
        try {
          listener(last, event);
        } catch (error) {
          log.error({ error: messageOf(error) }, 'a listener of events failed');
        }
      }
    },

    subscribe(onEvent, after) {
      const first = memory[0]?.number ?? last + 1;
      const complete = after === undefined || (after <= last && after >= first - 1);
      if (after !== undefined && complete) {
        for (const { number, event } of memory) if (number > after) onEvent(number, event);
      }
      listeners.add(onEvent);
      return { complete, unsubscribe: () => listeners.delete(onEvent) };
    },
  };
}
