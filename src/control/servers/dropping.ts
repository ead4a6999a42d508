/** The end of a server, in the order that loses nothing and leaves nothing: closed to the outside, destroyed, and only then its ID given back. */
import { instanceNameOf } from '../../engines/engine.ts';
import type { ServerRecord } from '../../store/servers.ts';
import { initialPasswordName } from './creation.ts';
import type { ServerParts } from './settings.ts';

/** For a server that the store holds as `dropping`, as often as need be. Throws what the engine and the firewall throw; then the ID stays taken. */
export async function finishDrop({ store, engine, world, rules, plan, events }: ServerParts, record: ServerRecord): Promise<void> {
  const { id, generation } = record;
  await rules.settle();
  await rules.cut(plan.addressOf(id));
  await engine.destroy(instanceNameOf(id, generation), { installation: store.installation, generation });
  await store.atomically(async (tables) => {
    await tables.keyring.remove(initialPasswordName(generation));
    await tables.leases.release(generation);
  });
  world.forget(generation);
  events.emit({ kind: 'server-gone', record });
}
