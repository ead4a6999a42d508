/** The embedded edge as a process of its own: tells its port, then takes states of the web as lines of JSON and tells when each holds. */
import { createInterface } from 'node:readline';
import { silentLog } from '../src/base/log.ts';
import type { WebState } from '../src/core/web-route.ts';
import { noDesk } from '../src/gateway/http/desk.testing.ts';
import { makeHttpEdge } from '../src/gateway/http/http-edge.ts';
import { domain, network } from '../src/network/edge-room.testing.ts';

const edge = makeHttpEdge({
  origins: { publicHost: 'host.example', domain, ports: { http: 80, https: undefined, content: undefined }, isHttpsOnly: false },
  network,
  listen: { host: '127.0.0.1', ports: { http: 0, https: undefined, content: undefined } },
  desk: noDesk,
  answerMs: 60_000,
  mostConnections: 20_000,
  drainMs: () => 0,
  log: silentLog,
});
await edge.start();
process.stdout.write(`${edge.ports().http}\n`);
for await (const line of createInterface({ input: process.stdin })) {
  await edge.set(JSON.parse(line) as WebState);
  process.stdout.write('set\n');
}
await edge.stop();
