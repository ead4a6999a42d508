/** `./up`: this machine becomes a host of servers; `./up --uninstall` takes that away. Looks before it acts, so that again is quick and changes nothing. */
import { parseArgs } from 'node:util';
import { messageOf } from '../src/base/fault.ts';

const help = `sudo ./up                       install and start everything; again: changes nothing
  --pool SIZE                   size of the servers' pool (20G); default: half of the free disk. For the first time only
  --admin NAME                  name of the first administrator (default: who called sudo, else admin)
  --no-first-server             create no first server
sudo ./up --uninstall           take it away, after asking
  --servers 123,130-140         and these servers with everything on them
  --yes                         without asking
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean', short: 'h' },
      uninstall: { type: 'boolean' },
      servers: { type: 'string' },
      yes: { type: 'boolean', short: 'y' },
      pool: { type: 'string' },
      admin: { type: 'string' },
      'no-first-server': { type: 'boolean' },
    },
  });
  if (values.help === true) {
    process.stdout.write(help);
    return;
  }
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
