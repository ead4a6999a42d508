/** The life of sessions through the bastion: seen, ended, outliving control and a new gateway, and gone with the server or the right. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { lacksImages } from '../src/testing/test-installation.ts';
import { type Background, type BastionRoom, makeBastionRoom, until, untilListening, type Visitor } from './bastion-room.ts';
import { inside } from './inside.ts';
import { rootOf } from './root-client.ts';
import { typeInto } from './typist.ts';

interface SessionRow {
  readonly id: string;
  readonly person: string;
  readonly kind: string;
  readonly serverId: number | null;
}

interface AuditRow {
  readonly deed: string;
  readonly person: string | null;
  readonly serverId: number | null;
  readonly allowed: boolean;
  readonly detail: string;
}

/** Signs in when told to, and not before: ADDRESS KEY FILE-WHEN-MET FILE-TO-GO-ON. */
const hesitant = String.raw`
import os, sys, time, paramiko
address, key, met, go = sys.argv[1:]
transport = paramiko.Transport((address, 22))
transport.start_client(timeout=10)
open(met, 'w').close()
while not os.path.exists(go): time.sleep(0.02)
transport.auth_publickey('0', paramiko.Ed25519Key.from_private_key_file(key))
channel = transport.open_session()
channel.exec_command('hostname')
print(channel.makefile().read().decode(), end='')
transport.close()
`;

/** Knocks for three seconds and tells how many were greeted, and what else was met: ADDRESS PORT. */
const knocking = String.raw`
import socket, sys, time
greeted, others, end = 0, [], time.time() + 3
while time.time() < end:
    try:
        with socket.create_connection((sys.argv[1], int(sys.argv[2])), 5) as knock:
            if knock.recv(8).startswith(b'SSH-2.0-'): greeted += 1
            else: others.append('silence')
    except OSError as error: others.append(str(error))
    time.sleep(0.01)
print(f'{greeted} greeted, {len(others)} not: {" ".join(sorted(set(others)))}')
`;

suite('bastion, life of sessions', { skip: lacksImages }, () => {
  let room: BastionRoom;
  let jbond: Visitor;
  let mm: Visitor;

  before(async () => {
    room = await makeBastionRoom();
    [jbond, mm] = [await room.person('jbond007'), await room.person('mm')];
    await jbond.ok('create', '--count', '2');
  });
  after(async () => await room?.[Symbol.asyncDispose]());

  /** A session that counts, line by line, until it is ended. */
  async function counting(visitor: Visitor, user: string): Promise<Background> {
    const session = visitor.background(user, [], ['i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done']);
    await until('the first line', () => session.output().includes('\n'), 10_000).catch((error: unknown) => {
      throw new Error(session.errors(), { cause: error });
    });
    return session;
  }

  async function goesOn(session: Background): Promise<void> {
    const before = session.output().length;
    await until('the session to go on', () => session.output().length > before, 5000);
  }

  async function hasEnded(session: Background): Promise<void> {
    await until(`the session to end; it said ${session.errors()}`, () => session.child.exitCode !== null, 20_000);
  }

  async function sessions(visitor: Visitor): Promise<readonly SessionRow[]> {
    return await visitor.json<readonly SessionRow[]>('sessions');
  }

  async function isInAudit(kind: string, wanted: RegExp, isAllowed = true): Promise<boolean> {
    const lines = await jbond.json<readonly AuditRow[]>('audit');
    return lines.some(({ deed, allowed, detail }) => deed === kind && allowed === isAllowed && wanted.test(detail));
  }

  async function oneOf(visitor: Visitor, kind: string): Promise<SessionRow> {
    let found: SessionRow | undefined;
    await until(
      `a session of kind ${kind} in the list`,
      async () => {
        found = (await sessions(visitor)).find((one) => one.kind === kind);
        return found !== undefined;
      },
      20_000,
    );
    assert.ok(found !== undefined);
    return found;
  }

  test('the owner takes the gateway’s key out and is asked for a password, puts it back and is not', async () => {
    await jbond.ok('set', '1', '--no-gateway-key');
    const without = await jbond.ssh('1', ['hostname']);
    assert.equal(without.exitCode, 255);
    assert.match(without.stderr, /wants a password for jbond007 \(the gateway's key is not \(any more\) among/u);
    await jbond.ok('set', '1', '--gateway-key');
    assert.equal(await jbond.sshOk('1', ['hostname']), 'server-1\n');
  });

  test('sessions are listed to their person and the server’s owner, and ended by kill with a sentence', async () => {
    await using session = await counting(jbond, '0');
    const row = await oneOf(jbond, 'exec');
    assert.deepEqual([row.person, row.serverId], ['jbond007', 0]);
    assert.deepEqual(
      (await sessions(mm)).filter(({ person }) => person !== 'mm'),
      [],
    );
    await jbond.ok('sessions', 'kill', row.id);
    await hasEnded(session);
    assert.match(session.errors(), /ended this session/u);
  });

  test('every session, forward and sign-in leaves one line in the audit, with bytes and time', async () => {
    await jbond.sshOk('0', ['head -c 1000 /dev/zero']);
    await until('the line', async () => {
      const lines = await jbond.json<readonly AuditRow[]>('audit');
      return lines.some(
        ({ deed, serverId, detail }) => deed === 'ssh-exec' && serverId === 0 && /exit 0; [\d.]+ s, 0 bytes in, 1000 out/u.test(detail),
      );
    });
    assert.match(await jbond.sshOk('jbond007', [], { options: ['-W', '0:22'], input: '' }), /^SSH-2\.0-OpenSSH/u);
    await jbond.sshOk('jbond007', ['whoami']);
    assert.equal((await jbond.ssh('jbond007', [], { input: 'whoami\n' })).stdout, 'jbond007\n');
    for (const [kind, wanted] of [
      ['ssh-forward', /^port 22 of server 0; closed; [\d.]+ s, 0 bytes in, [1-9]\d* out$/u],
      ['ssh-lobby', /^a command; exit 0; [\d.]+ s, 0 bytes in, 9 out$/u],
      ['ssh-lobby', /^the lobby; exit 0; [\d.]+ s, 7 bytes in, 9 out$/u],
    ] as const)
      await until(`a line ${wanted.source}`, async () => await isInAudit(kind, wanted));
    const lines = await jbond.json<readonly AuditRow[]>('audit');
    assert.ok(lines.some(({ deed, detail }) => deed === 'sign-in' && detail.startsWith('by key SHA256:')));
  });

  test('what is refused is in the audit: a listener in the lobby, a socket of the gateway’s own, a wrong password inside', async () => {
    await jbond.ssh('jbond007', ['list'], { options: ['-R', '8090:localhost:1', '-o', 'ExitOnForwardFailure=yes'] });
    {
      await using _ = jbond.background('jbond007', ['-N', '-L', '8091:/run/myserver/root.sock']);
      await untilListening(room.installation, 8091);
      await room.installation.run('client', ['curl', '-sS', '--max-time', '5', 'http://localhost:8091/']);
    }
    const once = ['-o', 'BatchMode=no', '-o', 'PreferredAuthentications=publickey,keyboard-interactive', '-o', 'NumberOfPasswordPrompts=1'];
    await typeInto([...room.installation.engine.enterClient, ...jbond.argv('root@0', ['true'], once)], [[/assword:/iu, 'one of nine']]);
    for (const [kind, wanted] of [
      ['ssh-remote-forward', /^a remote forward begins on a server/u],
      ['ssh-forward', /^\/run\/myserver\/root\.sock is on this gateway itself/u],
      ['ssh-login', /^server 0 did not let root in with that password$/u],
    ] as const)
      await until(`a line ${wanted.source}`, async () => await isInAudit(kind, wanted, false));
  });

  test('a remote forward is in the list while it listens, and neither there nor in the audit’s way when the server’s sshd is gone', async () => {
    await using tunnel = jbond.background('0', ['-N', '-R', '8070:localhost:7070']);
    await oneOf(jbond, 'remote-forward');
    await inside(room.installation, 0, 'systemctl stop ssh; pkill -x sshd; systemctl start ssh');
    await until('its end in the audit', async () => await isInAudit('ssh-remote-forward', /^port 8070 on server 0; the server hung up;/u));
    await hasEnded(tunnel);
    assert.match(tunnel.errors(), /Received disconnect from .*: the server ended the connection on which its forwards were/u);
    assert.deepEqual(
      (await sessions(jbond)).filter(({ kind }) => kind === 'remote-forward'),
      [],
    );
  });

  for (const [deed, why, whyTunnel] of [
    ['stop', /server 0 was stopped/u, /Received disconnect from .*: server 0 was stopped/u],
    ['kill', /server 0 was stopped/u, /Received disconnect from .*: server 0 was stopped/u],
    ['restart', /server 0 (?:ended the connection|is )/u, /Received disconnect from .*: the server ended the connection/u],
  ] as const)
    test(`${deed} ends the sessions on a server and what listens there, and says why`, async () => {
      await using session = await counting(jbond, '0');
      await using tunnel = jbond.background('0', ['-N', '-R', '8071:localhost:7070']);
      await oneOf(jbond, 'remote-forward');
      await jbond.ok(deed, '0');
      for (const ended of [session, tunnel]) await hasEnded(ended);
      assert.match(session.errors(), why);
      assert.match(tunnel.errors(), whyTunnel);
      await jbond.ok('start', '0');
    });

  test('a right that is taken back ends the session at once, and a dropped server its own', async () => {
    await jbond.ok('share', 'add', '0', 'mm', 'write');
    await using session = await counting(mm, '0');
    await jbond.ok('share', 'remove', '0', 'mm');
    await hasEnded(session);
    assert.match(session.errors(), /may not enter server 0 any more|dropped/u);
    await using own = await counting(jbond, '1');
    await jbond.ok('drop', '1', '--yes');
    await hasEnded(own);
  });

  test('a key that is removed, and a person who is disabled, end what was begun with them', async () => {
    const guest = await room.person('guest');
    await jbond.ok('share', 'add', '0', 'guest', 'write');
    await using session = await counting(guest, '0');
    const keys = await guest.json<readonly { fingerprint: string }[]>('key', 'list');
    await guest.ok('key', 'remove', keys[0]?.fingerprint ?? '');
    await hasEnded(session);
    const other = await room.person('other');
    await jbond.ok('share', 'add', '0', 'other', 'write');
    await using second = await counting(other, '0');
    await room.installation.ok('user', 'set', 'other', '--disable');
    await hasEnded(second);
  });

  test('control is killed: what lives goes on, who comes anew is told so, and all is well when it is back', async () => {
    await using session = await counting(jbond, '0');
    await room.installation.endControl('SIGKILL');
    await goesOn(session);
    const refused = await jbond.ssh('0', ['true']);
    assert.equal(refused.exitCode, 255);
    assert.match(refused.stderr, /the manager of this host does not answer just now/u);
    await room.installation.startControl();
    await until('the bastion to let in again', async () => (await jbond.ssh('0', ['true'])).exitCode === 0, 20_000);
    await goesOn(session);
    const row = await oneOf(jbond, 'exec');
    await jbond.ok('sessions', 'kill', row.id);
    await hasEnded(session);
  });

  test('SIGHUP: new connections go to new workers, and the old ones finish what lives and who is at the door', async () => {
    await using session = await counting(jbond, '0');
    const [met, go] = ['met', 'go'].map((name) => join(room.installation.engine.dir, name)) as [string, string];
    const late = room.installation.run('client', ['timeout', '60', '/usr/bin/python3', '-c', hesitant, room.host, jbond.key.path, met, go]);
    await Promise.race([
      until('somebody at the door', () => existsSync(met)),
      late.then(({ stderr }) => Promise.reject(new Error(stderr))),
    ]);
    const workersBefore = await workers(room);
    await room.gateway.end('SIGHUP');
    await until('other workers', async () => (await workers(room)).some((pid) => !workersBefore.includes(pid)));
    await until('a session by a new worker', async () => (await jbond.ssh('0', ['true'])).exitCode === 0);
    await goesOn(session);
    session.child.kill('SIGTERM');
    await hasEnded(session);
    await writeFile(go, '');
    const { stdout, stderr } = await late;
    assert.equal(stdout, 'server-0\n', stderr);
    await until('the old worker to end', async () => !(await workers(room)).some((pid) => workersBefore.includes(pid)), 20_000);
  });

  test('SIGHUP: nobody is refused meanwhile', async () => {
    const workersBefore = await workers(room);
    const knocks = room.installation.run('client', ['timeout', '60', '/usr/bin/python3', '-c', knocking, room.host, '22']);
    await sleep(300);
    await room.gateway.end('SIGHUP');
    const { stdout, stderr } = await knocks;
    assert.match(stdout, /^[1-9]\d+ greeted, 0 not: $/mu, stderr);
    assert.ok(
      (await workers(room)).some((pid) => !workersBefore.includes(pid)),
      'there are new workers by then',
    );
  });

  test('SIGHUP with a mistake in the configuration changes nothing, and the log says which it is', async () => {
    const { configPath } = room.installation;
    const [good, workersBefore] = [await readFile(configPath, 'utf8'), await workers(room)];
    await writeFile(configPath, good.replace('"bastion"', '"bastoin"'));
    await room.gateway.end('SIGHUP');
    await until('the log to tell', async () => /bastoin.*nothing was reloaded/u.test(await room.gateway.log()));
    await writeFile(configPath, good);
    assert.equal(await jbond.sshOk('0', ['hostname']), 'server-0\n');
    assert.deepEqual(await workers(room), workersBefore);
  });

  test('a gateway that is gone is missed by doctor, which says what to do, and not any more when it is back', async () => {
    const isMissed = async () => (await room.installation.myserver(['doctor', '-f', 'json'])).stdout.includes('"gateway-away"');
    assert.equal(await isMissed(), false);
    await room.gateway.end('SIGTERM');
    await until('doctor to miss it', isMissed, 30_000);
    assert.match((await jbond.ok('ssh-config')).toString(), new RegExp(`HostName ${room.host}`, 'u'), 'it is to pass');
    await room.gateway.start();
    await until('doctor to be content', async () => !(await isMissed()), 30_000);
  });

  test('a worker that is killed is replaced', async () => {
    const [pid] = await workers(room);
    process.kill(Number(pid), 'SIGKILL');
    await until('a session by another worker', async () => (await jbond.ssh('0', ['true'])).exitCode === 0, 20_000);
  });

  test('the gateway’s processes are nobody’s: no root, no right but low ports, no way to root.sock, Incus or the store', async () => {
    const pids = [String(room.gateway.pid()), ...(await workers(room))];
    for (const pid of pids) {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      assert.match(status, /^Uid:\s+65534\s+65534\s+65534\s+65534$/mu);
      assert.match(status, /^CapBnd:\s+0000000000000400$/mu);
      assert.match(status, /^NoNewPrivs:\s+1$/mu);
    }
    const { runDir, stateDir, engine } = room.installation;
    for (const path of [`${runDir}/root.sock`, `${stateDir}/store.db`, engine.socket]) {
      const tried = await room.installation.run('host', [
        'setpriv',
        '--reuid=nobody',
        '--regid=nogroup',
        '--clear-groups',
        'test',
        '-r',
        path,
      ]);
      assert.notEqual(tried.exitCode, 0, path);
    }
    assert.ok((await rootOf(room.installation).client.call('health')).ok);
  });
});

/** Their PIDs. */
async function workers(room: BastionRoom): Promise<readonly string[]> {
  const found = await room.installation.run('host', ['pgrep', '-P', String(room.gateway.pid())]);
  return found.stdout.split('\n').filter(Boolean);
}
