/** The bastion as ssh-audit sees it: nothing that it calls a failure. `docs/ssh-audit.txt` is what it says, and is kept true here. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, suite, test } from 'node:test';
import { runProcess } from '../src/testing/run-process.ts';
import { gatewayConfig, makeTestGateway } from '../src/testing/test-gateway.ts';
import { makeTestInstallation, type TestInstallation } from '../src/testing/test-installation.ts';

const isInstalled = await runProcess(['ssh-audit', '--help']).then(
  ({ stdout }) => stdout.includes('ssh-audit'),
  () => false,
);

suite('bastion x ssh-audit', { skip: isInstalled ? false : 'needs ssh-audit' }, () => {
  let installation: TestInstallation;
  const undo = new AsyncDisposableStack();

  before(async () => {
    installation = undo.use(await makeTestInstallation({ config: gatewayConfig, images: [] }));
    undo.use(await makeTestGateway(installation));
  });
  after(async () => await undo.disposeAsync());

  test('no algorithm that is offered fails, and the report in docs names all of them', async () => {
    const { stdout, stderr } = await installation.run('client', ['ssh-audit', '-n', installation.engine.publicAddress]);
    assert.match(stdout, /^\(gen\) banner: SSH-2\.0-myserver$/mu, stderr);
    assert.doesNotMatch(stdout, /\[fail\]/u, stdout);
    const offered = algorithmsIn(stdout);
    assert.ok(offered.length > 8, stdout);
    assert.deepEqual(offered, algorithmsIn(await readFile(new URL('../docs/ssh-audit.txt', import.meta.url), 'utf8')));
  });
});

/** `(kex) curve25519-sha256` and so on: which cipher is preferred depends on the processor, what ssh-audit says of each on its version. */
function algorithmsIn(report: string): readonly string[] {
  return (report.match(/^\((?:kex|key|enc|mac)\) \S+/gmu) ?? []).toSorted();
}
