import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { keepLocalCertificate } from '../host/certificates/local-authority.ts';
import { makeControlRoom, rootCaller } from '../testing/control-room.ts';
import { certificatesEnding } from './findings.ts';

const dayMs = 86_400_000;

suite('findings about the web', () => {
  test('a certificate that runs out within a week is told of, and worse once it has', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'myserver-findings-'));
    const { certificate } = await keepLocalCertificate(dir, ['host.example', '*.usr.pages.example'], Date.now());
    await rm(dir, { recursive: true });
    const told = (days: number) =>
      certificatesEnding([certificate], Date.now() + days * dayMs).map(({ severity, subject }) => [severity, subject]);
    const lastDay =
      Array.from({ length: 1000 }, (_none, day) => day).find((day) => told(day).some(([severity]) => severity === 'error')) ?? 0;
    assert.deepEqual(told(lastDay), [['error', 'host.example']]);
    assert.deepEqual(told(lastDay - 3), [['warning', 'host.example']]);
    assert.deepEqual(told(lastDay - 9), []);
    assert.match(
      certificatesEnding([certificate], Date.now() + lastDay * dayMs)[0]?.found ?? '',
      /host\.example, \*\.usr\.pages\.example has run out on \d{4}-/u,
    );
  });

  test('doctor tells of an edge that cannot be told what is open', async () => {
    await using room = await makeControlRoom({ edgeTrouble: 'the socket is gone' });
    const found = await room.control.doctor.examine(rootCaller);
    assert.match(found.find(({ code }) => code === 'edge-away')?.found ?? '', /the socket is gone/u);
  });
});
