/** Against pebble, an ACME server of the people who wrote the RFC, which really looks for the proofs. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLog } from '../../base/log.ts';
import { fault } from '../../core/errors.ts';
import { makeWebCertificates } from '../certificates/web-certificates.ts';
import { type Acme, makeAcme } from './acme.ts';
import { makeAcmeCertificates } from './acme-certificates.ts';
import { makeCertificateRequest } from './certificate-request.ts';
import { makeDnsHook, makeHttpChallenges } from './solvers.ts';
import { makeAcmeWire } from './wire.ts';

const lacksPebble = has('pebble') ? false : 'needs pebble (the package pebble)';

function has(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function accountKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

async function freePort(): Promise<number> {
  const server = createTcp().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

suite('certificates from an ACME server', { skip: lacksPebble }, () => {
  let dir: string;
  let ca: string;
  let directoryUrl: string;
  let manage: string;
  let pages: Server;
  const children: ChildProcess[] = [];
  const challenges = makeHttpChallenges({
    onChange: () => Promise.resolve(),
    at: () => ({ host: '127.0.0.1', port: (pages.address() as AddressInfo).port }),
  });

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'myserver-acme-'));
    pages = createServer((request, response) => {
      const token = /^\/\.well-known\/acme-challenge\/(.+)$/u.exec(request.url ?? '')?.[1];
      response.end(challenges.current().find((one) => one.token === token)?.keyAuthorization);
    }).listen(0, '127.0.0.1');
    await once(pages, 'listening');
    const [acmePort, managePort, dnsPort, adminPort] = [await freePort(), await freePort(), await freePort(), await freePort()];
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
    ca = await readFile(join(dir, 'cert.pem'), 'utf8');
    const pebble = {
      listenAddress: `127.0.0.1:${acmePort}`,
      managementListenAddress: `127.0.0.1:${managePort}`,
      certificate: join(dir, 'cert.pem'),
      privateKey: join(dir, 'key.pem'),
      httpPort: (pages.address() as AddressInfo).port,
      tlsPort: 1,
    };
    await writeFile(join(dir, 'config.json'), JSON.stringify({ pebble }));
    const env = { ...process.env, PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '20', PEBBLE_AUTHZREUSE: '0' };
    const dns = [
      '-dns01',
      `127.0.0.1:${dnsPort}`,
      '-management',
      `127.0.0.1:${adminPort}`,
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
    ];
    children.push(spawn('pebble-challtestsrv', dns, { stdio: 'ignore' }));
    children.push(spawn('pebble', ['-config', join(dir, 'config.json'), '-dnsserver', `127.0.0.1:${dnsPort}`], { env, stdio: 'ignore' }));
    directoryUrl = `https://127.0.0.1:${acmePort}/dir`;
    manage = `http://127.0.0.1:${adminPort}`;
    const wire = makeAcmeWire({ accountKey: accountKey(), newNonceUrl: () => Promise.resolve(''), ca });
    for (let tries = 0; ; tries += 1) {
      if (
        await wire.get(directoryUrl).then(
          () => true,
          () => false,
        )
      )
        break;
      assert.ok(tries < 100, 'pebble does not answer');
      await sleep(100);
    }
  });
  after(async () => {
    for (const child of children) {
      child.kill();
      await once(child, 'exit');
    }
    pages.close();
    await rm(dir, { recursive: true });
  });

  test('a request for a certificate is as others read it', async () => {
    const { request } = makeCertificateRequest(['a.example', '*.www.a.example']);
    await writeFile(join(dir, 'request.der'), request);
    const said = execFileSync('openssl', ['req', '-inform', 'DER', '-in', join(dir, 'request.der'), '-noout', '-verify', '-text'], {
      stdio: 'pipe',
    }).toString();
    assert.match(said, /DNS:a\.example, DNS:\*\.www\.a\.example/u);
  });

  test('names are proven by pages of ours, and the account is found again', async () => {
    const options = { directoryUrl, contact: 'admin@a.example', ca, accountKey: accountKey(), solver: challenges.solver };
    for (const acme of [makeAcme(options), makeAcme(options)]) {
      const { chain, key } = await acme.order(['a.example', 'www.a.example']);
      const leaf = new X509Certificate(chain);
      assert.equal(leaf.subjectAltName, 'DNS:a.example, DNS:www.a.example');
      assert.ok(leaf.checkPrivateKey((await import('node:crypto')).createPrivateKey(key)));
    }
    assert.deepEqual(challenges.current(), []);
  });

  test('a wildcard is proven by the administrator’s program', async () => {
    const hook = join(dir, 'hook');
    await writeFile(
      hook,
      `#!/bin/sh\ncase $1 in\npresent) curl -sf -d '{"host":"'$2'.","value":"'$3'"}' ${manage}/set-txt ;;\ncleanup) curl -sf -d '{"host":"'$2'."}' ${manage}/clear-txt ;;\nesac\n`,
    );
    await chmod(hook, 0o755);
    const acme = makeAcme({ directoryUrl, contact: undefined, ca, accountKey: accountKey(), solver: makeDnsHook(hook) });
    const { chain } = await acme.order(['*.www.b.example', 'b.example']);
    assert.match(new X509Certificate(chain).subjectAltName ?? '', /DNS:\*\.www\.b\.example/u);
  });

  test('a proof that cannot be seen, and a program that fails, are told of in words', async () => {
    const options = { directoryUrl, contact: undefined, ca, accountKey: accountKey() };
    const lost = makeAcme({ ...options, solver: { kind: 'http-01', present: () => Promise.resolve(() => Promise.resolve()) } });
    await assert.rejects(lost.order(['c.example']), { code: 'acme-failed', message: /no certificate for c\.example/u });
    await assert.rejects(makeAcme({ ...options, solver: makeDnsHook('/bin/false') }).order(['d.example']), {
      code: 'acme-failed',
      message: /present _acme-challenge\.d\.example" ended with code 1/u,
    });
    await assert.rejects(makeAcme({ ...options, directoryUrl: 'https://127.0.0.1:1/', solver: challenges.solver }).order(['e.example']), {
      code: 'acme-failed',
      message: /does not answer/u,
    });
  });
});

suite('renewal', () => {
  const names = ['host.example'];

  async function withAcme(order: Acme['order']) {
    const dir = await mkdtemp(join(tmpdir(), 'myserver-renewal-'));
    const clock = { nowMs: Date.now(), now: () => clock.nowMs };
    const fallback = makeWebCertificates({ files: [], dir: join(dir, 'own'), names, clock, log: silentLog, onChange: () => {} });
    let changes = 0;
    const options = { dir, acme: () => ({ order }), wanted: () => [names], fallback, clock, random: () => 0.5, log: silentLog };
    const certificates = makeAcmeCertificates({ ...options, onChange: () => (changes += 1), lookEveryMs: 86_400_000 });
    await fallback.look();
    return { dir, clock, certificates, changes: () => changes, [Symbol.asyncDispose]: async () => await rm(dir, { recursive: true }) };
  }

  test('a failure is tried again later and later, with nobody shown less than before', async () => {
    let tries = 0;
    await using one = await withAcme(() => {
      tries += 1;
      return Promise.reject(fault('acme-failed', 'not today'));
    });
    const { clock, certificates } = one;
    const seen: number[] = [];
    for (let minute = 0; minute < 64; minute += 1) {
      const before = tries;
      await certificates.look();
      if (tries > before) seen.push(minute);
      clock.nowMs += 60_000;
    }
    assert.deepEqual(seen, [0, 1, 3, 7, 15, 31, 63]);
    assert.equal(certificates.current().certificates.length, 1, 'the host’s own is shown');
  });

  test('a certificate is renewed when a third of its time is left, and kept while that fails', async () => {
    let isWell = true;
    const { keepLocalCertificate } = await import('../certificates/local-authority.ts');
    let made = 0;
    await using one = await withAcme(async () => {
      if (!isWell) throw fault('acme-failed', 'not today');
      made += 1;
      const { certificate } = await keepLocalCertificate(join(one.dir, `given-${made}`), names, Date.now());
      return { chain: certificate.chain, key: certificate.key };
    });
    const { clock, certificates } = one;
    const shown = () => certificates.current().certificates[0]?.chain;
    await certificates.look();
    const first = shown();
    await certificates.look();
    assert.equal(made, 1);
    isWell = false;
    clock.nowMs += 300 * 86_400_000;
    await certificates.look();
    assert.equal(shown(), first);
    isWell = true;
    clock.nowMs += 86_400_000;
    await certificates.look();
    assert.equal(made, 2);
    assert.notEqual(shown(), first);
  });
});
