import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { fault } from '../../core/errors.ts';
import { parseGeneration, parseServerId } from '../../core/ids.ts';
import { parsePersonName } from '../../core/names.ts';
import { hostKeyPaths } from '../../core/provision.ts';
import { type ControlRoom, makeControlRoom, rootCaller } from '../../testing/control-room.ts';
import { makeKeyPair } from '../host-key.ts';

const id = parseServerId(3);
const ada = parsePersonName('ada');
const generations = ['0a1b2c3d-0000-4000-8000-000000000000', '1a1b2c3d-0000-4000-8000-000000000000'].map(parseGeneration);
const blob = (line: string | undefined) => line?.split(' ')[1];

/** An instance with ID 3 that the store does not know, with this text where its host key should be. */
async function addStranger(room: ControlRoom, text: string | undefined, generation = generations[0]): Promise<string> {
  assert.ok(generation !== undefined);
  const name = `s3-${generation.slice(0, 8)}`;
  room.engine.world.addStranger(name, '192.168.10.103', { installation: room.store.installation, generation, id });
  const file = { kind: 'file', mode: 0o600, uid: 0, gid: 0 } as const;
  if (text !== undefined)
    room.engine.world.instances.get(name)?.files.set(hostKeyPaths.privateKey, { ...file, content: Buffer.from(text) });
  return name;
}

async function adopt(room: ControlRoom, name: string, owner = 'ada'): Promise<string> {
  await room.as(owner);
  await room.control.doctor.examine(rootCaller);
  return await room.control.doctor.treat(rootCaller, `instance-unknown:${name}`, 'adopt', { owner });
}

const textInside = (room: ControlRoom, name: string, path: string) =>
  Buffer.from(room.engine.world.instances.get(name)?.files.get(path)?.content ?? '').toString();

async function dropServer(room: ControlRoom): Promise<void> {
  const { id: operation } = await room.control.servers.drop(rootCaller, id);
  assert.equal((await room.control.operations.wait(rootCaller, operation, 10_000)).state, 'done');
}

suite('the host key of an adopted server', () => {
  test('adopt keeps the key inside where none is known, so that nobody who knows the server is warned', async () => {
    await using room = await makeControlRoom();
    const { privateKey, publicKey } = makeKeyPair('root@s3');
    const name = await addStranger(room, privateKey.reveal());
    assert.equal(await adopt(room, name), `${name} is server 3 of ada now`);
    assert.equal(blob((await room.store.hostKeys.get(ada, id))?.publicKey), blob(publicKey));
    assert.equal(textInside(room, name, hostKeyPaths.privateKey), privateKey.reveal(), 'nothing was pushed');
  });

  test('adopt pushes the key that is known for this owner and ID', async () => {
    await using room = await makeControlRoom();
    const first = await addStranger(room, makeKeyPair('one').privateKey.reveal());
    await adopt(room, first);
    const known = await room.store.hostKeys.get(ada, id);
    await dropServer(room);
    const second = await addStranger(room, makeKeyPair('two').privateKey.reveal(), generations[1]);
    await adopt(room, second);
    assert.deepEqual(await room.store.hostKeys.get(ada, id), known);
    assert.equal(textInside(room, second, hostKeyPaths.privateKey), known?.privateKey.reveal());
    assert.equal(textInside(room, second, hostKeyPaths.publicKey), `${known?.publicKey}\n`);
  });

  for (const [what, text] of [
    ['no key', undefined],
    ['no key but other text', '@revoked * ssh-ed25519 AAAA'],
  ] as const)
    test(`adopt makes and pushes a key where there is ${what} inside`, async () => {
      await using room = await makeControlRoom();
      const name = await addStranger(room, text);
      await adopt(room, name);
      const kept = await room.store.hostKeys.get(ada, id);
      assert.ok(kept !== undefined);
      assert.equal(textInside(room, name, hostKeyPaths.privateKey), kept.privateKey.reveal());
    });

  test('adopt does not take a key that a former owner left on the ID: it is revoked, and another is pushed', async () => {
    await using room = await makeControlRoom();
    const pair = makeKeyPair('one');
    await adopt(room, await addStranger(room, pair.privateKey.reveal()));
    await dropServer(room);
    const second = await addStranger(room, pair.privateKey.reveal(), generations[1]);
    await adopt(room, second, 'bob');
    const kept = await room.store.hostKeys.get(parsePersonName('bob'), id);
    assert.notEqual(blob(kept?.publicKey), blob(pair.publicKey));
    assert.equal(textInside(room, second, hostKeyPaths.privateKey), kept?.privateKey.reveal());
    assert.deepEqual(
      (await room.store.hostKeys.revoked()).map(({ publicKey }) => blob(publicKey)),
      [blob(pair.publicKey)],
    );
    await dropServer(room);
    const third = await addStranger(room, pair.privateKey.reveal());
    await adopt(room, third);
    assert.notEqual(blob((await room.store.hostKeys.get(ada, id))?.publicKey), blob(pair.publicKey), 'a revoked key stays revoked');
  });

  test('adopt takes a server in although its files cannot be read, and says that its host key is not known', async () => {
    await using room = await makeControlRoom();
    const name = await addStranger(room, undefined);
    room.engine.failNext('readFile', fault('engine-failed', 'the file system inside is broken'));
    assert.match(await adopt(room, name), /server 3 of ada now, but nobody can be told its host key: the file system inside is broken/u);
    assert.equal((await room.control.servers.get(rootCaller, id)).hostKey, undefined);
  });
});
