/** Whatever is sent to whichever call, control answers with a code of its catalogue, never with an internal error, and goes on. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { apiPrefix, type Route } from '../contract/route.ts';
import { routes } from '../contract/routes.ts';
import { isErrorCode } from '../core/errors.ts';
import { makeApiRoom } from './api-room.testing.ts';

const isLong = process.env['MYSERVER_TEST_LONG'] === '1';
/** Two dozen of each call daily; a thousand of each in the long tests. */
const runs = isLong ? 1000 : 24;

const oddText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.constantFrom(
    '',
    '0',
    '1',
    '-1',
    '1e9',
    '999999',
    '../../etc/passwd',
    '$(reboot)',
    '%00',
    'ada',
    'server-1',
    'null',
    '\u202Eada',
    'a'.repeat(300),
  ),
);
const oddValue = fc.oneof(
  oddText,
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.array(oddText, { maxLength: 3 }),
  fc.object({ maxDepth: 2 }),
);

/** The fields that the call knows, with odd values; sometimes something else altogether. */
function oddBody(route: Route): fc.Arbitrary<unknown> {
  const known = Object.keys((route.body as { properties?: object } | undefined)?.properties ?? {});
  const fields = fc.record(Object.fromEntries(known.map((key) => [key, oddValue])), { requiredKeys: [] });
  return fc.oneof({ weight: 5, arbitrary: fields }, { weight: 1, arbitrary: oddValue });
}

function oddPath(route: Route): fc.Arbitrary<string> {
  const names = [...route.path.matchAll(/:(\w+)/gu)].map(([, name]) => name ?? '');
  return fc.tuple(...names.map(() => oddText)).map((values) => {
    let next = 0;
    return route.path.replaceAll(/:\w+/gu, () => encodeURIComponent((values[next++] ?? '').toWellFormed()));
  });
}

suite('fuzz', () => {
  test('every call answers odd input with a code of the catalogue and control goes on', async () => {
    await using api = await makeApiRoom();
    for (const route of Object.values(routes) as readonly Route[]) {
      // A login costs tens of milliseconds by intention, and is limited; it has tests of its own.
      if (route.name === 'login') continue;
      const input = fc.tuple(oddPath(route), oddBody(route));
      const property = fc.asyncProperty(input, async ([path, body]) => {
        const sent = route.body === undefined ? { method: route.method } : { method: route.method, body };
        const reply = await api.asRoot(`${apiPrefix}${path}`, sent);
        if (reply.status < 400) return;
        const { code, message } = reply.problem();
        assert.ok(isErrorCode(code) && code !== 'internal', `${route.name} ${path}: ${reply.status} ${code} ${message}`);
      });
      await fc.assert(property, { numRuns: runs });
    }
    assert.equal((await api.asRoot(`${apiPrefix}/health`)).status, 200);
  });
});
