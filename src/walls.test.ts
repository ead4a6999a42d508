/** The walls between the rooms of ARCHITECTURE.md, kept by a test: what each room may import, and nothing else. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const src = dirname(fileURLToPath(import.meta.url));

/** Room by room: the rooms it may import beside itself. `base` and `core` may be imported by all. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  base: [],
  core: [],
  contract: [],
  store: [],
  engines: [],
  network: [],
  host: [],
  control: ['store', 'engines', 'network', 'host'],
  rest: ['control', 'contract', 'store'],
  client: ['contract'],
  transport: ['client'],
  commands: ['client', 'contract'],
  cli: ['commands', 'client', 'transport', 'contract', 'daemon'],
  gateway: ['commands', 'client', 'transport', 'contract', 'network'],
  web: ['client', 'contract'],
  daemon: ['store', 'engines', 'network', 'host', 'control', 'rest', 'gateway', 'client', 'transport', 'contract'],
  testing: [
    'store',
    'engines',
    'network',
    'host',
    'control',
    'rest',
    'daemon',
    'client',
    'contract',
    'commands',
    'cli',
    'gateway',
    'transport',
  ],
};

/** What control may see of the rooms that touch the machine: the interfaces. */
const interfacesForControl = new Set([
  'engines/engine.ts',
  'network/firewall.ts',
  'network/edge.ts',
  'host/image/builder.ts',
  'host/image/recipe.ts',
  'store/store.ts',
  'store/people.ts',
  'store/web.ts',
  'store/records.ts',
  'store/servers.ts',
]);

const portable = new Set(['base', 'core', 'contract', 'client', 'commands']);

interface Import {
  readonly from: string;
  readonly to: string;
}

/** Tests and what they share may import what they like. */
const isTestFile = (file: string) => /\.(?:test|testing)\.ts$|(?:^|\/)conformance\.ts$/u.test(file);

function importsOf(file: string): readonly string[] {
  const text = readFileSync(join(src, file), 'utf8');
  const found = [...text.matchAll(/(?:^|\n)(?:import|export)\s[^'"`;]*?from\s+'([^']+)'|import\('([^']+)'\)|(?:^|\n)import\s+'([^']+)'/gu)];
  return found.map(([, from, dynamic, bare]) => from ?? dynamic ?? bare ?? '');
}

const files = globSync('**/*.{ts,tsx}', { cwd: src }).filter((file) => file.includes('/') && !isTestFile(file));
const inside: readonly Import[] = files.flatMap((from) =>
  importsOf(from)
    .filter((to) => to.startsWith('.'))
    .map((to) => ({ from, to: relative(src, join(src, dirname(from), to)) }))
    .filter(({ to }) => !to.startsWith('..')),
);
const roomOf = (file: string) => file.split('/')[0] ?? '';

suite('walls', () => {
  test('every room is one that the map knows', () => {
    for (const file of files) assert.ok(Object.hasOwn(allowed, roomOf(file)), `${file} is in no room of the map`);
    assert.ok(inside.length > 300, `only ${inside.length} imports were found: is the reading of imports broken?`);
  });

  test('no file imports from a room that its own may not see', () => {
    const broken = inside.filter(({ from, to }) => {
      const rooms = [roomOf(from), 'base', ...(roomOf(from) === 'base' ? [] : ['core']), ...(allowed[roomOf(from)] ?? [])];
      return !rooms.includes(roomOf(to));
    });
    assert.deepEqual(broken, []);
  });

  test('control sees interfaces only of the rooms that touch the machine', () => {
    const broken = inside.filter(
      ({ from, to }) => roomOf(from) === 'control' && !['control', 'core', 'base'].includes(roomOf(to)) && !interfacesForControl.has(to),
    );
    assert.deepEqual(broken, []);
  });

  test('of the network the gateway sees the interface of the edge alone', () => {
    const broken = inside.filter(({ from, to }) => roomOf(from) === 'gateway' && roomOf(to) === 'network' && to !== 'network/edge.ts');
    assert.deepEqual(broken, []);
  });

  test('rest speaks with control, and knows of the store only its types', () => {
    const broken = inside.filter(({ from, to }) => roomOf(from) === 'rest' && roomOf(to) === 'store' && !interfacesForControl.has(to));
    assert.deepEqual(broken, []);
  });

  test('the daemons are loaded by the command line only when they are meant: by dynamic import', () => {
    const broken = inside.filter(({ from, to }) => roomOf(from) === 'cli' && roomOf(to) === 'daemon');
    assert.deepEqual(broken, [
      { from: 'cli/main.ts', to: 'daemon/control.ts' },
      { from: 'cli/main.ts', to: 'daemon/gateway.ts' },
    ]);
    for (const name of ['control', 'gateway'])
      assert.match(readFileSync(join(src, 'cli/main.ts'), 'utf8'), new RegExp(`await import\\('\\.\\./daemon/${name}\\.ts'\\)`, 'u'));
  });

  test('what keeps the workers of the gateway loads nothing of what they are made of: only by dynamic import', () => {
    const broken = inside.filter(({ from, to }) => roomOf(from) === 'daemon' && roomOf(to) === 'gateway' && to !== 'gateway/http/pages.ts');
    assert.deepEqual([...new Set(broken.map(({ from }) => from))], ['daemon/gateway-worker.ts'], 'the only one that makes a bastion');
    assert.deepEqual(
      inside.filter(({ to }) => to === 'daemon/gateway-worker.ts').map(({ from }) => from),
      ['daemon/gateway.ts'],
    );
    assert.match(readFileSync(join(src, 'daemon/gateway.ts'), 'utf8'), /await import\('\.\/gateway-worker\.ts'\)/u);
  });

  test('control has of the gateway the text of its pages alone, which loads nothing else of it', () => {
    const importers = inside.filter(({ to }) => to === 'gateway/http/pages.ts').map(({ from }) => from);
    assert.deepEqual(
      importers.filter((from) => roomOf(from) === 'daemon'),
      ['daemon/failure-pages.ts'],
    );
    assert.deepEqual(
      inside.filter(({ from, to }) => from === 'gateway/http/pages.ts' && roomOf(to) !== 'core'),
      [],
    );
  });

  test('portable rooms import nothing of Node', () => {
    const broken = files.filter((file) => portable.has(roomOf(file)) && importsOf(file).some((to) => to.startsWith('node:')));
    assert.deepEqual(broken, []);
  });
});
