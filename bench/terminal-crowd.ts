/** Two hundred people's pages without the pages: signs in, opens terminals and keeps them, as a process on the machine outside. Told by JSON, answers with a line. */
import { request } from 'node:https';
import { WebSocket } from 'ws';

interface Wanted {
  readonly host: string;
  readonly people: readonly { readonly name: string; readonly password: string }[];
  readonly servers: number;
  readonly each: number;
}

const wanted = JSON.parse(process.argv[2] ?? '{}') as Wanted;
const { host } = wanted;

async function post(path: string, body: object, token?: string): Promise<Record<string, string>> {
  const { promise, resolve, reject } = Promise.withResolvers<Record<string, string>>();
  const headers = { 'content-type': 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
  const asked = request({ host, path: `/api/v1${path}`, method: 'POST', headers, rejectUnauthorized: false }, (answer) => {
    let text = '';
    answer.setEncoding('utf8').on('data', (piece: string) => void (text += piece));
    answer.once('end', () =>
      (answer.statusCode ?? 500) < 300 ? resolve(JSON.parse(text) as Record<string, string>) : reject(new Error(text)),
    );
  });
  asked.once('error', reject);
  asked.end(JSON.stringify(body));
  return await promise;
}

async function open(token: string, server: number): Promise<void> {
  const { ticket } = await post(`/servers/${server}/terminal`, {}, token);
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  const socket = new WebSocket(`wss://${host}/console/terminal`, { origin: `https://${host}`, rejectUnauthorized: false });
  socket.once('open', () => socket.send(JSON.stringify({ kind: 'enter', ticket, columns: 80, rows: 24 })));
  // A prompt is there.
  socket.on('message', (data: Buffer, isBinary) => (isBinary ? resolve(undefined) : undefined));
  socket.once('error', reject);
  socket.once('close', () => reject(new Error('closed')));
  await promise;
}

let count = 0;
for (const { name, password } of wanted.people) {
  const { token = '' } = await post('/tokens', { person: name, password });
  for (let one = 0; one < wanted.each; one += 1) await open(token, (count += 1) % wanted.servers);
}
process.stdout.write(`${count}\n`);
for await (const _ of process.stdin);
process.exit(0);
