/** A client that stays in front for as long as a test needs it: a forward, a mount. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

/** Starts `argv` and resolves with `isReady`; when that rejects, or the program ends before, it rejects with what the program said. It is ended by SIGTERM. */
export async function inBackground(argv: readonly string[], isReady: () => Promise<void>): Promise<AsyncDisposable> {
  const [program = '', ...args] = argv;
  const child = spawn(program, args, { env: { ...process.env, SSH_AUTH_SOCK: '' }, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'close');
  const said = Promise.all([text(child.stdout), text(child.stderr)]);
  const end = async () => {
    child.kill('SIGTERM');
    await ended;
  };
  try {
    await Promise.race([isReady(), ended.then(() => Promise.reject(new Error('it ended')))]);
  } catch (error) {
    await end();
    throw new Error(`${argv.join(' ')} did not become ready:\n${(await said).join('')}`, { cause: error });
  }
  return { [Symbol.asyncDispose]: end };
}
