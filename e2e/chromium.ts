/** Chromium without a window, as visitors have it: Debian's, driven through playwright-core. */
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const program = '/usr/bin/chromium';

export const lacksChromium = existsSync(program) ? false : 'needs Chromium (the package chromium)';

/** `leads`: `NAME` or `*:PORT` to `ADDRESS:PORT`, in place of the DNS. Certificates are taken as they are. */
export async function launchChromium(leads: Readonly<Record<string, string>>, executablePath = program): Promise<Browser> {
  const rules = Object.entries(leads).map(([from, to]) => `MAP ${from} ${to}`);
  return await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--ignore-certificate-errors', `--host-resolver-rules=${rules.join(',')}`],
  });
}
