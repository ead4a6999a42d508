/** What only a busy Incus does, once in some thousand times: a stand-in for its answers. Files themselves are the conformance suite's. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { makeIncusClient } from './incus-client.ts';
import { readInstanceFile } from './incus-files.ts';

const helperAway = 'Failed getting instance SFTP connection: dial unix /proc/self/fd/44/forkfile.sock: connect: no such file or directory';

suite('readInstanceFile', () => {
  /** Answers each question for a file with the next of these: text for the file's content, else Incus's refusal. */
  async function reading(...answers: readonly (string | { readonly code: number; readonly sentence: string })[]) {
    await using undo = new AsyncDisposableStack();
    const dir = await mkdtemp(join(tmpdir(), 'myserver-files-'));
    undo.defer(() => rm(dir, { recursive: true }));
    const socket = join(dir, 'incus.socket');
    let asked = 0;
    const server = createServer((request, response) => {
      if (!(request.url ?? '').includes('/files?'))
        return json(response, 200, { type: 'sync', metadata: { name: 'x', status: 'Running', config: {} } });
      const answer = answers[Math.min(asked, answers.length - 1)] ?? '';
      asked += 1;
      if (typeof answer !== 'string')
        return json(response, answer.code, { type: 'error', error: answer.sentence, error_code: answer.code });
      response.setHeader('x-incus-type', 'file');
      response.end(answer);
    }).listen(socket);
    undo.defer(() => void server.close());
    await once(server, 'listening');
    using client = makeIncusClient({ socket, project: 'default' });
    const found = await readInstanceFile(client, 'x', '/etc/passwd').catch((error: unknown) => error);
    return { found, asked };
  }

  test('asks again where Incus’s helper for files was not there', async () => {
    const away = { code: 404, sentence: helperAway };
    assert.deepEqual(await reading(away, { code: 500, sentence: helperAway }, 'root:x:0'), { found: 'root:x:0', asked: 3 });
  });

  test('never takes a helper that stays away for a file that is not there', async () => {
    const { found, asked } = await reading({ code: 404, sentence: helperAway });
    assert.match(String(found), /forkfile\.sock/u);
    assert.equal(asked, 10);
  });

  test('of a file that is not there asks once', async () => {
    assert.deepEqual(await reading({ code: 404, sentence: 'file does not exist' }), { found: undefined, asked: 1 });
  });
});

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
