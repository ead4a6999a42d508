/** What tests of faults and attacks begin with: an installation whose one person is the administrator `ada`, so that root's servers are hers. */
import { makeTestInstallation, type TestInstallation, type TestInstallationOptions } from '../src/testing/test-installation.ts';
import { type Root, rootOf } from './root-client.ts';

export async function makeInstallationOfAda(
  options: TestInstallationOptions = {},
): Promise<{ readonly installation: TestInstallation; readonly root: Root }> {
  await using undo = new AsyncDisposableStack();
  const installation = undo.use(await makeTestInstallation(options));
  const root = rootOf(installation);
  await root.client.call('addPerson', { body: { name: 'ada', role: 'administrator' } });
  undo.move();
  return { installation, root };
}
