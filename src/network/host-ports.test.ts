import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { basename } from 'node:path';
import { suite, test } from 'node:test';
import { heldIds } from '../core/plan-check.ts';
import { parsePlan } from '../core/plan.ts';
import { parseSocketTable, readHostPorts, readListeners } from './host-ports.ts';

suite('parseSocketTable', () => {
  const head = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
  const line = (address: string, state: string): string =>
    `${head}   0: ${address} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 4711 1 0\n`;

  const addresses = {
    '0100007F:1F90': ['127.0.0.1', 8080],
    '00000000:07D0': ['0.0.0.0', 2000],
    '00000000000000000000000000000000:0016': ['::', 22],
    '0000000000000000FFFF00000100007F:0016': ['::ffff:127.0.0.1', 22],
    '00000000000000000000000001000000:0035': ['0:0:0:0:0:0:0:1', 53],
    '000080FE000000000000000001000000:0035': ['fe80:0:0:0:0:0:0:1', 53],
  } as const;
  for (const [written, [address, port]] of Object.entries(addresses)) {
    test(`reads ${written} as ${address} port ${port}`, () => {
      assert.deepEqual(parseSocketTable(line(written, '0A'), 'tcp'), [{ protocol: 'tcp', address, port, inode: '4711' }]);
    });
  }

  test('takes TCP sockets that listen and UDP sockets that are connected to nobody', () => {
    assert.deepEqual(parseSocketTable(line('0100007F:1F90', '01'), 'tcp'), []);
    assert.deepEqual(parseSocketTable(line('0100007F:1F90', '01'), 'udp'), []);
    assert.equal(parseSocketTable(line('0100007F:1F90', '07'), 'udp').length, 1);
    assert.deepEqual(parseSocketTable('', 'tcp'), []);
    assert.deepEqual(parseSocketTable('garbage\nmore garbage', 'tcp'), []);
  });
});

suite('readListeners', () => {
  test('finds real sockets with the program that holds them', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    const six = createServer().listen(0, '::');
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await Promise.all([once(server, 'listening'), once(six, 'listening'), once(socket, 'listening')]);
    const ports = [server.address(), six.address(), socket.address()].map((address) => (address as AddressInfo).port);
    try {
      const found = await readListeners();
      const mine = ports.map((port) => found.find((listener) => listener.port === port));
      const holder = basename(process.execPath);
      assert.deepEqual(mine, [
        { protocol: 'tcp', address: '127.0.0.1', port: ports[0], holder },
        { protocol: 'tcp', address: '::', port: ports[1], holder },
        { protocol: 'udp', address: '127.0.0.1', port: ports[2], holder },
      ]);
      const base = ports[0] ?? 0;
      const plan = parsePlan({ ids: { first: 0, last: 0 }, blocks: [{ name: 'ssh', privatePort: 22, base }] });
      assert.deepEqual([...heldIds(plan, await readListeners({ holders: false })).keys()], [0]);
    } finally {
      server.close();
      six.close();
      socket.close();
    }
  });
});

suite('readHostPorts', () => {
  test('reads the ephemeral range and the routes of this host', async () => {
    const { ephemeralRange, routes } = await readHostPorts();
    assert.ok(ephemeralRange[0] > 0 && ephemeralRange[1] > ephemeralRange[0]);
    for (const { network } of routes) assert.match(network, /^[\d.]+\/\d+$/u);
  });
});
