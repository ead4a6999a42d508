/** The manager's grammar against the real API over a real store; only the engine and the firewall are fakes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeClient } from '../client/client.ts';
import { typed } from '../commands/typed.testing.ts';
import { basic, makeApiRoom, passwordOf } from '../rest/api-room.testing.ts';
import { makeNodeFetch } from '../transport/node-fetch.ts';

test('a lecturer and a student do a term of work by the command line', { timeout: 120_000 }, async () => {
  await using api = await makeApiRoom();
  await api.addPerson('q', { role: 'administrator' });
  await api.addPerson('jbond007');
  const as = async (name: string, line: string, expected = 0) => {
    const client = makeClient({ baseUrl: api.url, fetch: makeNodeFetch({}), authorization: () => basic(name, passwordOf(name)) });
    const { exitCode, output, error } = await typed(line.split(' '), { client });
    assert.equal(exitCode, expected, `${line}: ${error}`);
    return output + error;
  };
  const created = await as('jbond007', 'create 123 --notes thesis --type minimal');
  assert.match(created, /server 123 is running/u);
  assert.match(created, /ssh -p 2123 jbond007@/u);
  assert.match(created, /password {2}\S{8,}/u);
  assert.match(
    await as('jbond007', 'list'),
    /\n123 +jbond007 +jbond007 +debian12 +minimal +5G +512 +1 +2123 +8123 +58123 +running +thesis\n/u,
  );
  assert.match(await as('jbond007', 'create 123', 5), /^myserver: /u);
  assert.match(await as('jbond007', 'info 123'), /host key +SHA256:/u);
  assert.match(await as('jbond007', 'stop 123'), /server 123 is stopped/u);
  assert.match(await as('jbond007', 'ssh 123', 5), /start it with "myserver start 123"/u);
  assert.match(await as('jbond007', 'start 123'), /server 123 is running/u);
  assert.match(await as('jbond007', 'set 123 --mem 1G --notes=-x'), /1G memory/u);
  assert.match(await as('jbond007', 'list -f csv'), /,"'-x"\r\n/u);
  assert.match(await as('q', 'user add mm --role staff'), /password +\S{8,}/u);
  assert.match(await as('q', 'user list'), /jbond007 +user/u);
  await as('jbond007', 'user add evil', 3);
  await as('q', 'group add web2026');
  await as('q', 'group member add web2026 jbond007 mm');
  await as('jbond007', 'share add 123 mm write --expires 7d');
  assert.match(await as('jbond007', 'share list 123'), /server 123 +mm +write/u);
  await as('jbond007', 'share remove 123 mm');
  assert.match(await as('q', 'image list'), /debian12 +minimal/u);
  assert.match(await as('jbond007', 'plan show'), /2000 \+ ID/u);
  assert.match(await as('jbond007', 'operation list'), /create +server 123/u);
  assert.match(await as('jbond007', 'audit'), /create/u);
  assert.match(await as('jbond007', 'password 123'), /password +\S{8,}/u);
  assert.match(await as('jbond007', 'drop 123 --yes'), /server 123 is gone/u);
  await as('jbond007', 'info 123', 4);
});
