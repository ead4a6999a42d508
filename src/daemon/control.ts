/** The control process: decides, and owns the truth. Runs as root and listens only on root.sock and the loopback. */
import { messageOf } from '../base/fault.ts';
import { defaultConfigPath, loadConfig } from './config.ts';
import { keepHeapSmall } from './heap.ts';
import { runServices } from './lifecycle.ts';
import { makeLog } from './log.ts';
import { makeServices } from './services.ts';

export async function main(): Promise<void> {
  const log = makeLog('myserver-control');
  keepHeapSmall();
  process.umask(0o077);
  try {
    const config = await loadConfig(process.env['MYSERVER_CONFIG'] ?? defaultConfigPath);
    await using services = await makeServices(config, log);
    await runServices(services.inOrder, log);
  } catch (error) {
    log.error({ error: messageOf(error) }, 'control cannot run');
    process.exitCode = 1;
  }
}
