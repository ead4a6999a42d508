/** Who may hear of which event. Decided when it is delivered, so that a right lost a moment ago is lost. */
import type { Store } from '../store/store.ts';
import type { AccessDesk } from './access-desk.ts';
import type { EventVerbs } from './control.ts';
import { maySeeOperation } from './operation-verbs.ts';
import type { World } from './world.ts';

export function makeEventVerbs({
  store,
  access,
  world,
}: {
  readonly store: Store;
  readonly access: AccessDesk;
  readonly world: World;
}): EventVerbs {
  return {
    async show(caller, id) {
      const record = await store.servers.get(id);
      if (record === undefined) return undefined;
      const right = (await access.judge(caller))(record);
      return right === 'none' ? undefined : { record, seen: world.seenOf(record.generation), right };
    },

    async maySee(caller, event) {
      if (event.kind === 'operation') return await maySeeOperation(caller, event.operation, store, access);
      const judge = await access.judge(caller);
      if (event.kind === 'server-gone') return judge(event.record) !== 'none';
      const record = await store.servers.byGeneration(event.generation);
      return record !== undefined && judge(record) !== 'none';
    },
  };
}
