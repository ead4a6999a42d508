import { silentLog } from '../../base/log.ts';
import { domain, network } from '../../network/edge-room.testing.ts';
import { privatePorts } from './conformance-private-ports.testing.ts';
import { makeHttpEdge } from './http-edge.ts';

privatePorts('the embedded edge', async (desk) => {
  const edge = makeHttpEdge({
    origins: { publicHost: 'host.example', domain, ports: { http: 80, https: 443, content: undefined }, isHttpsOnly: false },
    network,
    listen: { host: '127.0.0.1', ports: { http: 0, https: 0, content: undefined } },
    desk,
    answerMs: 1000,
    drainMs: () => 0,
    log: silentLog,
  });
  await edge.start();
  return { edge, ports: edge.ports(), [Symbol.asyncDispose]: async () => await edge.stop() };
});
