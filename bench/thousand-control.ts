/** Control's own parts on a real store with a thousand servers and the engine faked, as a process of its own for `thousand.ts`. */
import { randomUUID } from 'node:crypto';
import { parsePlan } from '../src/core/plan.ts';
import { parseGeneration } from '../src/core/ids.ts';
import { parsePersonName } from '../src/core/names.ts';
import { defaultLimits } from '../src/core/server.ts';
import { keepHeapSmall } from '../src/daemon/heap.ts';
import { instanceNameOf } from '../src/engines/engine.ts';
import { makeApiRoom } from '../src/rest/api-room.testing.ts';

keepHeapSmall();
const count = Number(process.argv[2]);
const maxProcesses = 500;

await using place = await makeApiRoom();
const { room, socketPath } = place;
await room.as('bench', 'administrator');
const owner = parsePersonName('bench');
const plan = parsePlan({});
const origin = { person: owner, via: 'root', fromAddress: undefined } as const;
for (let number = 0; number < count; number += 1) {
  const id = plan.requireId(number);
  const generation = parseGeneration(randomUUID());
  const image = { system: 'debian12', type: 'minimal' };
  await room.store.leases.adopt({ id, generation, owner, admin: owner, ...image, limits: defaultLimits, wanted: 'running', origin });
  const name = instanceNameOf(id, generation);
  const tags = { installation: room.store.installation, generation, id };
  await room.engine.create({ name, tags, image: 'debian12/minimal', limits: defaultLimits, maxProcesses, address: plan.addressOf(id) });
  await room.engine.start(name);
}
// As after a gap in the engine's events: control looks at everything.
room.engine.world.tell(undefined);
process.stdout.write(`${JSON.stringify({ socketPath })}\n`);
for await (const _ of process.stdin);
