import { silentLog } from '../../base/log.ts';
import { edgeAttacks } from '../../network/conformance-edge-attacks.testing.ts';
import { edgeConformance } from '../../network/conformance-edge.testing.ts';
import { answerMs, domain, type EdgeUnderTest, network } from '../../network/edge-room.testing.ts';
import { makeHttpEdge } from './http-edge.ts';

async function make(): Promise<EdgeUnderTest> {
  const edge = makeHttpEdge({
    origins: { publicHost: 'host.example', domain, httpPort: 80 },
    network,
    listen: { host: '127.0.0.1', port: 0 },
    answerMs,
    headMs: 1000,
    drainMs: () => 0,
    log: silentLog,
  });
  await edge.start();
  return { edge, port: edge.address()?.port ?? 0, [Symbol.asyncDispose]: async () => await edge.stop() };
}

edgeConformance('the embedded edge', make);
edgeAttacks('the embedded edge', make);
