/** Servers' pages at the one address, by curl from the machine outside: what is public is served, and nothing else. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { lacksImages, testBases } from '../src/testing/test-installation.ts';
import { lacksHaproxy } from './haproxy-room.ts';
import { makeNameServer, nameServerPort } from './name-server.ts';
import { type BastionRoom, makeBastionRoom } from './bastion-room.ts';
import { echoProgram, httpProgram, runInside } from './inside.ts';

const ids = { web: 3, own: 4 } as const;
const domain = 'pages.example';

/** Answers each request with its own head. */
const mirrorProgram = String.raw`
use strict; use warnings; use IO::Socket::INET;
my $door = IO::Socket::INET->new(LocalPort => 80, Listen => 5, ReuseAddr => 1) or die;
while (my $line = $door->accept) {
  my $head = '';
  while (<$line>) { last if /^\r?\n/; $head .= $_; }
  print $line "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n$head";
  close $line;
}
`;

interface Answer {
  readonly status: number;
  readonly body: string;
}

for (const edge of ['embedded', 'haproxy'] as const) {
  const skip = lacksImages !== false ? lacksImages : edge === 'haproxy' ? lacksHaproxy : false;
  suite(`web x curl, edge: ${edge}`, { skip }, () => webByCurl(edge));
}

function webByCurl(edge: 'embedded' | 'haproxy'): void {
  let room: BastionRoom;
  let password: string;
  before(async () => {
    room = await makeBastionRoom({
      images: ['minimal', 'web'],
      config: { web: { edge, port: 80, httpsPort: 443, domain, nameServers: [`127.0.0.1:${nameServerPort}`] } },
    });
    const { installation } = room;
    password = (await room.person('jbond007', '--role', 'administrator')).password;
    await Promise.all([
      installation.ok('create', String(ids.web), '--type', 'web', '--admin', 'jbond007'),
      installation.ok('create', String(ids.own), '--admin', 'jbond007'),
    ]);
    await Promise.all([
      runInside(installation, ids.own, 8000, ['perl', '-e', httpProgram, '8000']),
      runInside(installation, ids.own, 9000, ['perl', '-e', echoProgram, '9000']),
    ]);
  });
  after(() => room[Symbol.asyncDispose]());

  async function curl(path: string, ...more: readonly string[]): Promise<Answer> {
    const words = ['curl', '-sS', '--max-time', '20', '-w', String.raw`\n%{http_code}`, ...more, `http://${room.host}${path}`];
    const ran = await room.installation.run('client', words);
    assert.equal(ran.exitCode, 0, ran.stderr);
    const end = ran.stdout.lastIndexOf('\n');
    return { status: Number(ran.stdout.slice(end + 1)), body: ran.stdout.slice(0, end) };
  }

  /** The state has reached the gateway when this answers so; at most three seconds. */
  async function untilStatus(path: string, wanted: number): Promise<Answer> {
    for (let tries = 0; ; tries += 1) {
      const answer = await curl(path);
      if (answer.status === wanted || tries === 60) {
        assert.equal(answer.status, wanted, answer.body);
        return answer;
      }
      await sleep(50);
    }
  }

  test('the page of a server of type web is at /www/ID/ as soon as create has ended', async () => {
    const { status, body } = await curl(`/www/${ids.web}/`);
    assert.equal(status, 200);
    assert.match(body, /<h1>server-3<\/h1>/u);
  });

  test('a program of one’s own is at /usr/ID/, and is told where the visitor comes from', async () => {
    assert.equal((await curl(`/usr/${ids.own}/peer`)).status, 200);
    await runInside(room.installation, ids.own, 80, ['perl', '-e', mirrorProgram]);
    const { body } = await untilStatus(`/www/${ids.own}/deep/page?x=1`, 200);
    assert.match(body, /^GET \/deep\/page\?x=1 HTTP/u);
    assert.match(body, new RegExp(`^x-forwarded-for: ${room.installation.engine.clientAddress}\\r?$`, 'imu'));
    assert.match(body, /^x-forwarded-prefix: \/www\/4\r?$/imu);
  });

  test('each has a name of its own below the domain', async () => {
    const { status, body } = await curl('/', '-H', `Host: ${ids.web}.www.${domain}`);
    assert.equal(status, 200);
    assert.match(body, /server-3/u);
  });

  test('by HTTPS too, once the host’s authority is trusted; on the host’s own name servers’ pages only lead to their own', async () => {
    const ca = join(room.installation.engine.dir, 'authority.pem');
    await writeFile(ca, (await curl('/.well-known/myserver/authority.pem')).body);
    const names = [`www.${domain}`, `${ids.web}.www.${domain}`, domain];
    const https = ['--cacert', ca, ...names.flatMap((name) => ['--resolve', `${name}:443:${room.host}`])];
    const get = async (url: string) =>
      (await room.installation.run('client', ['curl', '-sS', '-w', String.raw`\n%{http_code} %{redirect_url}`, ...https, url])).stdout;
    assert.match(await get(`https://www.${domain}/www/${ids.web}/`), /<h1>server-3<\/h1>[\s\S]*\n200 $/u);
    assert.match(await get(`https://${ids.web}.www.${domain}/`), /<h1>server-3<\/h1>[\s\S]*\n200 $/u);
    assert.match(await get(`https://${domain}/www/${ids.web}/a?b`), new RegExp(`\n307 https://www.${domain}/www/${ids.web}/a\\?b$`, 'u'));
    const stranger = ['curl', '-sS', '--resolve', `${domain}:443:${room.host}`, `https://${domain}/`];
    assert.notEqual((await room.installation.run('client', stranger)).exitCode, 0, 'nobody trusts it who did not say so');
  });

  test('a port for chosen people: at no public port, led to signing in, and let in after that', async () => {
    const { installation } = room;
    const own = `${ids.own}.usr.${domain}`;
    await installation.ok('set', String(ids.own), '--port', 'usr=shared');
    assert.match(await installation.ok('info', String(ids.own)), new RegExp(`https://${own}/`, 'u'));
    const direct = ['curl', '-sS', '--connect-timeout', '3', `http://${room.host}:${testBases.usr + ids.own}/`];
    assert.notEqual((await installation.run('client', direct)).exitCode, 0);
    const jar = join(installation.engine.dir, 'cookies');
    const trusting = ['--cacert', join(installation.engine.dir, 'authority.pem'), '--resolve', `${own}:443:${room.host}`];
    const browser = ['curl', '-sS', '-L', '-b', jar, '-c', jar, ...trusting];
    const visit = async (...words: readonly string[]) =>
      (
        await installation.run('client', [
          ...browser,
          '-H',
          'Accept: text/html',
          '-w',
          String.raw`\n%{http_code} %{url_effective}`,
          ...words,
        ])
      ).stdout;
    const page = await visit(`https://${own}/peer`);
    const [, signIn = ''] = /\n200 (https:\/\/\S+sign-in\?\S+)$/u.exec(page) ?? [];
    assert.match(page, /<form method="post">/u);
    const send = async (password: string) =>
      await visit(
        '-H',
        'Sec-Fetch-Site: same-origin',
        '--data-urlencode',
        'person=jbond007',
        '--data-urlencode',
        `password=${password}`,
        signIn,
      );
    assert.match(await send('not-this'), /\n403 /u);
    assert.match(await send(password), new RegExp(`\n200 https://${own}/peer$`, 'u'));
    assert.match(await visit(`https://${own}/peer`), new RegExp(`\n200 https://${own}/peer$`, 'u'));
    const shared = await installation.ok('share', 'link', String(ids.own), 'usr', '--for', '1h');
    const [, link = '', id = ''] = /^(\S+)\n.*unlink (\S+)"/u.exec(shared) ?? [];
    const stranger = ['curl', '-sS', '-L', '-b', `${jar}-2`, '-c', `${jar}-2`, ...trusting];
    const come = async (url: string) => (await installation.run('client', [...stranger, '-w', String.raw`\n%{http_code}`, url])).stdout;
    assert.match(await come(`https://${own}/peer`), /\n401$/u);
    assert.match(await come(link), /\n(?:200|404)$/u);
    assert.match(await come(`https://${own}/peer`), /\n200$/u);
    await installation.ok('share', 'unlink', id);
    assert.match(await come(`https://${own}/peer`), /\n401$/u);
    await installation.ok('set', String(ids.own), '--port', 'usr=off');
    assert.match(await visit(`https://${own}/peer`), /\n403 /u);
    await installation.ok('set', String(ids.own), '--port', 'usr=default');
  });

  test('a name of the DNS leads to a server once its zone has said so, and is gone with it', async () => {
    const { installation } = room;
    await using names = await makeNameServer(installation);
    const named = async () => await curl('/', '-H', 'Host: own.example.com');
    const waiting = await installation.ok('domain', 'add', String(ids.web), 'own.example.com');
    const [, record = '', text = ''] = /(_myserver-challenge\S+)\.\s+IN TXT\s+"(\S+)"/u.exec(waiting) ?? [];
    assert.notEqual((await installation.myserver(['domain', 'check', 'own.example.com'])).exitCode, 0);
    assert.doesNotMatch((await named()).body, /server-3/u);
    await names.say({ [record]: [text] });
    assert.match(await installation.ok('domain', 'check', 'own.example.com'), /http:\/\/own\.example\.com\/ is server 3/u);
    assert.match((await named()).body, /server-3/u);
    await installation.ok('domain', 'remove', 'own.example.com');
    assert.doesNotMatch((await named()).body, /server-3/u);
  });

  test('info and the plan tell these addresses', async () => {
    assert.match(await room.installation.ok('info', String(ids.web)), new RegExp(`http://${room.host}/www/${ids.web}/`, 'u'));
    assert.match(await room.installation.ok('plan', 'show'), /\/www\/ID\//u);
  });

  test('a server that is not there, and what is no address of servers, is 404 in words', async () => {
    assert.equal((await curl('/www/77/')).status, 404);
    assert.equal((await curl('/etc/passwd')).status, 404);
    assert.equal((await curl('/')).status, 200);
  });

  test('a port that nobody listens at is told of, in JSON for who asks for it', async () => {
    const { status, body } = await curl(`/usr/${ids.web}/`, '-H', 'Accept: application/json');
    assert.equal(status, 502);
    assert.match((JSON.parse(body) as { error: { message: string } }).error.message, /8000/u);
  });

  test('a port made off is neither at its address nor at its port, and comes back', async () => {
    const { installation } = room;
    await installation.ok('set', String(ids.web), '--port', 'www=off');
    await untilStatus(`/www/${ids.web}/`, 403);
    const direct = ['curl', '-sS', '--connect-timeout', '3', `http://${room.host}:${testBases.www + ids.web}/`];
    assert.notEqual((await installation.run('client', direct)).exitCode, 0);
    await installation.ok('set', String(ids.web), '--port', 'www=default');
    await untilStatus(`/www/${ids.web}/`, 200);
  });

  test('a stopped server has a page that says so, and its own again after start', async () => {
    const { installation } = room;
    await installation.ok('stop', String(ids.web));
    const { body } = await untilStatus(`/www/${ids.web}/`, 503);
    assert.match(body, /stopped/u);
    await installation.ok('start', String(ids.web));
    await untilStatus(`/www/${ids.web}/`, 200);
  });

  test('pages go on while control is dead, and a dropped server’s is gone', async () => {
    const { installation } = room;
    await installation.endControl('SIGKILL');
    assert.equal((await curl(`/www/${ids.web}/`)).status, 200);
    await installation.startControl();
    await installation.ok('drop', String(ids.web), '--yes');
    await untilStatus(`/www/${ids.web}/`, 404);
  });

  test('attack: a proxy for the world, a loop back to us, another port: none is reached', async () => {
    const proxy = ['--noproxy', '', '--proxy', `http://${room.host}:80`];
    const through = async (url: string) =>
      (await room.installation.run('client', ['curl', '-sS', '--max-time', '10', ...proxy, url])).stdout;
    const { hostAddress } = room.installation.engine;
    for (const url of ['http://192.0.2.1/', `http://${hostAddress}:9440/`, 'http://127.0.0.1:9440/api/v1/plan'])
      assert.match(await through(url), /<title>(?:myserver|There is nothing here)</u, url);
    // By each name it is a server's page that is public anyway.
    assert.match(await through(`http://anything.example/www/${ids.own}/`), /^GET \/ HTTP/u);
    for (const path of ['/www/4:9000/', '/www/127.0.0.1/', '/www/4@host/']) assert.equal((await curl(path)).status, 404, path);
    assert.match((await curl(`/www/${ids.own}/../../usr/77/`, '--path-as-is')).body, /^GET \/\.\.\/\.\.\/usr\/77\/ HTTP/u);
  });
}
