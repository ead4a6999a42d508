/** Certificates of an installation by ACME: pebble asks for the proof at the one address, as an authority of the world would. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { lacksImages } from '../src/testing/test-installation.ts';
import { type BastionRoom, makeBastionRoom } from './bastion-room.ts';
import { soon } from './root-client.ts';

const domain = 'pages.example';

function lacks(): string | false {
  try {
    execFileSync('sh', ['-c', 'command -v pebble pebble-challtestsrv haproxy'], { stdio: 'ignore' });
    return lacksImages;
  } catch {
    return 'needs pebble and HAProxy (the packages pebble and haproxy)';
  }
}

suite('ACME x pebble', { skip: lacks() }, () => {
  let room: BastionRoom;
  let dir: string;
  const children: ChildProcess[] = [];
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'myserver-pebble-'));
    const own = [
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '1',
      '-subj',
      '/CN=localhost',
      '-addext',
      'subjectAltName=DNS:localhost,IP:127.0.0.1',
    ];
    execFileSync('openssl', ['req', ...own, '-keyout', join(dir, 'key.pem'), '-out', join(dir, 'cert.pem')], { stdio: 'ignore' });
    const acme = { directory: 'https://127.0.0.1:14000/dir', ca: join(dir, 'cert.pem') };
    room = await makeBastionRoom({ config: { web: { edge: 'haproxy', port: 80, httpsPort: 443, domain, acme } } });
    const pebble = {
      listenAddress: '127.0.0.1:14000',
      managementListenAddress: '127.0.0.1:15000',
      certificate: join(dir, 'cert.pem'),
      privateKey: join(dir, 'key.pem'),
      httpPort: 80,
      tlsPort: 443,
    };
    await writeFile(join(dir, 'config.json'), JSON.stringify({ pebble }));
    const begin = (words: readonly string[]) => {
      const [first = '', ...more] = [...room.installation.engine.enter, ...words];
      children.push(spawn(first, more, { env: { ...process.env, PEBBLE_VA_NOSLEEP: '1' }, stdio: 'ignore' }));
    };
    begin([
      'pebble-challtestsrv',
      '-dns01',
      '127.0.0.1:8053',
      '-management',
      '127.0.0.1:8055',
      '-http01',
      '',
      '-https01',
      '',
      '-tlsalpn01',
      '',
      '-defaultIPv6',
      '',
      '-defaultIPv4',
      '127.0.0.1',
    ]);
    begin(['pebble', '-config', join(dir, 'config.json'), '-dnsserver', '127.0.0.1:8053']);
    // It would try again by itself, a minute later.
    await room.installation.endControl('SIGTERM');
    await room.installation.startControl();
  });
  after(async () => {
    for (const child of children) {
      child.kill();
      await once(child, 'exit');
    }
    await room[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  test('the names of the host have a certificate of that authority, and no reload was needed for it', async () => {
    const shown = async (name: string) => {
      const words = ['openssl', 's_client', '-connect', `${room.host}:443`, '-servername', name];
      return (await room.installation.run('client', words, { input: '' })).stdout;
    };
    await soon('the certificate', 40_000, async () => (/issuer=.*Pebble/u.test(await shown(domain)) ? true : undefined)).catch(
      async (error: unknown) => {
        throw new Error(await room.installation.controlLog(), { cause: error });
      },
    );
    assert.match(await shown(`www.${domain}`), /issuer=.*Pebble/u);
    // By other names, the host's own.
    assert.match(await shown('nobody.example'), /Pebble|myserver/u);
  });
});
