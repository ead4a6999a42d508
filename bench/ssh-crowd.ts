/**
 * Many people at once, in one process on the client machine: `bastion-memory.ts` and `bastion-echo.ts` order them over IPC. ssh2's client stands for both
 * contestants' people, so that theirs cost the same.
 */
import { readFileSync } from 'node:fs';
import ssh2, { type Client, type ClientChannel } from 'ssh2';

export interface CrowdOrder {
  /** `arrive`: signs in as many, each with what `what` says; `turn`: a line of input for each program. */
  readonly deed: 'arrive' | 'turn' | 'leave';
  readonly crowd: string;
  readonly arrival?: Arrival;
}

export interface Arrival {
  readonly count: number;
  readonly host: string;
  readonly port: number;
  readonly keyPath: string;
  /** The first one's; the others' follow in turns. */
  readonly users: readonly string[];
  readonly what:
    | { readonly kind: 'forward'; readonly address: string; readonly port: number }
    | { readonly kind: 'program'; readonly command: string }
    /** The same through a second connection inside the first, as with -J. */
    | { readonly kind: 'program-behind'; readonly addresses: readonly string[]; readonly user: string; readonly command: string };
}

export interface CrowdAnswer {
  readonly error: string | undefined;
}

/** sshd turns away by chance when more than ten stand at its door. */
const atOnce = 6;

interface Member {
  readonly clients: readonly Client[];
  readonly channel: ClientChannel;
}

const crowds = new Map<string, Member[]>();

async function arrive(crowd: string, arrival: Arrival): Promise<void> {
  const members: Member[] = [];
  crowds.set(crowd, members);
  let next = 0;
  const worker = async () => {
    while (next < arrival.count) {
      next += 1;
      members.push(await oneArrives(arrival, next - 1));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

async function oneArrives({ host, port, keyPath, users, what }: Arrival, index: number): Promise<Member> {
  const privateKey = readFileSync(keyPath);
  const outer = await signedIn({ host, port, username: users[index % users.length] ?? '', privateKey });
  if (what.kind === 'forward') return { clients: [outer], channel: await forwarded(outer, what.address, what.port) };
  if (what.kind === 'program') return { clients: [outer], channel: await begun(outer, what.command) };
  const sock = await forwarded(outer, what.addresses[index % what.addresses.length] ?? '', 22);
  const inner = await signedIn({ sock, username: what.user, privateKey });
  return { clients: [inner, outer], channel: await begun(inner, what.command) };
}

async function signedIn(config: ssh2.ConnectConfig): Promise<Client> {
  const client = new ssh2.Client();
  const { promise, resolve, reject } = Promise.withResolvers<Client>();
  client.once('ready', () => resolve(client)).on('error', reject);
  client.connect({ ...config, readyTimeout: 60_000 });
  return await promise;
}

async function forwarded(client: Client, address: string, port: number): Promise<ClientChannel> {
  const { promise, resolve, reject } = Promise.withResolvers<ClientChannel>();
  client.forwardOut('127.0.0.1', 1, address, port, (error, channel) => (error ? reject(error) : resolve(channel)));
  return await promise;
}

async function begun(client: Client, command: string): Promise<ClientChannel> {
  const { promise, resolve, reject } = Promise.withResolvers<ClientChannel>();
  client.exec(command, { pty: true }, (error, channel) => (error ? reject(error) : resolve(channel)));
  const channel = await promise;
  channel.resume();
  return channel;
}

async function obey({ deed, crowd, arrival }: CrowdOrder): Promise<void> {
  const members = crowds.get(crowd) ?? [];
  if (deed === 'arrive' && arrival !== undefined) await arrive(crowd, arrival);
  if (deed === 'turn') for (const { channel } of members) channel.write('\n');
  if (deed === 'leave') {
    for (const client of members.flatMap(({ clients }) => clients)) client.end();
    crowds.delete(crowd);
  }
}

process.on('message', (order: CrowdOrder) => {
  void obey(order).then(
    () => process.send?.({ error: undefined } satisfies CrowdAnswer),
    (error: unknown) => process.send?.({ error: String(error) } satisfies CrowdAnswer),
  );
});
process.on('disconnect', () => process.exit());
