/**
 * The host key of a server that was taken in. Where none is known for this owner and ID, the one inside stays, so that nobody who knows the server is
 * warned. Else the known one goes inside, as with every server that an owner makes anew.
 */
import { hostKeyPaths } from '../../core/provision.ts';
import { instanceNameOf } from '../../engines/engine.ts';
import type { HostKey, ServerRecord } from '../../store/servers.ts';
import type { Store } from '../../store/store.ts';
import { makeHostKey, readHostKey } from '../host-key.ts';
import type { ServerParts } from './settings.ts';
import { withinReason } from './within-reason.ts';

/** Throws `engine-failed` where the files inside cannot be read or written. */
export async function settleAdoptedHostKey({ store, engine, settings }: ServerParts, record: ServerRecord): Promise<void> {
  const { id, owner, generation } = record;
  const name = instanceNameOf(id, generation);
  const complaint = (time: string) => `the host key inside server ${id} could not be read or written within ${time}`;
  await withinReason(settings, complaint, async (signal) => {
    const inside = readHostKey((await engine.readFile(name, hostKeyPaths.privateKey, signal)) ?? '', owner, id);
    const isGood = inside !== undefined && !(await isAnothers(store, inside));
    const { publicKey, privateKey } = await store.hostKeys.keep(isGood ? inside : makeHostKey(owner, id));
    if (publicKey === inside?.publicKey) return;
    const rights = { kind: 'file', uid: 0, gid: 0 } as const;
    await engine.pushFiles(
      name,
      [
        { path: hostKeyPaths.privateKey, content: privateKey.reveal(), mode: 0o600, ...rights },
        { path: hostKeyPaths.publicKey, content: `${publicKey}\n`, mode: 0o644, ...rights },
      ],
      signal,
    );
  });
}

/** A key that was revoked, or that another server or another owner of this ID has, is no proof of being this server. */
async function isAnothers({ hostKeys }: Store, { owner, id, publicKey }: HostKey): Promise<boolean> {
  const blobOf = (line: string) => line.split(' ')[1];
  const blob = blobOf(publicKey);
  const others = (await hostKeys.list()).filter((key) => key.owner !== owner || key.id !== id);
  return [...others, ...(await hostKeys.revoked())].some((key) => blobOf(key.publicKey) === blob);
}
