/** Forwards that begin on a server (-R): its own sshd listens there, by its own rules, and what connects comes back over the same way (inner-pool.ts). */
import type { Client } from 'ssh2';
import { messageOf } from '../../base/fault.ts';
import { fault } from '../../core/errors.ts';
import { permits } from './authentication.ts';
import type { Lease } from './inner-pool.ts';
import type { LedgerLine } from './ledger.ts';
import type { Login } from '../../core/login.ts';
import type { Visit } from './visit.ts';

type Answer = ((port?: number) => void) | undefined;

/** What a client asks for (RFC 4254, section 7.1, and OpenSSH's PROTOCOL, section 2.4). */
interface Asked {
  readonly bindAddr?: string;
  readonly bindPort?: number;
  readonly socketPath?: string;
}

const mostListeners = 64;

export function serveRemoteForwards(visit: Visit): void {
  const open = new Map<string, { readonly lease: Lease; readonly line: LedgerLine }>();
  const { connection, options } = visit;
  /** Asked for and not there yet: they come faster than a server listens. */
  let coming = 0;

  async function begin(asked: Asked): Promise<number> {
    const { place: where } = visit.guest.login;
    if (where.kind !== 'server') throw fault('not-allowed', 'a remote forward begins on a server: put its ID or name before the address');
    if (!permits(visit.guest, 'permit-port-forwarding')) throw fault('not-allowed', 'the certificate does not permit forwards');
    if (open.size + coming >= mostListeners)
      throw fault('too-many-tries', `${mostListeners} remote forwards are open on this connection already`);
    coming += 1;
    try {
      return await beginOn(where, asked);
    } finally {
      coming -= 1;
    }
  }

  async function beginOn({ server, inside }: Extract<Login['place'], { kind: 'server' }>, asked: Asked): Promise<number> {
    const place = await visit.placeOf(server);
    const lease = await visit.pool.lease(place, inside ?? place.admin, undefined);
    try {
      visit.signal.throwIfAborted();
      const port = await listen(lease.client, asked);
      const what = asked.socketPath ?? `port ${port}`;
      const entry = { kind: 'remote-forward', server: place, detail: `${what} on server ${place.id}` };
      const line = visit.begin(entry, () => void end(keyOf({ ...asked, bindPort: port })));
      open.set(keyOf({ ...asked, bindPort: port }), { lease, line });
      return port;
    } catch (error) {
      lease[Symbol.dispose]();
      throw error;
    }
  }

  async function end(key: string): Promise<void> {
    const found = open.get(key);
    open.delete(key);
    if (found === undefined) return;
    await unlisten(found.lease.client, key).catch(() => {});
    found.lease[Symbol.dispose]();
    found.line.end('closed');
  }

  connection.on('request', (accept: Answer, reject: Answer, name: string, asked: Asked) => {
    const isCancel = name.startsWith('cancel-');
    const work = isCancel ? end(keyOf(asked)).then(() => 0) : begin(asked);
    work.then(
      (port) => accept?.(port),
      (error: unknown) => {
        options.log.info({ error: messageOf(error) }, 'a remote forward was refused');
        reject?.();
      },
    );
  });
  connection.once('close', () => {
    for (const { line } of open.values()) line.end('closed');
  });
}

function keyOf({ bindAddr, bindPort, socketPath }: Asked): string {
  return socketPath ?? JSON.stringify([bindAddr ?? '', bindPort ?? 0]);
}

async function listen(client: Client, { bindAddr = '', bindPort = 0, socketPath }: Asked): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const done = (error: Error | undefined, port?: number) => (error ? reject(error) : resolve(port ?? bindPort));
  if (socketPath === undefined) client.forwardIn(bindAddr, bindPort, done);
  else client.openssh_forwardInStreamLocal(socketPath, (error) => done(error ?? undefined, 0));
  return await promise;
}

async function unlisten(client: Client, key: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (key.startsWith('[')) {
    const [address, port] = JSON.parse(key) as [string, number];
    client.unforwardIn(address, port, () => resolve());
  } else client.openssh_unforwardInStreamLocal(key, () => resolve());
  await promise;
}
