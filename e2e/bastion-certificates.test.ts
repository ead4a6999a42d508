/** Certificates of the department's authority at the bastion, with OpenSSH: whom they let in, to what, and for how long. Security keys, too. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { makeSigner } from '../src/control/ssh-signer.testing.ts';
import { lacksImages, testBases } from '../src/testing/test-installation.ts';
import { type BastionRoom, makeBastionRoom, until, type Visitor } from './bastion-room.ts';
import { type CertificateAuthority, makeAuthority } from './certificate-authority.ts';
import { type KeyPair, makeKeyPair } from './secure-shell.ts';
import { makeSecurityKeyAgent } from './security-key-agent.ts';

suite('bastion x certificates', { skip: lacksImages }, () => {
  let authority: CertificateAuthority;
  let rsaAuthority: CertificateAuthority;
  let other: CertificateAuthority;
  let room: BastionRoom;
  let ada: Visitor;
  let key: KeyPair;

  before(async () => {
    [authority, rsaAuthority, other] = await Promise.all([
      makeAuthority('-t', 'ed25519'),
      makeAuthority('-t', 'rsa', '-b', '4096'),
      makeAuthority('-t', 'ed25519'),
    ]);
    room = await makeBastionRoom({ config: { bastion: { userAuthorities: [authority.line, rsaAuthority.line] } } });
    ada = await room.person('ada');
    await ada.ok('create');
    await ada.ok('set', '0', '--name', 'gold');
    // Her account holds no key: what lets her in from here on is the certificate.
    const keys = await ada.json<readonly { readonly fingerprint: string }[]>('key', 'list');
    for (const { fingerprint } of keys) await ada.ok('key', 'remove', fingerprint);
    key = await makeKeyPair(room.installation, 'certified');
  });
  after(async () => {
    for (const one of [room, authority, rsaAuthority, other]) await one?.[Symbol.asyncDispose]();
  });

  const shown = (certificate: string, { path } = key) => ['-i', path, '-o', `CertificateFile=${certificate}`];
  const forAda = ['-n', 'ada', '-V', '-5m:+1h'];

  async function enters(certificate: string, user = 'ada+0', pair = key): Promise<void> {
    assert.equal(await ada.sshOk(user, ['id -un; hostname'], { options: shown(certificate, pair) }), 'ada\nserver-0\n', user);
  }

  test('without a certificate the key opens nothing, and with one it signs in: ed25519, ecdsa and rsa', async () => {
    assert.equal((await ada.ssh('ada+0', ['true'], { options: ['-i', key.path] })).exitCode, 255);
    for (const type of [['ed25519'], ['ecdsa', '-b', '256'], ['ecdsa', '-b', '384'], ['ecdsa', '-b', '521'], ['rsa', '-b', '3072']]) {
      const pair = await makeKeyPair(room.installation, `of-${type.join('-')}`, '-t', ...type);
      await enters(await authority.certify(pair.publicPath, ...forAda), 'ada+0', pair);
    }
  });

  test('an RSA authority counts, and not where it signs as ssh-rsa, with SHA-1', async () => {
    await enters(await rsaAuthority.certify(key.publicPath, ...forAda, '-t', 'rsa-sha2-512'));
    const weak = await rsaAuthority.certify(key.publicPath, ...forAda, '-t', 'ssh-rsa');
    // OpenSSH does not even show such a one unless it is told to.
    const ran = await ada.ssh('ada+0', ['true'], { options: [...shown(weak), '-o', 'CASignatureAlgorithms=+ssh-rsa'] });
    assert.equal(ran.exitCode, 255);
  });

  test('the lobby, an ID and a server’s name alone know who it is by the certificate', async () => {
    const certificate = await authority.certify(key.publicPath, ...forAda);
    for (const user of ['0', 'gold', 'ada+gold', 'ada@0']) await enters(certificate, user);
    for (const user of ['ada', 'lobby'])
      assert.equal((await ada.sshOk(user, ['whoami', '-f', 'csv'], { options: shown(certificate) })).includes('ada'), true, user);
    const lines = await ada.json<readonly { readonly deed: string; readonly detail: string }[]>('audit');
    assert.ok(lines.some(({ deed, detail }) => deed === 'sign-in' && /^by certificate "number \d+" \(serial 0\)$/u.test(detail)));
  });

  const refusals: readonly (readonly [string, RegExp, (subject: string) => Promise<string>])[] = [
    ['another authority', /Permission denied/u, async (subject) => await other.certify(subject, ...forAda)],
    ['a certificate that expired', /no longer valid/u, async (subject) => await authority.certify(subject, '-n', 'ada', '-V', '-2h:-1m')],
    ['one that is not valid yet', /not valid yet/u, async (subject) => await authority.certify(subject, '-n', 'ada', '-V', '+1h:+2h')],
    ['one for another', /Permission denied/u, async (subject) => await authority.certify(subject, '-n', 'bob', '-V', '-5m:+1h')],
    ['one for nobody by name', /Permission denied/u, async (subject) => await authority.certify(subject, '-V', '-5m:+1h')],
    ['one for one command', /force-command/u, async (subject) => await authority.certify(subject, ...forAda, '-O', 'force-command=id')],
    [
      'a condition that is not known',
      /not known here: "moon@example\.org"/u,
      async (subject) => await authority.certify(subject, ...forAda, '-O', 'critical:moon@example.org=full'),
    ],
    [
      'one for another place',
      /only from 203\.0\.113\.0\/24/u,
      async (subject) => await authority.certify(subject, ...forAda, '-O', 'source-address=203.0.113.0/24'),
    ],
  ];
  for (const [what, sentence, make] of refusals)
    test(`refused: ${what}`, async () => {
      const ran = await ada.ssh('ada+0', ['true'], { options: ['-v', ...shown(await make(key.publicPath))] });
      assert.match(ran.stderr, /Offering public key: \S+ ED25519-CERT/u);
      assert.match(ran.stderr, sentence);
      assert.equal(ran.exitCode, 255);
      // The one that differs in nothing else is let in.
      await enters(await authority.certify(key.publicPath, ...forAda));
    });

  test('source-address lets in from there', async () => {
    const range = `${room.installation.engine.clientAddress}/32`;
    await enters(await authority.certify(key.publicPath, ...forAda, '-O', `source-address=203.0.113.0/24,${range}`));
  });

  test('a disabled person’s certificate lets nobody in', async () => {
    const certificate = await authority.certify(key.publicPath, ...forAda);
    await room.installation.ok('user', 'set', 'ada', '--disable');
    try {
      assert.equal((await ada.ssh('ada+0', ['true'], { options: shown(certificate) })).exitCode, 255);
    } finally {
      await room.installation.ok('user', 'set', 'ada', '--enable');
    }
    await enters(certificate);
  });

  /** What a certificate with these extensions may: a terminal, a forward out and one back, the agent. */
  async function allowed(...options: readonly string[]) {
    const certificate = shown(await authority.certify(key.publicPath, ...forAda, ...options));
    await using agent = await makeSecurityKeyAgent(makeSigner('sk-ssh-ed25519@openssh.com'), join(ada.home, `agent-${options.join('')}`));
    const env = { ...process.env, SSH_AUTH_SOCK: agent.socketPath };
    const tty = await ada.ssh('ada+0', ['tty'], { options: [...certificate, '-tt'] });
    const out = await ada.ssh('ada', [], { options: [...certificate, '-W', `0:22`], input: 'no SSH\n' });
    const viaServer = await ada.ssh('ada+0', [], { options: [...certificate, '-W', `localhost:22`], input: 'no SSH\n' });
    const back = await ada.ssh('ada+0', ['true'], {
      options: [...certificate, '-o', 'ExitOnForwardFailure=yes', '-R', `7777:127.0.0.1:${testBases.ssh}`],
    });
    const identities = await ada.ssh('ada+0', ['ssh-add -l'], { options: [...certificate, '-A'], env });
    return {
      pty: tty.stdout.includes('/dev/pts/'),
      out: out.stdout.startsWith('SSH-2.0'),
      viaServer: viaServer.stdout.startsWith('SSH-2.0'),
      back: back.exitCode === 0,
      agent: /ED25519-SK/u.test(identities.stdout),
    };
  }
  const everything = { pty: true, out: true, viaServer: true, back: true, agent: true };

  test('extensions are kept to: what each takes away is refused, and the rest works', async () => {
    assert.deepEqual(await allowed(), everything);
    assert.deepEqual(await allowed('-O', 'no-pty'), { ...everything, pty: false });
    assert.deepEqual(await allowed('-O', 'no-agent-forwarding'), { ...everything, agent: false });
    assert.deepEqual(await allowed('-O', 'no-port-forwarding'), { ...everything, out: false, viaServer: false, back: false });
    assert.deepEqual(await allowed('-O', 'clear'), { pty: false, out: false, viaServer: false, back: false, agent: false });
    await enters(await authority.certify(key.publicPath, ...forAda, '-O', 'clear'));
  });

  test('a security key signs in, plain and certified, and verify-required asks for more than a touch', async () => {
    const eve = await room.person('eve');
    await room.installation.ok('share', 'add', '0', 'eve', 'write');
    for (const algorithm of ['sk-ssh-ed25519@openssh.com', 'sk-ecdsa-sha2-nistp256@openssh.com']) {
      const signer = makeSigner(algorithm);
      const publicPath = join(eve.home, `${algorithm}.pub`);
      await writeFile(publicPath, `${signer.line}\n`);
      await using agent = await makeSecurityKeyAgent(signer, join(eve.home, `token-${algorithm.slice(3, 6)}`));
      const env = { ...process.env, SSH_AUTH_SOCK: agent.socketPath };
      const options = ['-o', 'IdentitiesOnly=no', '-o', 'IdentityFile=none'];
      const go = async () =>
        await room.installation.run('client', stripKey(eve.argv('eve+0', ['hostname'], options), eve.key.path), { env });
      assert.equal((await go()).exitCode, 255);
      assert.equal(agent.signed, 0);
      await eve.ok('key', 'add', publicPath);
      assert.deepEqual([(await go()).stdout, agent.signed], ['server-0\n', 1]);
      agent.flags = 0;
      assert.equal((await go()).exitCode, 255, 'without a touch');
      agent.flags = 1;
      const listed = await eve.json<readonly { readonly fingerprint: string; readonly algorithm: string }[]>('key', 'list');
      await eve.ok('key', 'remove', listed.find((one) => one.algorithm === algorithm)?.fingerprint ?? '');
      await agent.addCertificate(await authority.certify(publicPath, '-n', 'eve', '-V', '-5m:+1h', '-O', 'verify-required'));
      const touched = await go();
      assert.deepEqual([touched.exitCode, /PIN or a fingerprint/u.test(touched.stderr)], [255, true], touched.stderr);
      agent.flags = 5;
      assert.equal((await go()).stdout, 'server-0\n');
    }
  });

  test('what a certificate let in ends when it expires', async () => {
    const certificate = await authority.certify(key.publicPath, '-n', 'ada', '-V', '-5m:+8s');
    await using session = ada.background('ada+0', shown(certificate), ['echo in; sleep 100']);
    await until('the session', () => session.output().includes('in'));
    await until('its end', () => session.child.exitCode !== null, 40_000);
    assert.match(session.errors(), /certificate/u);
  });

  test('an authority that is taken out of the configuration ends what it let in, and lets nobody in', async () => {
    const [certificate, staying] = await Promise.all([
      authority.certify(key.publicPath, ...forAda),
      rsaAuthority.certify(key.publicPath, ...forAda, '-t', 'rsa-sha2-512'),
    ]);
    await using session = ada.background('ada+0', shown(certificate), ['echo in; sleep 100']);
    await using kept = ada.background('ada+0', shown(staying), ['echo in; sleep 100']);
    await until('both sessions', () => session.output().includes('in') && kept.output().includes('in'));
    const { installation } = room;
    const config = JSON.parse(await readFile(installation.configPath, 'utf8')) as { readonly bastion: object };
    await writeFile(
      installation.configPath,
      JSON.stringify({ ...config, bastion: { ...config.bastion, userAuthorities: [rsaAuthority.line] } }),
    );
    await installation.endControl('SIGTERM');
    await installation.startControl();
    await until('the end', () => session.child.exitCode !== null, 30_000);
    assert.equal(kept.child.exitCode, null);
    await enters(staying);
    assert.equal((await ada.ssh('ada+0', ['true'], { options: shown(certificate) })).exitCode, 255);
  });
});

/** Without the person's own key, which `argv` shows. */
function stripKey(argv: readonly string[], path: string): readonly string[] {
  const at = argv.indexOf(path);
  return [...argv.slice(0, at - 1), ...argv.slice(at + 1)];
}
