/** An installation with its portal, and Chromium on the machine outside. */
import axe from 'axe-core';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import type { TestInstallation } from '../src/testing/test-installation.ts';
import { type BastionRoom, makeBastionRoom } from './bastion-room.ts';
import { launchChromium } from './chromium.ts';

export interface PortalRoom extends AsyncDisposable {
  readonly bastion: BastionRoom;
  readonly browser: Browser;
  /** `https://host`. */
  readonly origin: string;
  /** A browser of its own, without anything in it. */
  context(): Promise<BrowserContext>;
  /** The portal in it, signed in. */
  signedIn(context: BrowserContext, person: string, password: string, path?: string): Promise<Page>;
  /** A new terminal of that server, whatever others there are. */
  terminal(context: BrowserContext, id: number): Promise<Page>;
}

/** Chromium, run in the network of the machine outside. */
export async function chromiumOutside({ engine }: TestInstallation): Promise<string> {
  const program = join(engine.dir, 'chromium');
  await writeFile(program, `#!/bin/sh\nexec ${engine.enterClient.map((word) => `'${word}'`).join(' ')} /usr/bin/chromium "$@"\n`);
  await chmod(program, 0o755);
  return program;
}

/** `edge`: what stands before the gateway; the installation's own where nothing is said. */
export async function makePortalRoom(edge: 'haproxy' | 'embedded' = 'embedded'): Promise<PortalRoom> {
  await using undo = new AsyncDisposableStack();
  const gateway = { user: 'nobody', workers: 2, host: '0.0.0.0' };
  const front =
    edge === 'haproxy' ? { isInside: true, config: { gateway, web: { edge, port: 80, httpsPort: 443 } } } : { config: { gateway } };
  const bastion = undo.use(await makeBastionRoom(front));
  const browser = await launchChromium({}, await chromiumOutside(bastion.installation));
  undo.defer(async () => await browser.close());
  const origin = `https://${bastion.host}`;
  const kept = undo.move();
  return {
    bastion,
    browser,
    origin,
    context: async () => await browser.newContext({ viewport: { width: 1280, height: 800 } }),
    async signedIn(context, person, password, path = '/') {
      const page = await context.newPage();
      await page.goto(`${origin}${path}`);
      await page.fill('input[name=person]', person);
      await page.fill('input[name=password]', password);
      await page.click('button:has-text("Sign in")');
      return page;
    },
    async terminal(context, id) {
      const opened = await context.newPage();
      await opened.goto(`${origin}/ssh/${id}`);
      const another = opened.locator('button:has-text("A new one")');
      await opened.locator('.xterm-rows').or(another).waitFor();
      if (await another.isVisible()) await another.click();
      await opened.locator('.xterm-rows').waitFor();
      return opened;
    },
    [Symbol.asyncDispose]: async () => await kept.disposeAsync(),
  };
}

/** What the terminal of a page shows, as text. */
export async function shownIn(page: Page): Promise<string> {
  return (await page.locator('.xterm-rows > div').allInnerTexts()).join('\n').replaceAll('\u{A0}', ' ');
}

/** What axe-core finds on the page. */
export async function faultsOf(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe.source);
  return await page.evaluate<string[]>(`axe.run(document).then(({ violations }) =>
    violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => id + ': ' + html.slice(0, 200) + ' ' + failureSummary)))`);
}

/** What can be used on the page and that Tab alone does not come to. */
export async function notReachedByTab(page: Page): Promise<readonly string[]> {
  const count = await page.evaluate<number>(`(() => {
    window.reached = new Set();
    document.addEventListener('focusin', ({ target }) => window.reached.add(target));
    window.usable = [...document.querySelectorAll('a[href], button:enabled, input:enabled, select:enabled, textarea:enabled, summary, [tabindex="0"]')]
      .filter((one) => one.checkVisibility());
    document.activeElement?.blur();
    window.getSelection()?.removeAllRanges();
    return window.usable.length;
  })()`);
  // Where it begins is the browser's choice: once round from anywhere is twice as far at most, and the page may grow meanwhile.
  const left = async () =>
    await page.evaluate<string[]>(
      `window.usable.filter((one) => one.isConnected && !window.reached.has(one)).map(({ outerHTML }) => outerHTML.slice(0, 200))`,
    );
  for (let rounds = 0; rounds < 3 && (await left()).length > 0; rounds += 1)
    for (let presses = 0; presses < count + 10; presses += 1) await page.keyboard.press('Tab');
  return await left();
}

const artefacts = process.env['MYSERVER_TEST_ARTEFACTS'];

/** Kept where somebody wants to look at them. */
export async function keepPicture(page: Page, name: string): Promise<void> {
  if (artefacts === undefined) return;
  await mkdir(artefacts, { recursive: true });
  await page.screenshot({ path: join(artefacts, `${name}.png`) });
}
