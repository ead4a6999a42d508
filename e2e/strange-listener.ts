/** Another program that listens: on the host, or on the machine outside. It says `a stranger` to who comes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { TestInstallation } from '../src/testing/test-installation.ts';

/** Listens until it is disposed of. */
export async function listenOn(
  installation: TestInstallation,
  where: 'host' | 'client',
  port: number,
  address = '0.0.0.0',
): Promise<AsyncDisposable> {
  const script = `require('node:net').createServer((line) => { line.on('error', () => {}); line.end('a stranger\\n'); }).listen(${port}, '${address}', () => console.log('up'))`;
  const { enter, enterClient } = installation.engine;
  const [program, ...args] = [...(where === 'host' ? enter : enterClient), process.execPath, '-e', script];
  const child = spawn(program ?? '', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  await Promise.race([once(child.stdout, 'data'), ended.then(() => Promise.reject(new Error(`nobody could listen on port ${port}`)))]);
  return {
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
