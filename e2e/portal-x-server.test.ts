/** What one does at a server in a browser: its files, its terminal on a network that comes and goes, and without an account. Through HAProxy. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BrowserContext, Download, Page } from 'playwright-core';
import { lacksImages } from '../src/testing/test-installation.ts';
import { until } from './bastion-room.ts';
import { lacksChromium } from './chromium.ts';
import { lacksHaproxy } from './haproxy-room.ts';
import { inside } from './inside.ts';
import { addPerson } from './person.ts';
import { faultsOf, keepPicture, makePortalRoom, notReachedByTab, type PortalRoom, shownIn } from './portal-room.ts';

const skip = [lacksImages, lacksChromium, lacksHaproxy].find((lack) => lack !== false) ?? false;
const timeout = 90_000;
const hash = (data: Buffer) => createHash('sha256').update(data).digest('hex');

suite('a server in Chromium', { skip }, () => {
  let room: PortalRoom;
  let context: BrowserContext;
  let page: Page;
  /** Of ada, in server 3. */
  const home = '/home/ada';
  const at = async (command: string, input?: string) =>
    await inside(room.bastion.installation, 3, command, input === undefined ? {} : { input });
  const saved = async (download: Download) => await readFile(await download.path());
  const row = (name: string) =>
    page.locator('.entries li').filter({ has: page.locator('.name', { hasText: new RegExp(`^${name}$`, 'u') }) });
  const has = async (where: Page, text: string) =>
    await until(`"${text}" in the terminal`, async () => (await shownIn(where)).includes(text));

  before(
    async () => {
      room = await makePortalRoom('haproxy');
      const ada = await room.bastion.person('ada');
      await ada.ok('create', '3');
      await until('SSH of server 3', async () => (await ada.ssh('3', ['true'])).exitCode === 0, 30_000);
      context = await room.context();
      page = await room.signedIn(context, 'ada', ada.password);
      await page.locator('.card').waitFor();
    },
    { timeout },
  );
  after(() => room[Symbol.asyncDispose]());

  test('files are uploaded and downloaded without a byte’s difference, whichever worker the requests come to', { timeout }, async () => {
    await page.click('.card >> text=Files');
    await page.locator('.crumbs >> text=ada').waitFor();
    const content = randomBytes(20_000_000);
    const local = join(room.bastion.installation.engine.dir, 'a big one.bin');
    await writeFile(local, content);
    for (const name of ['first.bin', 'second.bin', 'third.bin']) {
      await page.setInputFiles('input[type=file]', { name, mimeType: 'x/y', buffer: content.subarray(0, 1000) });
      await row(name).waitFor();
    }
    await page.setInputFiles('input[type=file]', local);
    await row('a big one.bin').waitFor();
    assert.match(
      await at(`sha256sum '${home}/a big one.bin'; stat -c %U '${home}/a big one.bin'`),
      new RegExp(`^${hash(content)} .*\nada\n`, 'u'),
    );
    const [download] = await Promise.all([page.waitForEvent('download'), row('a big one.bin').locator('text=Download').click()]);
    assert.equal(download.suggestedFilename(), 'a big one.bin');
    assert.equal(hash(await saved(download)), hash(content));
    assert.match(page.url(), /#\/servers\/3\/files$/u, 'the page stays where it is');
  });

  test('what is there already is replaced when the person says so, and not before', { timeout }, async () => {
    await page.setInputFiles('input[type=file]', { name: 'first.bin', mimeType: 'x/y', buffer: Buffer.from('another') });
    await page.locator('.uploads >> text=is there already').waitFor();
    assert.equal((await at(`stat -c %s ${home}/first.bin`)).trim(), '1000');
    await page.click('.uploads >> text=Replace it');
    await until('it replaced', async () => (await at(`cat ${home}/first.bin | head -c 20`)) === 'another');
  });

  test('folders: made, entered, left by the way above, renamed, and removed with all that is in them', { timeout }, async () => {
    await page.click('button:has-text("New folder")');
    await page.fill('.files input[name=name]', 'work');
    await page.keyboard.press('Enter');
    await row('work').waitFor();
    await row('work').locator('.name a').click();
    await page.locator('text=Nothing is in this folder').waitFor();
    await page.setInputFiles('input[type=file]', { name: 'inside.txt', mimeType: 'x/y', buffer: Buffer.from('deep') });
    await row('inside.txt').waitFor();
    await page.click('.crumbs >> text=ada');
    await row('work').locator('text=Rename').click();
    await page.fill('.entries input[name=name]', 'done');
    await page.keyboard.press('Enter');
    await row('done').waitFor();
    const [download] = await Promise.all([page.waitForEvent('download'), row('done').locator('text=Download').click()]);
    assert.equal(download.suggestedFilename(), 'done.tar.gz');
    await row('done').locator('button:has-text("Remove")').click();
    await page.click('button:has-text("Remove done")');
    await row('done').waitFor({ state: 'detached' });
    assert.doesNotMatch(await at(`ls ${home}`), /done|work/u);
    await page.goBack();
    await page.locator('[role=alert]:has-text("there is no such file or folder")').waitFor();
    await page.goto(`${room.origin}/#/servers/3/files`);
    await row('first.bin').waitFor();
  });

  test('a text is edited where it is; changed meanwhile by somebody else, nothing of theirs is lost unasked', { timeout }, async () => {
    await at(`cat > ${home}/note.html && chown ada: ${home}/note.html`, '<script>document.title = "ran"</script>\nold\n');
    await page.reload();
    await row('note.html').locator('text=Edit').click();
    const area = page.locator('textarea[name=text]');
    await area.waitFor();
    await keepPicture(page, 'editor');
    await area.fill('new\n');
    await page.click('dialog button:has-text("Save")');
    await page.locator('dialog >> text=Saved.').waitFor();
    assert.equal(await at(`cat ${home}/note.html`), 'new\n');
    await at(`echo theirs >> ${home}/note.html`);
    await area.fill('newer\n');
    await page.click('dialog button:has-text("Save")');
    await page.locator('dialog >> text=has been changed meanwhile').waitFor();
    assert.equal(await at(`cat ${home}/note.html`), 'new\ntheirs\n');
    const asked: string[] = [];
    page.once('dialog', (question) => {
      asked.push(question.message());
      void question.dismiss();
    });
    await page.keyboard.press('Escape');
    assert.match(asked.join(''), /is not saved/u);
    assert.equal(await area.inputValue(), 'newer\n');
    page.once('dialog', (leaving) => void leaving.accept());
    await page.click('button[aria-label=Close]');
    await row('first.bin').locator('text=Edit').click();
    await page.locator('textarea[name=text]').waitFor();
    await page.keyboard.press('Escape');
    await row('a big one.bin').locator('text=Edit').click();
    await page.locator('dialog >> text=longer than 1 MB').waitFor();
    await page.keyboard.press('Escape');
  });

  test('the page and its dialogs have no fault of axe, and fit a telephone', { timeout }, async () => {
    for (const [width, colorScheme] of [
      [1280, 'light'],
      [360, 'dark'],
    ] as const) {
      await page.setViewportSize({ width, height: 740 });
      await page.emulateMedia({ colorScheme });
      await row('note.html').locator('text=Rename').click();
      await row('first.bin').locator('button:has-text("Remove")').click();
      await page.click('button:has-text("New folder")');
      await keepPicture(page, `files-${width}-${colorScheme}`);
      assert.deepEqual(await faultsOf(page), []);
      assert.deepEqual(await notReachedByTab(page), []);
      assert.ok((await page.evaluate<number>('document.documentElement.scrollWidth')) <= width, `wider than ${width} px`);
      await page.reload();
      await row('note.html').locator('text=Edit').click();
      await page.locator('textarea[name=text]').waitFor();
      await keepPicture(page, `editor-${width}-${colorScheme}`);
      assert.deepEqual(await faultsOf(page), []);
      await page.keyboard.press('Escape');
    }
    await page.setViewportSize({ width: 1280, height: 800 });
  });

  test('settings, sharing and a table: changed in the browser, true for the manager', { timeout }, async () => {
    const { installation } = room.bastion;
    await addPerson(installation, 'grace');
    await page.goto(`${room.origin}/#/servers/3`);
    await page.click('summary:has-text("Settings")');
    await page.fill('input[name=notes]', 'for the thesis');
    await page.fill('input[name=name]', 'thesis');
    await page.selectOption('select[name=port-usr]', 'off');
    await page.click('details:has(input[name=notes]) button:has-text("Save")');
    await page.locator('h1:has-text("thesis")').waitFor();
    const { server } = JSON.parse(await installation.ok('info', '3', '-f', 'json')) as {
      readonly server: Readonly<Record<string, unknown>>;
    };
    assert.deepEqual([server['notes'], server['name']], ['for the thesis', 'thesis']);
    assert.equal((server['policies'] as Readonly<Record<string, string>>)['usr'], 'off');
    await page.click('summary:has-text("Sharing")');
    await page.fill('input[name=subject]', 'grace');
    await page.fill('input[name=days]', '2');
    await page.click('button:has-text("Share")');
    await page.locator('text=grace may log in to it, until').waitFor();
    assert.deepEqual(await faultsOf(page), []);
    await keepPicture(page, 'settings');
    await page.click('button[aria-label="Take back from grace"]');
    await page.locator('text=It is shared with nobody.').waitFor();
    await page.goto(`${room.origin}/#/servers`);
    await page.click('button:has-text("As a table")');
    await page.locator('td:has-text("for the thesis")').waitFor();
    assert.deepEqual(await faultsOf(page), []);
    await page.click('button:has-text("As cards")');
    await page.locator('.card').waitFor();
  });

  test('a terminal inside the portal’s own page', { timeout }, async () => {
    await page.goto(`${room.origin}/#/servers/3`);
    await page.click('button:has-text("Terminal on this page")');
    const inner = page.frameLocator('iframe');
    await inner.locator('.xterm-rows').waitFor();
    await until('a prompt', async () => (await inner.locator('.xterm-rows').innerText()).includes('$'));
    await inner.locator('.xterm-screen').click();
    await page.keyboard.type('echo in-the-$((1+1))-page; exit\n');
    await inner.locator('text=The shell has ended.').waitFor();
    await page.click('button:has-text("Put the terminal away")');
  });

  test('administrators add people, change what they may, and are told their password once', { timeout }, async () => {
    const { installation } = room.bastion;
    const boss = await addPerson(installation, 'boss', '--role', 'administrator');
    const own = await room.context();
    const host = await room.signedIn(own, 'boss', boss.password);
    await host.locator('nav >> text=People').click();
    await host.click('button:has-text("New person")');
    await host.fill('dialog input[name=name]', 'linus');
    await host.fill('dialog input[name=memory]', '2');
    assert.deepEqual(await faultsOf(host), []);
    await host.click('dialog button:has-text("Add")');
    const password = await host.locator('dialog .copyable code').innerText();
    assert.match(password, /^\w{4}-\w{4}/u);
    await host.click('button[aria-label=Close]');
    await host.click('button[aria-label="Change linus"]');
    await host.check('dialog input[name=disabled]');
    await host.click('dialog button:has-text("Save")');
    await host.locator('th:has-text("linus (disabled)")').waitFor();
    assert.match(await host.locator('tr:has(th:has-text("linus"))').innerText(), /of 2 GB/u);
    await host.locator('nav >> text=Host').click();
    await host.locator('h2:has-text("Images")').waitFor();
    await own.close();
  });

  test('what the server uses is drawn as it comes, and a day of it on demand', { timeout }, async () => {
    await page.goto(`${room.origin}/#/servers/3`);
    const plot = (title: string) => page.locator(`.plot:has(strong:text-is("${title}"))`);
    await plot('Memory').waitFor();
    await until('two looks at the CPU', async () => /%/u.test(await plot('CPU').locator('figcaption').innerText()));
    assert.match(await plot('Memory').locator('figcaption').innerText(), /Memory \d+ MB/u);
    await keepPicture(page, 'usage');
    await page.click('button:has-text("A day")');
    assert.deepEqual(await faultsOf(page), []);
    await page.goto(`${room.origin}/#/servers/3/files`);
    await row('first.bin').waitFor();
  });

  test('attack: a page in a file is saved and never shown, and names are text', { timeout }, async () => {
    await at(`touch '${home}/<img src=x onerror=alert(1)>'; echo '<script>alert(1)</script>' > ${home}/evil.html; chown -R ada: ${home}`);
    const dialogs: string[] = [];
    page.on('dialog', (dialog) => {
      dialogs.push(dialog.message());
      void dialog.dismiss();
    });
    await page.reload();
    const [download] = await Promise.all([page.waitForEvent('download'), row('evil.html').locator('text=Download').click()]);
    assert.equal(download.suggestedFilename(), 'evil.html');
    const answer = await page.evaluate(
      `fetch(${JSON.stringify(download.url())}).then(async (answer) => [answer.status, await answer.text()])`,
    );
    assert.equal((answer as readonly [number, string])[0], 404, 'an address is good once');
    assert.deepEqual(dialogs, []);
  });

  test('another user’s files are theirs: their password is asked for', { timeout }, async () => {
    await at('chpasswd', 'root:for the test\n');
    await at('echo secret > /root/only-root');
    await page.goto(`${room.origin}/#/servers/3/files?path=/root`);
    await page.locator('[role=alert]:has-text("does not allow")').waitFor();
    await at('useradd --create-home --shell /bin/bash grace && chpasswd', 'grace:for the test\n');
    await page.click('summary:has-text("as ada")');
    await page.fill('input[name=user]', 'grace');
    await page.click('button:has-text("Go on")');
    await page.fill('input[name=answer]', 'wrong');
    await page.keyboard.press('Enter');
    await page.locator('input[name=answer]').waitFor();
    await page.fill('input[name=answer]', 'for the test');
    await page.keyboard.press('Enter');
    await page.locator('.crumbs >> text=grace').waitFor();
  });

  test(
    'in the terminal: dropped files go where its shell is, and what "download" offers is saved when the person agrees',
    { timeout },
    async () => {
      const terminal = await context.newPage();
      await terminal.goto(`${room.origin}/ssh/3`);
      await has(terminal, '$');
      await terminal.keyboard.type('mkdir -p /tmp/dropped && cd /tmp/dropped && echo in-$((1+1))\n');
      await has(terminal, 'in-2');
      const dropped = await terminal.evaluateHandle(`(() => {
      const data = new DataTransfer();
      data.items.add(new File(['from elsewhere'], 'dropped.txt'));
      return data;
    })()`);
      await terminal.dispatchEvent('.terminal-place', 'drop', { dataTransfer: dropped });
      await terminal.locator('.uploads').getByText('/tmp/dropped/dropped.txt').waitFor();
      await until('the file', async () => (await at('cat /tmp/dropped/dropped.txt 2>&1 || true')) === 'from elsewhere');
      await terminal.locator('.xterm-screen').click();
      await terminal.keyboard.type('download dropped.txt\n');
      await terminal.locator('text=The server offers /tmp/dropped/dropped.txt.').waitFor();
      await keepPicture(terminal, 'terminal-offer');
      const [download] = await Promise.all([terminal.waitForEvent('download'), terminal.click('button:has-text("Download it")')]);
      assert.equal(String(await saved(download)), 'from elsewhere');
      await terminal.click('summary:has-text("Files")');
      await terminal.fill('input[name=path]', 'dropped.txt');
      const [again] = await Promise.all([terminal.waitForEvent('download'), terminal.click('.menu button:has-text("Download")')]);
      assert.equal(String(await saved(again)), 'from elsewhere');
      await terminal.reload();
      await has(terminal, 'offered to your browser');
      assert.equal(await terminal.locator('text=The server offers').count(), 0, 'what is shown again offers nothing again');
      await terminal.close();
    },
  );

  test('a lost network: the terminal goes on meanwhile, and the page finds it again by itself', { timeout }, async () => {
    const { installation } = room.bastion;
    const nft = async (text: string) => assert.equal((await installation.run('client', ['nft', text])).exitCode, 0, text);
    const terminal = await room.terminal(context, 3);
    await has(terminal, '$');
    await terminal.keyboard.type('for i in 1 2 3 4 5 6 7 8; do echo line-$i; sleep 1; done\n');
    await has(terminal, 'line-2');
    await nft(
      'add table ip lost; add chain ip lost out { type filter hook output priority 0; }; add rule ip lost out tcp dport 443 reject with tcp reset',
    );
    try {
      await terminal.keyboard.type('x');
      await terminal.locator('text=The connection is lost').waitFor();
      await sleep(3000);
    } finally {
      await nft('delete table ip lost');
    }
    await terminal.locator('text=The connection is lost').waitFor({ state: 'detached' });
    await has(terminal, 'line-8');
    const lines = (await shownIn(terminal)).match(/line-\d/gu);
    assert.deepEqual(
      lines,
      [1, 2, 3, 4, 5, 6, 7, 8].map((each) => `line-${each}`),
      'each once',
    );
    await terminal.keyboard.press('Control+c');
    await terminal.keyboard.type('exit\n');
    await terminal.locator('text=The shell has ended, with the code 130.').waitFor();
    await terminal.close();
  });

  test('without an account: a user of the server and their password, and no more than at its SSH port', { timeout }, async () => {
    const { installation } = room.bastion;
    await at('chpasswd', 'grace:for the test\n');
    const stranger = await room.context();
    const visit = await stranger.newPage();
    await visit.goto(`${room.origin}/ssh/3`);
    await visit.click('summary:has-text("Without an account")');
    assert.deepEqual(await faultsOf(visit), []);
    await visit.fill('input[name=user]', 'grace');
    await visit.click('button:has-text("Go on")');
    const answer = async (text: string) => {
      await visit.fill('input[name=answer]', text);
      await visit.keyboard.press('Enter');
    };
    await answer('a guess');
    await visit.locator('input[name=answer]:not([value])').waitFor();
    await answer('for the test');
    await has(visit, 'grace@server-3');
    await visit.keyboard.type('echo by-$(id -un)\n');
    await has(visit, 'by-grace');
    await keepPicture(visit, 'terminal-without-account');
    await visit.reload();
    await has(visit, 'by-grace');
    assert.match(await installation.ok('sessions'), /in a browser as grace on server 3/u);
    const audit = await installation.ok('audit', '-f', 'json');
    assert.match(audit, /a wrong password of grace/u);
    assert.match(audit, /as grace, by that user's own password/u);
    await installation.ok('set', '3', '--port', 'ssh=off');
    await visit.locator('text=not open to everybody any more').waitFor();
    await visit.click('button:has-text("New session")');
    await visit.locator('text=is not there, or not open to everybody').waitFor();
    await installation.ok('set', '3', '--port', 'ssh=default');
    await stranger.close();
  });
});
