/** Where the gateway connects to for a server, and what it must know of it. */
import { fault } from '../../core/errors.ts';
import { recordedBy, type RecordedBy } from '../../core/recording.ts';
import { statusOf } from '../../core/server.ts';
import type { ServerRecord } from '../../store/servers.ts';
import type { Store } from '../../store/store.ts';
import type { InstallationFacts } from '../control.ts';
import { gatewayKeyLine } from '../servers/gateway-key.ts';
import type { World } from '../world.ts';

export interface EnterablePlace {
  readonly record: ServerRecord;
  readonly address: string;
  readonly sshPort: number;
  readonly hostKey: string | undefined;
  /** The gateway's key for this server, as one OpenSSH line. Undefined: the owner took it out. */
  readonly gatewayKey: string | undefined;
  /** Undefined: terminal sessions are not recorded. */
  readonly recordedBy: RecordedBy | undefined;
}

export interface PlacesOptions {
  readonly store: Store;
  readonly world: World;
  readonly facts: () => InstallationFacts;
}

/** Throws `wrong-state` for a server that does not run. Whether somebody may go there is asked before. */
export async function placeOf({ store, world, facts }: PlacesOptions, record: ServerRecord): Promise<EnterablePlace> {
  const { plan, recording } = facts();
  const seen = world.seenOf(record.generation);
  const status = statusOf({ ...record, seen });
  if (status !== 'running' && seen !== 'running') {
    const help = status === 'stopped' ? `start it with "start ${record.id}"` : `"info ${record.id}" tells more`;
    throw fault('wrong-state', `server ${record.id} is ${status}; ${help}`);
  }
  const hostKey = await store.hostKeys.get(record.owner, record.id);
  const sshPort = plan.portsOf(record.id).find(({ block, protocol }) => block === 'ssh' && protocol === 'tcp')?.privatePort ?? 22;
  return {
    record,
    address: plan.addressOf(record.id),
    sshPort,
    hostKey: hostKey?.publicKey,
    gatewayKey: record.gatewayKey ? await gatewayKeyLine(store, record.generation) : undefined,
    recordedBy: recordedBy(recording, record.isRecorded),
  };
}
