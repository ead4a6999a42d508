import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { recipeOf } from './recipe.ts';
import { readAptSources, settingsForServers, settingsIn, sourcesFile, sourcesIn, systemsWithSources } from './sources.ts';

const debian12 = recipeOf('debian12', 'minimal').system;
const mirror = 'http://mirror.example/debian/';
const line = (...fields: readonly string[]) => fields.join('\t');

suite('apt sources of the host', () => {
  const host = [
    line('Debian', 'bookworm-security', 'http://security.example/debian-security/', 'bookworm-security', 'main', 'amd64'),
    line('Debian', 'bookworm', mirror, 'bookworm', 'main', 'amd64'),
    line('Debian', 'bookworm', mirror, 'bookworm', 'contrib', 'amd64'),
    line('Debian', 'bookworm-backports', mirror, 'bookworm-backports', 'main', 'amd64'),
    line('Debian', 'trixie', mirror, 'trixie', 'main', 'amd64'),
    line('Debian', 'bookworm', 'file:/media/dvd/', 'bookworm', 'main', 'amd64'),
    line('SomeVendor', 'bookworm', 'https://vendor.example/apt/', 'bookworm', 'main', 'amd64'),
  ].join('\n');

  test('sourcesIn takes the release and its pockets, the release first, and nothing of another release, origin or medium', () => {
    assert.deepEqual(sourcesIn(host, debian12), {
      sources: [
        { uri: mirror, suite: 'bookworm', components: ['main', 'contrib'] },
        { uri: 'http://security.example/debian-security/', suite: 'bookworm-security', components: ['main'] },
      ],
      architecture: 'amd64',
    });
  });

  test('sourcesFile writes what deb822 sources are', () => {
    const { sources } = sourcesIn(host, debian12);
    const text = sourcesFile({ sources: sources.slice(0, 1), keyring: '/usr/share/keyrings/k.gpg' });
    const expected = `Types: deb\nURIs: ${mirror}\nSuites: bookworm\nComponents: main contrib\nSigned-By: /usr/share/keyrings/k.gpg\n`;
    assert.equal(text, expected);
  });

  test('settingsForServers keeps from servers a proxy with a password and one on the host’s loopback', () => {
    const proxies = [
      'http://proxy.example:3142',
      'http://me:secret@proxy.example:3142',
      'http://127.0.0.1:3142',
      'http://localhost:3142',
      'DIRECT',
    ];
    const dump = proxies.map((value) => `Acquire::http::Proxy "${value}";`).join('\n');
    const settings = settingsIn(`APT::Architecture "amd64";\nAcquire::Check-Valid-Until "false";\nAcquire::https::Proxy "";\n${dump}\n`);
    assert.equal(settings.length, 6);
    assert.deepEqual(settingsForServers(settings), [
      { name: 'Acquire::Check-Valid-Until', value: 'false' },
      { name: 'Acquire::http::Proxy', value: 'http://proxy.example:3142' },
    ]);
  });

  test('systemsWithSources finds the same as readAptSources, and the rest is not asked of any network', async () => {
    const elsewhere = { ...debian12, name: 'debian99', codename: 'nosuchrelease', title: 'Debian 99' };
    const signal = AbortSignal.timeout(60_000);
    const isHere = await readAptSources(debian12, signal).then(
      () => true,
      () => false,
    );
    assert.deepEqual(await systemsWithSources([debian12, elsewhere], signal), isHere ? [debian12] : []);
  });

  test('readAptSources says which release the host’s apt lacks', async () => {
    const elsewhere = { ...debian12, name: 'debian99', codename: 'nosuchrelease', title: 'Debian 99' };
    await assert.rejects(readAptSources(elsewhere, AbortSignal.timeout(60_000)), {
      code: 'cannot-here',
      message: /debian99.*nosuchrelease/u,
    });
  });
});
