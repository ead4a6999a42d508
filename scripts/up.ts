/** `./up`: this machine becomes a host of servers; `./up --uninstall` takes that away. Looks before it acts, so that again is quick and changes nothing. */
import { parseArgs } from 'node:util';
import { messageOf } from '../src/base/fault.ts';

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      uninstall: { type: 'boolean' },
      servers: { type: 'string' },
      yes: { type: 'boolean', short: 'y' },
      pool: { type: 'string' },
      admin: { type: 'string' },
      'no-first-server': { type: 'boolean' },
    },
  });
  const interrupted = new AbortController();
  process.once('SIGINT', () => {
    interrupted.abort();
    process.once('SIGINT', () => process.exit(130));
  });
  const { signal } = interrupted;
  if (values.uninstall === true) {
    const { uninstall } = await import('./up/uninstall.ts');
    await uninstall({ servers: values.servers, isAgreed: values.yes === true, signal });
  } else {
    const { install } = await import('./up/install.ts');
    await install({ pool: values.pool, admin: values.admin, wantsServer: values['no-first-server'] !== true, signal });
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(`up: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
