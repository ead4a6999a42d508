import { join } from 'node:path';
import { silentLog } from '../../base/log.ts';
import { makeTestEngine } from '../../testing/test-engine.ts';
import { conformanceSuite } from '../conformance.ts';
import { makeIncusEngine } from './incus-engine.ts';
import { makeTinyImage } from './tiny-image.testing.ts';

conformanceSuite(
  'incus',
  async () => {
    const host = await makeTestEngine();
    const { mountedDir, project, pool, bridge, enter } = host;
    // As on a usual host, the pool is seen beside the socket.
    const socket = join(mountedDir, 'unix.socket');
    const engine = await makeIncusEngine({ socket, project, pool, network: bridge, log: silentLog, enter });
    const image = await makeTinyImage(host.dir);
    await engine.images.import(image);
    return {
      engine,
      image,
      isReal: true,
      addressOf: (n) => `10.77.2.${n}`,
      inspect: async (name, path) => (await engine.run(name, ['stat', '-c', '%a %u %g %F', path])).stdout.trim(),
      [Symbol.asyncDispose]: async () => {
        engine[Symbol.dispose]();
        await host[Symbol.asyncDispose]();
      },
    };
  },
  { concurrency: 4 },
);
