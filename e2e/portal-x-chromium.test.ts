/** The portal and its terminal in a browser, against the real daemons and real servers. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { BrowserContext, Page } from 'playwright-core';
import { lacksImages } from '../src/testing/test-installation.ts';
import { until } from './bastion-room.ts';
import { lacksChromium } from './chromium.ts';
import { inside, runInside } from './inside.ts';
import { addPerson, type Person } from './person.ts';
import { faultsOf, keepPicture, makePortalRoom, notReachedByTab, type PortalRoom, shownIn } from './portal-room.ts';

const skip = lacksImages === false ? lacksChromium : lacksImages;
const timeout = 90_000;

suite('the portal in Chromium', { skip }, () => {
  let room: PortalRoom;
  let ada: Awaited<ReturnType<PortalRoom['bastion']['person']>>;
  let administrator: Person;
  let context: BrowserContext;
  let page: Page;

  before(
    async () => {
      room = await makePortalRoom();
      ada = await room.bastion.person('ada');
      administrator = await addPerson(room.bastion.installation, 'boss', '--role', 'administrator');
      context = await room.context();
    },
    { timeout },
  );
  after(() => room[Symbol.asyncDispose]());

  const has = async (where: Page, text: string) =>
    await until(`"${text}" in the terminal`, async () => (await shownIn(where)).includes(text));
  const terminalOf = async (who: BrowserContext) => await room.terminal(who, 3);

  test('somebody with nothing but a browser signs in, makes a server and sees it run', { timeout }, async () => {
    page = await room.signedIn(context, 'ada', ada.password);
    await page.locator('h1:has-text("Servers")').waitFor();
    await page.click('button:has-text("New server")');
    await page.fill('input[name=notes]', 'by a browser');
    await page.click('summary:has-text("More")');
    await page.fill('input[name=id]', '3');
    await keepPicture(page, 'create');
    await page.click('button:has-text("Create")');
    await page.locator('dialog >> text=Server 3 is running.').waitFor({ timeout: 60_000 });
    assert.match(await page.locator('dialog .copyable code').innerText(), /^\w{4}-\w{4}/u);
    await page.click('button[aria-label=Close]');
    await page.locator('.card .status.running').waitFor();
    assert.match(await page.locator('.card').innerText(), /by a browser/u);
    await keepPicture(page, 'servers');
  });

  test('what is done elsewhere shows at once, and a stop is undone', { timeout }, async () => {
    await ada.ok('stop', '3');
    await page.locator('.card .status.stopped').waitFor();
    await page.click('button:has-text("Start")');
    await page.locator('.card .status.running').waitFor({ timeout: 30_000 });
    await page.locator('.notices >> text=Undo').click();
    await page.locator('.card .status.stopped').waitFor({ timeout: 30_000 });
    await page.click('button:has-text("Start")');
    await page.locator('.card .status.running').waitFor({ timeout: 30_000 });
  });

  test('every way in is there with this person’s own values', { timeout }, async () => {
    await page.click('.card h2 a');
    const { host } = room.bastion;
    const ways = page.locator('section:has(h2:has-text("Ways in"))');
    await ways.waitFor();
    const text = (await ways.locator('code').allTextContents()).join('\n');
    const { ports } = (
      await ada.json<{ readonly server: { readonly ports: readonly { readonly block: string; readonly publicPort: number }[] } }>(
        'info',
        '3',
      )
    ).server;
    const at = (block: string) => ports.find((port) => port.block === block)?.publicPort ?? 0;
    const [ssh, www] = [at('ssh'), at('www')];
    for (const way of [
      `ssh -p ${ssh} ada@${host}`,
      `ssh 3@${host}`,
      `putty -P ${ssh} ada@${host}`,
      `sftp://ada@${host}:${ssh}/`,
      `http://${host}:${www}/`,
    ])
      assert.ok(text.includes(way), `${way} in\n${text}`);
    await keepPicture(page, 'server');
  });

  test('the terminal: typed and shown, there again after a reload, from a second browser too', { timeout }, async () => {
    await until('SSH of server 3', async () => (await ada.ssh('3', ['true'])).exitCode === 0, 30_000);
    const terminal = await terminalOf(context);
    await has(terminal, '$');
    await terminal.keyboard.type('echo so-$((6*7)); cd /tmp\n');
    await has(terminal, 'so-42');
    await keepPicture(terminal, 'terminal');
    await terminal.reload();
    await has(terminal, 'so-42');
    await terminal.keyboard.type('pwd; tty\n');
    await has(terminal, '/tmp');
    const second = await room.context();
    const other = await room.signedIn(second, 'ada', ada.password, '/ssh/3');
    await other.locator('button:has-text("Take it up")').click();
    await other.locator('.xterm-rows').waitFor();
    await has(other, 'so-42');
    await terminal.locator('text=2 are here').waitFor();
    await other.keyboard.type('echo both-$((1+1))\n');
    await has(terminal, 'both-2');
    await second.close();
    await terminal.keyboard.type('exit\n');
    await terminal.locator('text=The shell has ended.').waitFor();
    await terminal.close();
  });

  test('links: one to watch cannot type, one to type can, and taken back neither is good', { timeout }, async () => {
    const terminal = await terminalOf(context);
    await has(terminal, '$');
    await terminal.click('summary:has-text("Share")');
    const link = async (mode: string) => {
      await terminal.selectOption('.menu[open] select >> nth=0', mode);
      const before = await terminal.locator('.menu[open] .copyable code').allTextContents();
      await terminal.click('button:has-text("Make a link")');
      await until(
        'the link',
        async () => String(await terminal.locator('.menu[open] .copyable code').allTextContents()) !== String(before),
      );
      return await terminal.locator('.menu[open] .copyable code').innerText();
    };
    const stranger = await room.context();
    const [watching, typing] = [await stranger.newPage(), await stranger.newPage()];
    await watching.goto(await link('watch'));
    await watching.locator('text=watching').waitFor();
    await watching.locator('.xterm-screen').click();
    await watching.keyboard.type('touch /tmp/watched\n');
    const toType = await link('type');
    await typing.goto(toType);
    await has(typing, '$');
    await typing.keyboard.type('touch /tmp/typed; echo done-$((2+3))\n');
    await has(watching, 'done-5');
    const { installation } = room.bastion;
    assert.equal(await inside(installation, 3, 'ls /tmp | grep -c -e watched -e typed'), '1\n');
    await terminal.click('button:has-text("Take all back")');
    for (const one of [watching, typing]) await one.locator('text=this link has run out').waitFor();
    const late = await stranger.newPage();
    await late.goto(toType);
    await late.locator('text=This link has run out').waitFor();
    await stranger.close();
    await terminal.click('button:has-text("End this session")');
    await terminal.locator('text=It ended').waitFor();
  });

  test('a terminal is among the live sessions, and ends when somebody signs out everywhere', { timeout }, async () => {
    const terminal = await terminalOf(context);
    await has(terminal, '$');
    await until('a live terminal', async () => (await ada.ok('sessions')).includes('in a browser as ada on server 3'));
    await page.goto(`${room.origin}/#/account`);
    await page.locator('h2:has-text("Live sessions")').waitFor();
    await keepPicture(page, 'account');
    await page.click('button:has-text("Sign out")');
    await page.locator('input[name=person]').waitFor();
    await terminal.locator('input[name=person]').waitFor();
    await until('no live terminal', async () => !(await ada.ok('sessions')).includes('in a browser'));
  });

  test('attack: without a ticket, with a used one, or from another site’s page no terminal opens', { timeout }, async () => {
    const { installation, host } = room.bastion;
    const ask = async (origin: string, first: string) =>
      await installation.run('client', [
        process.execPath,
        '-e',
        `process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
         const { WebSocket } = require(${JSON.stringify(`${process.cwd()}/node_modules/ws`)});
         const socket = new WebSocket('wss://${host}/console/terminal', { origin: ${JSON.stringify(origin)} });
         socket.on('open', () => socket.send(${JSON.stringify(first)}));
         socket.on('message', (data) => console.log(String(data)));
         socket.on('close', (code) => { console.log('closed', code); process.exit(0); });
         socket.on('error', (error) => { console.log(error.message); process.exit(0); });`,
      ]);
    const enter = JSON.stringify({ kind: 'enter', ticket: 'nobody-gave-this', columns: 80, rows: 24 });
    assert.match((await ask(`https://${host}`, enter)).stdout, /"refused".*run out[^]*closed/u);
    for (const origin of ['https://evil.example', `http://${host}`, `https://${host}:9444`, 'null'])
      assert.match((await ask(origin, enter)).stdout, /403/u, origin);
    assert.match((await ask(`https://${host}`, '{"kind":"resize","columns":1e9,"rows":1}')).stdout, /closed 1008/u);
  });

  test(
    'attack: a page that a server publishes, on the same host, gets nothing of who is signed in at the portal',
    { timeout },
    async () => {
      const { installation, host } = room.bastion;
      const script = `
      const tried = {};
      const late = () => new Promise((resolve) => setTimeout(resolve, 3000, 'nothing'));
      const note = async (name, deed) => (tried[name] = await Promise.race([deed(), late()]).then(String, (error) => 'no: ' + error.name));
      await note('api', async () => (await fetch('https://${host}/api/v1/me', { credentials: 'include' })).status);
      await note('blind', async () => (await fetch('https://${host}/api/v1/servers/3/stop', { method: 'POST', mode: 'no-cors', credentials: 'include' })).type);
      await note('storage', async () => localStorage.length + sessionStorage.length + document.cookie);
      await note('socket', () => new Promise((resolve, reject) => {
        const socket = new WebSocket('wss://${host}/console/terminal');
        socket.onopen = () => resolve('open'); socket.onerror = () => reject(new Error('refused')); }));
      await note('frame', () => new Promise((resolve) => {
        const frame = document.createElement('iframe'); frame.src = 'https://${host}/'; document.body.append(frame);
        frame.onload = () => { try { resolve(frame.contentDocument ? frame.contentDocument.body.innerText : 'another origin'); } catch (error) { resolve(error.name); } }; }));
      await note('opened', async () => { const page = open('https://${host}/ssh/3'); await new Promise((done) => setTimeout(done, 1000));
        try { return page === null || page.closed ? 'cut off' : page.document.title; } finally { page?.close(); } });
      document.title = JSON.stringify(tried);`;
      const html = `<!doctype html><body><script type="module">${script}</script>`;
      await inside(installation, 3, 'mkdir -p /srv/pages && cat > /srv/pages/index.html', { input: html });
      await serveInside(installation, 3);
      const victim = await room.context();
      const own = await room.signedIn(victim, 'ada', ada.password);
      await own.locator('.card').waitFor();
      for (const at of [`https://${host}:9444/usr/3/`, `http://${host}/usr/3/`, `http://${host}:28003/`]) {
        const visit = await victim.newPage();
        await visit.goto(at, { waitUntil: 'commit' });
        await until(`an answer at ${at}`, async () => (await visit.title()).startsWith('{'));
        const tried = JSON.parse(await visit.title()) as Record<string, string>;
        assert.match(tried['api'] ?? '', /^no: /u, at);
        assert.equal(tried['storage'], '0', at);
        assert.match(tried['socket'] ?? '', /^no: /u, at);
        assert.notEqual(tried['frame'], 'open', at);
        assert.doesNotMatch(tried['frame'] ?? '', /Servers/u, at);
        assert.match(tried['opened'] ?? '', /^(?:cut off|no: SecurityError)$/u, at);
        await visit.close();
      }
      await own.locator('.card .status.running').waitFor();
      await victim.close();
    },
  );

  test('attack: nobody says by a field of their own where they come from', { timeout }, async () => {
    const { installation, host } = room.bastion;
    const login = JSON.stringify({ person: 'ada', password: 'wrong' });
    const fields = ['X-Myserver-Client', 'X-Forwarded-For', 'X-Real-IP'].flatMap((name) => ['-H', `${name}: 203.0.113.9`]);
    const json = ['-H', 'Content-Type: application/json'];
    await installation.run('client', ['curl', '-sk', ...fields, ...json, '-d', login, `https://${host}/api/v1/tokens`]);
    const lines = await installation.ok('audit', '-f', 'json');
    assert.doesNotMatch(lines, /203\.0\.113\.9/u);
    const foreign = await installation.run('client', [
      'curl',
      '-sk',
      '-H',
      'Origin: https://evil.example',
      `https://${host}/api/v1/health`,
    ]);
    assert.match(foreign.stdout, /pages of other sites/u);
  });

  test('the manager works from any machine by the same address, once its authority is trusted', { timeout }, async () => {
    const { installation, host } = room.bastion;
    const { dir } = installation.engine;
    const authority = join(dir, 'authority.pem');
    const fetched = await installation.run('client', ['curl', '-s', `http://${host}/.well-known/myserver/authority.pem`]);
    await writeFile(authority, fetched.stdout);
    const env = { ...process.env, HOME: join(dir, 'home-elsewhere'), XDG_CONFIG_HOME: '', MYSERVER_URL: '', MYSERVER_USER: '' };
    await mkdir(env.HOME);
    const manager = async (words: readonly string[], input = '') =>
      await installation.run('client', [process.execPath, 'src/cli/main.ts', ...words], { env, input });
    const signIn = await manager(['login', room.origin, '--user', 'ada', '--ca', authority, '--password-stdin'], `${ada.password}\n`);
    assert.equal(signIn.exitCode, 0, signIn.stderr);
    const listed = await manager(['list', '-f', 'json', '--ca', authority]);
    assert.match(listed.stdout, /"id":\s*3/u, listed.stderr);
    env.HOME = join(dir, 'home-of-nobody');
    await mkdir(env.HOME);
    const stranger = await manager(['login', room.origin, '--user', 'ada', '--password-stdin'], `${ada.password}\n`);
    assert.notEqual(stranger.exitCode, 0);
    assert.match(stranger.stderr, /certificate/u, 'whoever does not trust it is told so');
  });

  for (const [width, height] of [
    [1280, 800],
    [360, 740],
  ] as const)
    for (const colorScheme of ['light', 'dark'] as const)
      test(`every page at ${width} px, ${colorScheme}: no fault of axe, nothing beside the screen`, { timeout }, async () => {
        const person = await room.browser.newContext({ viewport: { width, height }, colorScheme });
        const look = async (where: Page, name: string) => {
          await keepPicture(where, `${name}-${width}-${colorScheme}`);
          // Where a dialog is, it alone is reached; a terminal takes Tab for itself.
          if (!['create', 'terminal'].includes(name)) assert.deepEqual(await notReachedByTab(where), [], `${name} by keyboard`);
          assert.deepEqual(await faultsOf(where), [], name);
          assert.ok((await where.evaluate<number>('document.documentElement.scrollWidth')) <= width, `${name} is wider than the screen`);
        };
        const first = await person.newPage();
        await first.goto(room.origin);
        await first.locator('input[name=person]').waitFor();
        await look(first, 'sign-in');
        const own = await room.signedIn(person, 'ada', ada.password);
        await own.locator('.card').waitFor();
        await look(own, 'servers');
        await own.click('button:has-text("New server")');
        await own.click('summary:has-text("More")');
        await look(own, 'create');
        await own.keyboard.press('Escape');
        await own.goto(`${room.origin}/#/servers/3`);
        await own.locator('section:has(h2:has-text("Ways in"))').waitFor();
        await own.evaluate(`for (const details of document.querySelectorAll('details')) details.open = true`);
        await look(own, 'server');
        await own.goto(`${room.origin}/#/account`);
        await own.locator('h2:has-text("What you did")').waitFor();
        await look(own, 'account');
        const terminal = await terminalOf(person);
        await has(terminal, '$');
        await look(terminal, 'terminal');
        const choice = await person.newPage();
        await choice.goto(`${room.origin}/ssh/3`);
        await choice.locator('button:has-text("A new one")').waitFor();
        await look(choice, 'choice');
        await person.close();
        const boss = await room.browser.newContext({ viewport: { width, height }, colorScheme });
        const host = await room.signedIn(boss, 'boss', administrator.password);
        await host.locator('nav >> text=Host').click();
        await host.locator('h2:has-text("Operations")').waitFor();
        await until('what doctor found', async () => (await host.locator('section[aria-label=Findings] p').count()) > 0);
        await look(host, 'host');
        await host.locator('nav >> text=IDs').click();
        await host.locator('a.cell.running').waitFor();
        await look(host, 'ids');
        await host.locator('nav >> text=People').click();
        await host.locator('th:has-text("ada")').waitFor();
        await look(host, 'people');
        await boss.close();
      });

  test('by keyboard alone: signing in, a new server’s form, and back', { timeout }, async () => {
    const person = await room.context();
    const own = await person.newPage();
    await own.goto(room.origin);
    await own.locator('input[name=person]').waitFor();
    await own.keyboard.type('ada');
    await own.keyboard.press('Tab');
    await own.keyboard.type(ada.password);
    await own.keyboard.press('Enter');
    await own.locator('.card').waitFor();
    const focused = async () => await own.evaluate<string>(`document.activeElement?.textContent ?? ''`);
    for (let presses = 0; (await focused()) !== 'New server'; presses += 1) {
      assert.ok(presses < 20, 'the button is reached by Tab');
      await own.keyboard.press('Tab');
    }
    await own.keyboard.press('Enter');
    await own.locator('dialog[open]').waitFor();
    await own.keyboard.press('Escape');
    await own.locator('dialog').waitFor({ state: 'detached' });
    const terminal = await terminalOf(person);
    await has(terminal, '$');
    await terminal.keyboard.type('exit 0');
    await terminal.keyboard.press('Shift+F6');
    assert.equal(await terminal.evaluate<string>(`document.activeElement?.textContent ?? ''`), 'Server 3', 'there is a way out');
    for (let presses = 0; presses < 12; presses += 1) await terminal.keyboard.press('Tab');
    await terminal.locator('.xterm-helper-textarea').focus();
    await terminal.keyboard.press('Enter');
    await terminal.locator('text=The shell has ended.').waitFor();
    await person.close();
  });
});

/** The image's own perl serves one page at port 8000. */
async function serveInside(installation: PortalRoom['bastion']['installation'], id: number): Promise<void> {
  const program = String.raw`
use strict; use IO::Socket::INET;
my $door = IO::Socket::INET->new(LocalPort => 8000, Listen => 64, ReuseAddr => 1) or die "listen: $!";
open(my $file, '<', '/srv/pages/index.html'); my $page = join('', <$file>);
$SIG{CHLD} = 'IGNORE';
while (my $line = $door->accept) {
  next if fork;
  while (defined(my $header = <$line>)) { last if $header =~ /^\r?\n$/ }
  print $line "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: " . length($page) . "\r\n\r\n$page";
  exit;
}`;
  await inside(installation, id, 'cat > /srv/serve.pl', { input: program });
  await runInside(installation, id, 8000, ['perl', '/srv/serve.pl']);
}
