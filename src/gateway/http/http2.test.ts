import { silentLog } from '../../base/log.ts';
import { edgeByHttp2, type SecureRoom } from '../../network/conformance-edge-http2.testing.ts';
import { rogueAnswers } from '../../network/conformance-rogue-answers.testing.ts';
import { domain, network } from '../../network/edge-room.testing.ts';
import { noDesk } from './desk.testing.ts';
import { makeHttpEdge } from './http-edge.ts';

async function make(): Promise<SecureRoom> {
  const edge = makeHttpEdge({
    origins: { publicHost: 'host.example', domain, ports: { http: 80, https: 443, content: undefined }, isHttpsOnly: false },
    network,
    listen: { host: '127.0.0.1', ports: { http: 0, https: 0, content: undefined } },
    desk: noDesk,
    answerMs: 1000,
    headMs: 1000,
    drainMs: () => 0,
    log: silentLog,
  });
  await edge.start();
  return { edge, ports: edge.ports(), [Symbol.asyncDispose]: async () => await edge.stop() };
}

edgeByHttp2('the embedded edge', make);
rogueAnswers('the embedded edge', make);
