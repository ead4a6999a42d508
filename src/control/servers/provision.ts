/**
 * Makes an unpacked image somebody's server: the first user, keys, host key and name, pushed as files into the stopped instance, so that the first boot
 * has nothing to do and takes no longer than any other.
 */
import type { Secret } from '../../base/secret.ts';
import { fault } from '../../core/errors.ts';
import { publicKeyLine } from '../../core/ssh-key.ts';
import { makeHostKey } from '../host-key.ts';
import { type AccountFiles, type ProvisionInput, provisionFiles, skeletonNames } from '../../core/provision.ts';
import { instanceNameOf } from '../../engines/engine.ts';
import type { ServerRecord } from '../../store/servers.ts';
import { gatewayKeyLine } from './gateway-key.ts';
import type { ServerParts } from './settings.ts';

export interface FirstUser {
  /** OpenSSH lines beside the owner's own. */
  readonly extraKeys: readonly string[];
  /** Undefined when it was lost with a crash at the worst moment: then the password is locked until `password ID` sets one. */
  readonly passwordHash: Secret | undefined;
}

type ImageFiles = AccountFiles & Required<Pick<ProvisionInput, 'skeleton'>>;

/** By image fingerprint: every server of an image begins with the same files, and reading them through the engine is a fifth of a creation. */
const filesOfImage = new Map<string, ImageFiles>();

export async function provision(parts: ServerParts, record: ServerRecord, user: FirstUser, signal: AbortSignal): Promise<void> {
  const { store, engine } = parts;
  const name = instanceNameOf(record.id, record.generation);
  const hostKey = await store.hostKeys.keep(makeHostKey(record.owner, record.id));
  const ownKeys = await store.personKeys.list(record.owner);
  const gatewayKey = await gatewayKeyLine(store, record.generation);
  const files = provisionFiles({
    ...(await imageFiles(parts, record, signal)),
    admin: {
      name: record.admin,
      passwordHash: user.passwordHash?.reveal() ?? '!',
      mustChange: user.passwordHash !== undefined,
      sudo: true,
    },
    hostname: record.name ?? `server-${record.id}`,
    hostKey: { privateKey: hostKey.privateKey.reveal(), publicKey: hostKey.publicKey },
    authorizedKeys: [...ownKeys.map(publicKeyLine), ...user.extraKeys, gatewayKey],
  });
  await engine.pushFiles(name, files, signal);
  await store.servers.update(record.generation, { gatewayKey: true });
}

async function imageFiles({ engine }: ServerParts, record: ServerRecord, signal: AbortSignal): Promise<ImageFiles> {
  const known = record.imageFingerprint === undefined ? undefined : filesOfImage.get(record.imageFingerprint);
  if (known !== undefined) return known;
  const name = instanceNameOf(record.id, record.generation);
  const read = async (file: string): Promise<string> => {
    const text = await engine.readFile(name, `/etc/${file}`, signal);
    if (text === undefined)
      throw fault('image-broken', `the image ${record.system}/${record.type} has no /etc/${file}; build or import it again`);
    return text;
  };
  const [passwd, group, shadow, gshadow] = await Promise.all([read('passwd'), read('group'), read('shadow'), read('gshadow')]);
  const skeleton: Record<string, string> = {};
  for (const file of skeletonNames) {
    const text = await engine.readFile(name, `/etc/skel/${file}`, signal);
    if (text !== undefined) skeleton[file] = text;
  }
  const files = { passwd, group, shadow, gshadow, skeleton };
  if (record.imageFingerprint !== undefined) filesOfImage.set(record.imageFingerprint, files);
  return files;
}
