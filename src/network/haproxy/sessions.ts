/** What lives through HAProxy, to end what goes where it may not go any more. */
import type { Runtime } from './runtime.ts';

/** Ends all that goes to these places, `ADDRESS:PORT`. Costs what there is of sessions, and is needed when a port is closed only. */
export async function endSessionsTo(runtime: Runtime, places: ReadonlySet<string>): Promise<void> {
  if (places.size === 0) return;
  const [listed = ''] = await runtime.run(['show sess all']);
  const ending = listed
    .split(/^(?=0x[\da-f]+: )/mu)
    .filter((session) => [...session.matchAll(/\baddr=([\d.]+:\d+)/gu)].some(([, place = '']) => places.has(place)))
    .flatMap((session) => /^(0x[\da-f]+):/u.exec(session)?.[1] ?? []);
  for (const id of ending) await runtime.run([`shutdown session ${id}`]);
}
