import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { MemoryControl } from '../commands/memory-control.testing.ts';
import { serverOf } from '../commands/memory-views.testing.ts';
import { typed } from '../commands/typed.testing.ts';
import { serveControl } from './control-over-http.testing.ts';
import { quickKnownHosts } from './quick-known-hosts.ts';

suite('quickKnownHosts', () => {
  test('the words that ssh-config writes for ssh to run are those of the quick way', async () => {
    const control = new MemoryControl();
    control.servers.set(123, serverOf(123));
    await using served = await serveControl(control);
    const { output } = await typed(['ssh-config', '--url', served.url], { control });
    const [, line = ''] = /KnownHostsCommand (.*)/u.exec(output) ?? [];
    const [, ...words] = line.replace('%H', 'server-123').split(' ');
    assert.match((await quickKnownHosts(words)) ?? '', /^server-123 ssh-ed25519 \S+\n$/u);
  });

  test('other words, and whatever goes wrong, are left to the command', async () => {
    const url = 'http://127.0.0.1:1';
    for (const words of [
      ['server-1'],
      ['--url', url],
      ['--url', url, '-f'],
      ['--url', url, 'server-1', '-f'],
      ['--url', url, 'server-1'],
      ['--url', url, '--ca', '/none', 'x'],
    ])
      assert.equal(await quickKnownHosts(['known-hosts', ...words]), undefined, words.join(' '));
  });
});
