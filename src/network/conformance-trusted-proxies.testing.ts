/** Both edges are to believe the same of proxies before them. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { clientOf, domain, type EdgeUnderTest, makeBackend, mirrored, routeTo, stateOf, valuesOf } from './edge-room.testing.ts';

/** `make` makes one with HTTP alone whose clients come from 127.0.0.1. */
export function trustedProxies(name: string, make: (trusted: readonly string[]) => Promise<EdgeUnderTest>): void {
  suite(`proxies before ${name}`, () => {
    const headers = { 'x-forwarded-for': '198.51.100.1, 203.0.113.9', 'x-forwarded-proto': 'https', host: `7.www.${domain}` };

    test('who is trusted says where a client comes from, by its own word and no earlier one', async () => {
      await using room = await make(['127.0.0.0/8', '2001:db8::/32']);
      await using seven = await makeBackend(7);
      await room.edge.set(stateOf(routeTo(7, seven)));
      const { head } = mirrored(await clientOf(room.port).get('/', { headers }));
      assert.deepEqual(valuesOf(head, 'x-forwarded-for'), ['203.0.113.9']);
      assert.deepEqual(valuesOf(head, 'x-forwarded-proto'), ['https']);
    });

    test('attack: nobody else is believed', async () => {
      await using room = await make(['192.0.2.0/24']);
      await using seven = await makeBackend(7);
      await room.edge.set(stateOf(routeTo(7, seven)));
      const { head } = mirrored(await clientOf(room.port).get('/', { headers }));
      assert.deepEqual(valuesOf(head, 'x-forwarded-for'), ['127.0.0.1']);
      assert.deepEqual(valuesOf(head, 'x-forwarded-proto'), ['http']);
    });

    test('what was said of one request counts for no other on the same connection', async () => {
      await using room = await make(['127.0.0.1']);
      await using seven = await makeBackend(7);
      await room.edge.set(stateOf(routeTo(7, seven)));
      const request = (fields: string) => `GET / HTTP/1.1\r\nHost: 7.www.${domain}\r\n${fields}\r\n`;
      const said = await clientOf(room.port).say(request('X-Forwarded-For: 203.0.113.9\r\n') + request('Connection: close\r\n'));
      assert.deepEqual(
        [...said.matchAll(/"x-forwarded-for","([^"]*)"/giu)].map(([, address]) => address),
        ['203.0.113.9', '127.0.0.1'],
      );
    });

    test('attack: a word that is no address is none', async () => {
      await using room = await make(['127.0.0.1']);
      await using seven = await makeBackend(7);
      await room.edge.set(stateOf(routeTo(7, seven)));
      const { head } = mirrored(await clientOf(room.port).get('/', { headers: { ...headers, 'x-forwarded-for': 'evil"; x' } }));
      assert.deepEqual(valuesOf(head, 'x-forwarded-for'), ['127.0.0.1']);
    });
  });
}
