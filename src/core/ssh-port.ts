/** Which server a public port means to somebody who typed it after `ssh -p`. */
import { fault } from './errors.ts';
import { parseServerId, type ServerId } from './ids.ts';
import type { LobbyWorld, PortPlan } from './lobby-world.ts';
import { idAt, portIn, portRange } from './plan.ts';

/** Throws `bad-id` with the right port where `port` is another of a server's, or nobody's. */
export function serverAtPort(port: number, { plan }: LobbyWorld): ServerId {
  if (plan === undefined)
    throw fault(
      'control-unreachable',
      `the addressing plan cannot be read now, so port ${port} says nothing: write the ID, as in "ssh 123"`,
    );
  const sshBlocks = plan.blocks.filter(({ privatePort, protocols }) => privatePort === 22 && protocols.includes('tcp'));
  for (const block of sshBlocks) {
    const id = ownerOf(port, block, plan);
    if (id !== undefined) return id;
  }
  for (const block of plan.blocks) {
    const id = ownerOf(port, block, plan);
    if (id === undefined) continue;
    const right = sshBlocks.map((one) => portIn(one, id)).find((one) => one <= 65_535);
    throw fault(
      'bad-id',
      `port ${port} is the ${block.name} port of server ${id}, not its SSH port${right === undefined ? '' : `, which is ${right}`}: write "ssh ${id}"`,
    );
  }
  const ranges = sshBlocks.map((block) => portRange(plan, block)).map(({ first, last }) => `${first} to ${last}`);
  throw fault(
    'bad-id',
    `port ${port} is no server's${ranges.length === 0 ? '' : `: the SSH ports of the servers are ${ranges.join(' and ')}`}; "list" shows yours`,
  );
}

function ownerOf(port: number, block: PortPlan['blocks'][number], { ids }: PortPlan): ServerId | undefined {
  const id = idAt(block, port);
  return Number.isInteger(id) && id >= ids.first && id <= ids.last ? parseServerId(id) : undefined;
}
