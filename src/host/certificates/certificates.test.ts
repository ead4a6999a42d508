import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { connect, createServer } from 'node:tls';
import { silentLog } from '../../base/log.ts';
import { keepLocalCertificate } from './local-authority.ts';
import { readCertificate } from './read.ts';
import { makeWebCertificates } from './web-certificates.ts';

const names = ['host.example', 'localhost', '*.www.example', '192.0.2.1', '2001:db8::1'];
const dayMs = 86_400_000;

suite('certificates', () => {
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'myserver-certificates-'));
  });
  after(async () => await rm(dir, { recursive: true }));

  /** The error of a client that trusts `ca` and asks for that name; undefined: it is content. */
  async function objection(ca: string, certificate: { chain: string; key: string }, servername: string): Promise<string | undefined> {
    const server = createServer({ cert: certificate.chain, key: certificate.key }, (socket) => socket.end());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, ca, servername });
    const ended = await once(client, 'secureConnect').then(() => undefined, String);
    client.destroy();
    server.close();
    return ended;
  }

  test('a client that trusts the host’s own authority is content with its names, and with no others', async () => {
    const { authority, certificate } = await keepLocalCertificate(join(dir, 'own'), names, Date.now());
    assert.deepEqual(certificate.names.slice(0, 4), names.slice(0, 4));
    assert.equal(await objection(authority, certificate, 'host.example'), undefined);
    assert.equal(await objection(authority, certificate, '7.www.example'), undefined);
    assert.match((await objection(authority, certificate, 'other.example')) ?? '', /altnames/u);
  });

  test('what is there is kept, until it runs out or is for other names', async () => {
    const first = await keepLocalCertificate(join(dir, 'kept'), names, Date.now());
    assert.deepEqual(await keepLocalCertificate(join(dir, 'kept'), names.toReversed(), Date.now()), first);
    const renewed = await keepLocalCertificate(join(dir, 'kept'), names, first.certificate.notAfterMs - 30 * dayMs);
    assert.equal(renewed.authority, first.authority, 'people need not trust anew');
    assert.notEqual(renewed.certificate.chain, first.certificate.chain);
    const other = await keepLocalCertificate(join(dir, 'kept'), ['other.example'], Date.now());
    assert.notEqual(other.authority, first.authority);
    assert.ok(new X509Certificate(other.certificate.chain).verify(new X509Certificate(other.authority).publicKey));
  });

  test('attack: a stolen authority certifies no name that is not the host’s', async () => {
    const { authority } = await keepLocalCertificate(join(dir, 'stolen'), ['host.example'], Date.now());
    // What the thief makes: a leaf for a bank, by the key of the authority.
    await rm(join(dir, 'stolen', 'names'));
    await copyFile(join(dir, 'stolen', 'authority.pem'), join(dir, 'authority.kept'));
    await copyFile(join(dir, 'stolen', 'authority.key'), join(dir, 'key.kept'));
    await writeFile(join(dir, 'stolen', 'names'), 'bank.example');
    await rm(join(dir, 'stolen', 'local.pem'));
    const { certificate } = await keepLocalCertificate(join(dir, 'stolen'), ['bank.example'], Date.now());
    assert.equal(await readFile(join(dir, 'stolen', 'authority.pem'), 'utf8'), authority, 'it is the same authority');
    assert.match((await objection(authority, certificate, 'bank.example')) ?? '', /permitted subtree/u);
  });

  test('a file that is wrong is told of by its name, and takes nothing away', async () => {
    const one = await keepLocalCertificate(join(dir, 'one'), ['one.example'], Date.now());
    const two = await keepLocalCertificate(join(dir, 'two'), ['two.example'], Date.now());
    const files = { chain: join(dir, 'chain.pem'), key: join(dir, 'key.pem') };
    const put = async (chain: string, key: string) => {
      await writeFile(`${files.chain}.new`, chain);
      await writeFile(`${files.key}.new`, key);
      await rename(`${files.chain}.new`, files.chain);
      await rename(`${files.key}.new`, files.key);
    };
    let changes = 0;
    const options = { files: [files], dir: join(dir, 'unused'), names: [], clock: { now: () => Date.now() }, log: silentLog };
    const certificates = makeWebCertificates({ ...options, onChange: () => (changes += 1) });
    const shown = () => certificates.current().certificates.map(({ names: of }) => of.join());
    await certificates.look();
    assert.deepEqual([shown(), changes], [[], 0]);
    await put(one.certificate.chain, one.certificate.key);
    await certificates.look();
    await certificates.look();
    assert.deepEqual([shown(), changes], [['one.example'], 1]);
    await put(two.certificate.chain, one.certificate.key);
    await assert.rejects(readCertificate(files), { code: 'bad-configuration', message: /key\.pem is not the one of the certificate/u });
    await certificates.look();
    await put('nonsense', 'nonsense');
    await assert.rejects(readCertificate(files), /chain\.pem does not begin with a certificate/u);
    await certificates.look();
    assert.deepEqual([shown(), changes], [['one.example'], 1]);
    await put(two.certificate.chain, two.certificate.key);
    await certificates.look();
    assert.deepEqual([shown(), changes], [['two.example'], 2]);
    await rm(files.key);
    await certificates.look();
    assert.deepEqual([shown(), changes], [['two.example'], 2]);
  });
});
