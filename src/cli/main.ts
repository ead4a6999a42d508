#!/usr/bin/env node
/** The program `myserver`: the manager's command line, and the door to the daemons, which are loaded only when they are meant. */
const [word] = process.argv.slice(2);

if (word === 'control') {
  const { main } = await import('../daemon/control.ts');
  await main();
} else if (word === 'gateway') {
  const { main } = await import('../daemon/gateway.ts');
  await main();
} else {
  // The reader of our output has gone (`myserver list | head`): nothing is left to do, and nothing went wrong.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  const exitCode = await carryOut(process.argv.slice(2));
  // What was written is out before the end, and no timer or idle connection keeps us waiting for it.
  process.stdout.write('', () => process.exit(exitCode));
}

async function carryOut(argv: readonly string[]): Promise<number> {
  if (word === 'known-hosts') {
    const { quickKnownHosts } = await import('./quick-known-hosts.ts');
    const text = await quickKnownHosts(argv);
    if (text !== undefined) {
      process.stdout.write(text);
      return 0;
    }
  }
  const { runOnThisTerminal } = await import('./program.ts');
  return await runOnThisTerminal(argv);
}
