/**
 * Listening on a socket whose file says who may open it: `root.sock`, where opening it is the proof of being root, and the gateway's. The socket is made inside a directory that only root may enter, given
 * its mode there, and then moved to its place: at no moment could anybody else connect, and a socket left behind by a killed process is replaced in
 * one step.
 */
import { once } from 'node:events';
import { chmod, chown, lstat, mkdtemp, rename, rm, unlink } from 'node:fs/promises';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { fault } from '../core/errors.ts';

export interface PrivateSocket {
  readonly path: string;
  /** Members may open it beside root; undefined: root alone. */
  readonly groupId?: number;
}

/** Throws `busy` when another process answers there, `bad-configuration` when the place cannot be used. Gives what takes the socket away again. */
export async function listenPrivately(server: Server, { path, groupId }: PrivateSocket): Promise<() => Promise<void>> {
  if (await answers(path)) throw fault('busy', `another control is running already: it answers on ${path}`);
  const directory = await mkdtemp(join(dirname(path), '.s-')).catch((error: unknown) => {
    throw fault('bad-configuration', `the socket ${path} cannot be made: its directory must be there and be writable`, { cause: error });
  });
  try {
    const made = join(directory, 's');
    server.listen(made);
    await Promise.race([once(server, 'listening'), once(server, 'error').then(([error]: unknown[]) => Promise.reject(error))]);
    if (groupId !== undefined) await chown(made, 0, groupId);
    await chmod(made, groupId === undefined ? 0o600 : 0o660);
    const { ino } = await lstat(made);
    await rename(made, path);
    return async () => {
      // Another process may have taken the place meanwhile.
      const now = await lstat(path).catch(() => undefined);
      if (now?.ino === ino) await unlink(path);
    };
  } catch (error) {
    server.close();
    throw fault('bad-configuration', `the socket ${path} cannot be made`, { cause: error });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function answers(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    return await new Promise((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
  } finally {
    socket.destroy();
  }
}
