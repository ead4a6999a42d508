/** Instances that the store does not know: taken in as servers, or destroyed because an administrator said so by name. */
import { messageOf } from '../../base/fault.ts';
import { fault, toFault } from '../../core/errors.ts';
import { parsePersonName } from '../../core/names.ts';
import type { Stranger } from '../../core/reconcile.ts';
import { defaultLimits } from '../../core/server.ts';
import { instanceNameOf, type InstanceSeen } from '../../engines/engine.ts';
import type { ServerRecord } from '../../store/servers.ts';
import { type Caller, originOf, personOf } from '../caller.ts';
import { settleAdoptedHostKey } from './adopted-host-key.ts';
import type { ServerParts } from './settings.ts';

async function requireTagged(
  { engine }: ServerParts,
  { name }: Stranger,
): Promise<InstanceSeen & { readonly tags: NonNullable<InstanceSeen['tags']> }> {
  const instance = await engine.get(name);
  if (instance === undefined) throw fault('no-such-finding', `the instance ${name} is not there any more`);
  const { tags } = instance;
  if (tags === undefined) throw fault('cannot-here', `the instance ${name} carries no mark of myserver; use the engine’s own tools for it`);
  return { ...instance, tags };
}

/** The instance becomes the server of its ID and generation, owned by `owner`. Throws `id-taken` when the ID is leased by now. */
export async function adoptStranger(parts: ServerParts, caller: Caller, stranger: Stranger, owner: string | undefined): Promise<string> {
  const { store, engine, plan } = parts;
  if (owner === undefined) throw fault('bad-request', `whose shall ${stranger.name} be? Say it with --owner NAME`);
  const person = parsePersonName(owner);
  const instance = await requireTagged(parts, stranger);
  const { id, generation } = instance.tags;
  plan.requireId(id);
  if (stranger.name !== instanceNameOf(id, generation))
    throw fault('conflict', `the instance ${stranger.name} was renamed; give it its name ${instanceNameOf(id, generation)} back first`);
  const [system = 'unknown', type = 'unknown'] = (instance.image ?? '').split('/');
  // There already when an earlier adoption was cut off before the instance got its new mark: then only that is left to do.
  const former = await store.servers.byGeneration(generation);
  const record =
    former?.owner === person
      ? former
      : await store.leases.adopt({
          id,
          generation,
          owner: person,
          admin: person,
          system,
          type,
          limits: instance.limits ?? defaultLimits,
          wanted: instance.state === 'stopped' ? 'stopped' : 'running',
          origin: originOf(caller),
        });
  if (instance.tags.installation !== store.installation)
    await engine.retag(stranger.name, { installation: store.installation, generation, id });
  return `${stranger.name} is server ${id} of ${person} now${await hostKeyRemark(parts, record)}`;
}

/** A server whose files are out of reach is a server all the same. */
async function hostKeyRemark(parts: ServerParts, record: ServerRecord): Promise<string> {
  try {
    await settleAdoptedHostKey(parts, record);
    return '';
  } catch (error) {
    parts.log.warn({ id: record.id, error: messageOf(error) }, 'the host key of an adopted server is not known');
    return `, but nobody can be told its host key: ${toFault(error).message}`;
  }
}

/** The operation is written first: nothing is destroyed that no operation told us to. */
export async function discardStranger(parts: ServerParts, caller: Caller, stranger: Stranger): Promise<string> {
  const { store, engine } = parts;
  const { tags, name } = await requireTagged(parts, stranger);
  if ((await store.servers.byGeneration(tags.generation)) !== undefined)
    throw fault('conflict', `${name} is a server of the store; use "myserver drop ${tags.id}"`);
  const server = { id: tags.id, generation: tags.generation };
  const operation = await store.operations.add({ kind: 'drop', person: personOf(caller), server, subject: `instance ${name}`, params: {} });
  try {
    await engine.destroy(name, tags);
  } catch (error) {
    const { code, message } = toFault(error);
    await store.operations.finish(operation.id, { state: 'failed', error: { code, message } });
    throw error;
  }
  await store.operations.finish(operation.id, { state: 'done', result: null });
  return `${name} was destroyed`;
}
