import { silentLog } from '../../base/log.ts';
import { edgeAttacks } from '../../network/conformance-edge-attacks.testing.ts';
import { edgeConformance } from '../../network/conformance-edge.testing.ts';
import { trustedProxies } from '../../network/conformance-trusted-proxies.testing.ts';
import { answerMs, domain, type EdgeUnderTest, network } from '../../network/edge-room.testing.ts';
import { noDesk } from './desk.testing.ts';
import { makeHttpEdge } from './http-edge.ts';

async function make(trusted: readonly string[] = []): Promise<EdgeUnderTest> {
  const edge = makeHttpEdge({
    origins: { publicHost: 'host.example', domain, ports: { http: 80, https: undefined, content: undefined }, isHttpsOnly: false },
    network,
    listen: { host: '127.0.0.1', ports: { http: 0, https: undefined, content: undefined } },
    desk: noDesk,
    trustedProxies: trusted,
    answerMs,
    headMs: 1000,
    drainMs: () => 0,
    log: silentLog,
  });
  await edge.start();
  return { edge, port: edge.ports().http ?? 0, [Symbol.asyncDispose]: async () => await edge.stop() };
}

edgeConformance('the embedded edge', async () => await make());
edgeAttacks('the embedded edge', async () => await make());
trustedProxies('the embedded edge', make);
