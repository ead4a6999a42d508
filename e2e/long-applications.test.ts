/** Applications that know nothing of a prefix, unchanged, below `/usr/ID/` and `/www/ID/` in a browser. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { lacksImages } from '../src/testing/test-installation.ts';
import { type ApplicationRoom, makeApplicationRoom, soonIs } from './application-room.ts';
import { lacksChromium } from './chromium.ts';
import { lacksHaproxy } from './haproxy-room.ts';
import { inside } from './inside.ts';

const isLong = process.env['MYSERVER_TEST_LONG'] === '1';
const skip = isLong
  ? lacksImages !== false
    ? lacksImages
    : lacksChromium !== false
      ? lacksChromium
      : lacksHaproxy
  : 'takes minutes: set MYSERVER_TEST_LONG=1';
const timeout = 300_000;

const ids = { flask: 3, express: 4, php: 5, vite: 6, jupyter: 7, ide: 8 } as const;

const flaskProgram = `
from flask import Flask, redirect, render_template_string, request, session, url_for
app = Flask(__name__, static_folder='static')
app.secret_key = 'of this test alone'
page = '''<!doctype html><link rel=stylesheet href="{{ url_for('static', filename='style.css') }}"><script src="/static/script.js" defer></script>
<h1>{{ name }}</h1><img src="/static/dot.png"><form method=post action="/enter"><input name=name><button>Enter</button></form><a href="{{ url_for('leave') }}">Leave</a>'''
@app.get('/')
def home(): return render_template_string(page, name=session.get('name', 'nobody'))
@app.post('/enter')
def enter():
    session['name'] = request.form['name']
    return redirect(url_for('home'))
@app.get('/leave')
def leave():
    session.clear()
    return redirect('/')
@app.get('/api/name')
def name(): return {'name': session.get('name')}
app.run(host='0.0.0.0', port=8000)
`;

const expressProgram = `
const express = require('express');
const session = require('express-session');
const app = express();
app.use(session({ secret: 'of this test alone', resave: false, saveUninitialized: false }));
app.use(express.urlencoded({ extended: false }));
app.use('/public', express.static('public'));
app.get('/', (request, response) => response.redirect('/count'));
app.get('/count', (request, response) => {
  request.session.count = (request.session.count ?? 0) + 1;
  response.send('<!doctype html><link rel="stylesheet" href="/public/style.css"><h1>' + request.session.count + '</h1><form action="/reset" method="post"><button>Reset</button></form>');
});
app.post('/reset', (request, response) => request.session.destroy(() => response.redirect(303, '/count')));
app.listen(8000, '0.0.0.0');
`;

const style = 'h1 { color: rgb(1, 2, 3) }';
const colorOf = `getComputedStyle(document.querySelector('h1')).color`;

/** Browsers ask for it by themselves. */
const butIcons = (failures: readonly string[]) => failures.filter((text) => !text.endsWith('/favicon.ico'));

suite('applications below a prefix', { skip }, () => {
  let room: ApplicationRoom;
  before(async () => void (room = await makeApplicationRoom(Object.values(ids))), { timeout });
  after(() => room[Symbol.asyncDispose]());

  test('Flask: pages with their assets, a form, a session and redirects', { timeout }, async () => {
    await room.debian(ids.flask, ['python3-flask']);
    const { installation } = room.bastion;
    await inside(installation, ids.flask, `mkdir -p /opt/app/static && cd /opt/app && cat > app.py`, { input: flaskProgram });
    await inside(
      installation,
      ids.flask,
      `cd /opt/app/static && echo '${style}' > style.css && echo 'document.title = "ran"' > script.js && echo iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg== | base64 -d > dot.png`,
    );
    await room.serve(ids.flask, 8000, 'exec python3 app.py');
    await using visit = await room.visit(`/usr/${ids.flask}/`);
    const { page } = visit;
    assert.equal(await page.innerText('h1'), 'nobody');
    assert.equal(await page.evaluate(colorOf), 'rgb(1, 2, 3)');
    assert.equal(await page.title(), 'ran');
    assert.equal(await page.evaluate(`document.querySelector('img').naturalWidth`), 1);
    await page.fill('input', 'ada');
    await page.click('button');
    await page.waitForURL(`**/usr/${ids.flask}/`);
    assert.equal(await page.innerText('h1'), 'ada');
    assert.equal(await page.evaluate(`fetch('/api/name').then((answer) => answer.json()).then(({ name }) => name)`), 'ada');
    await page.click('a');
    assert.equal(await page.innerText('h1'), 'nobody');
    assert.deepEqual(butIcons(visit.failures), []);
  });

  test('Express with sessions: redirects, cookies and static files', { timeout }, async () => {
    await room.npm(ids.express, ['express', 'express-session'], { 'app.cjs': expressProgram, 'public/style.css': style });
    await room.serve(ids.express, 8000, 'exec ./node app.cjs');
    await using visit = await room.visit(`/usr/${ids.express}/`);
    const { page } = visit;
    assert.match(page.url(), new RegExp(`/usr/${ids.express}/count$`, 'u'));
    assert.equal(await page.evaluate(colorOf), 'rgb(1, 2, 3)');
    await page.reload();
    assert.equal(await page.innerText('h1'), '2');
    await page.click('button');
    await page.waitForURL(`**/usr/${ids.express}/count`);
    assert.equal(await page.innerText('h1'), '1');
    assert.deepEqual(butIcons(visit.failures), []);
  });

  test('Vite: modules load, and a change of a file reaches the browser by its WebSocket', { timeout }, async () => {
    const files = {
      'index.html': '<!doctype html><h1>waiting</h1><script type="module" src="/main.js"></script>',
      'main.js': `import { text } from './text.js';\nimport './style.css';\nconst show = (now) => (document.querySelector('h1').textContent = now);\nshow(text);\nif (import.meta.hot) import.meta.hot.accept('./text.js', (next) => show(next.text));\n`,
      'text.js': `export const text = 'first';\n`,
      'style.css': style,
      'vite.config.js': `export default { server: { allowedHosts: true } };\n`,
    };
    await room.npm(ids.vite, ['vite'], files);
    await room.serve(ids.vite, 8000, 'PATH=/opt/app:$PATH exec ./node node_modules/vite/bin/vite.js --host 0.0.0.0 --port 8000');
    await using visit = await room.visit(`/usr/${ids.vite}/`);
    const { page } = visit;
    await soonIs(
      async () => await page.innerText('h1'),
      (text) => text === 'first',
    );
    assert.equal(await page.evaluate(colorOf), 'rgb(1, 2, 3)');
    await page.evaluate('window.stayed = true');
    await inside(room.bastion.installation, ids.vite, `echo "export const text = 'second';" > /opt/app/text.js`);
    await soonIs(
      async () => await page.innerText('h1'),
      (text) => text === 'second',
    );
    assert.equal(await page.evaluate('window.stayed'), true, 'the page was not loaded anew');
    assert.deepEqual(butIcons(visit.failures), []);
  });

  test('DokuWiki on Apache, as Debian has it: a page with all its assets, and signing in', { timeout }, async () => {
    const { installation } = room.bastion;
    const settings = [
      'dokuwiki dokuwiki/system/accessible select global',
      'dokuwiki dokuwiki/wiki/acl boolean true',
      'dokuwiki dokuwiki/wiki/superuser string ada',
      'dokuwiki dokuwiki/wiki/password password ada-s-own',
      'dokuwiki dokuwiki/wiki/confirm password ada-s-own',
    ];
    await inside(installation, ids.php, `debconf-set-selections`, { input: `${settings.join('\n')}\n` });
    await room.debian(ids.php, ['dokuwiki', 'apache2', 'libapache2-mod-php', 'php-xml']);
    await using visit = await room.visit(`/www/${ids.php}/dokuwiki/`);
    const { page } = visit;
    assert.match(await page.title(), /start/u);
    await page.click('text=Log In');
    await page.fill('input[name=u]', 'ada');
    await page.fill('input[name=p]', 'ada-s-own');
    await page.click('form#dw__login button[type=submit]');
    await soonIs(
      async () => await page.innerText('body'),
      (text) => text.includes('Logged in as'),
    );
    assert.match(page.url(), new RegExp(`/www/${ids.php}/dokuwiki/`, 'u'));
    assert.deepEqual(visit.failures, []);
  });

  test('Jupyter: its notebook runs a kernel, which answers by WebSocket', { timeout }, async () => {
    await room.debian(ids.jupyter, ['jupyter-notebook', 'python3-ipykernel']);
    await room.serve(
      ids.jupyter,
      8000,
      'exec jupyter notebook --allow-root --no-browser --ip=0.0.0.0 --port=8000 --NotebookApp.token=of-this-test',
    );
    await using visit = await room.visit(`/usr/${ids.jupyter}/tree?token=of-this-test`);
    const { page } = visit;
    await page.click('#new-buttons button');
    const [notebook] = await Promise.all([page.context().waitForEvent('page'), page.click('#kernel-python3 a')]);
    await notebook.waitForFunction(`window.Jupyter?.notebook?.kernel?.is_connected()`);
    await notebook.evaluate(`Jupyter.notebook.get_cell(0).set_text('6 * 7'); Jupyter.notebook.execute_cell_and_select_below();`);
    await soonIs(
      async () => await notebook.locator('.output_result').allInnerTexts(),
      (texts) => texts.some((text) => text.includes('42')),
    );
    assert.deepEqual(visit.failures, []);
  });

  test('code-server: a terminal in the browser writes a file, and the editor shows it', { timeout: 600_000 }, async () => {
    const { installation } = room.bastion;
    await room.npm(ids.ide, ['code-server'], {});
    const program = './node node_modules/code-server/out/node/entry.js';
    await room.serve(
      ids.ide,
      8000,
      `mkdir /opt/work; SHELL=/bin/bash PATH=/opt/app:$PATH exec ${program} --auth none --disable-workspace-trust --bind-addr 0.0.0.0:8000 /opt/work`,
    );
    await using visit = await room.visit(`/usr/${ids.ide}/`);
    const { page } = visit;
    await page.locator('.monaco-workbench .explorer-folders-view').waitFor({ timeout: 60_000 });
    const terminals = page.locator('textarea.xterm-helper-textarea');
    await soonIs(
      async () => {
        await page.keyboard.press('Control+Shift+Backquote');
        await page.waitForTimeout(5000);
        return await terminals.count();
      },
      (count) => count > 0,
      10,
    );
    await page.locator('.xterm-screen:visible').click();
    await page.keyboard.type('echo $((6 * 7)) > answer.txt\n', { delay: 20 });
    await soonIs(
      async () => await inside(installation, ids.ide, 'cat /opt/work/answer.txt 2>&1 || true'),
      (text) => text.trim() === '42',
    );
    await page.locator('.explorer-folders-view >> text=answer.txt').dblclick();
    await soonIs(
      async () => await page.locator('.editor-instance .view-line').allInnerTexts(),
      (lines) => lines[0] === '42',
    );
    // Its proprietary module is not there by itself either, and its gallery is on another host.
    const others = butIcons(visit.failures).filter((text) => text.includes('pages.example/') && !text.includes('/vsda/'));
    assert.deepEqual(others, []);
  });
});
