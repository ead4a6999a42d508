/** The API by curl inside the host, as any program on it asks. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { OperationView, Problem } from '../src/contract/schemas.ts';
import type { TestInstallation } from '../src/testing/test-installation.ts';
import { localUrl } from './person.ts';

interface Answer<T> {
  readonly status: number;
  readonly body: T;
}

interface Question {
  /** JSON, or these very bytes. */
  readonly body?: object | Uint8Array;
  readonly headers?: readonly string[];
}

export interface Caller {
  /** `path` is below /api/v1. */
  ask<T>(method: string, path: string, question?: Question): Promise<Answer<T>>;
  /** The body; fails unless the status is 2xx. */
  ok<T>(method: string, path: string, body?: object): Promise<T>;
  /** The error; fails unless the status is this. */
  refused(status: number, method: string, path: string, question?: Question): Promise<Problem['error']>;
  /** Waits for its end; fails unless it is done. */
  done(operation: OperationView): Promise<void>;
}

let files = 0;

/** `credential` are words for curl: `-u`, `-H`, `--unix-socket`. `asked` collects `METHOD /path` of each call. */
export function callerOf(installation: TestInstallation, credential: readonly string[], asked = new Set<string>()): Caller {
  async function ask<T>(method: string, path: string, { body, headers = [] }: Question = {}): Promise<Answer<T>> {
    asked.add(`${method} ${path.split('?')[0]}`);
    const sent: string[] = [];
    if (body !== undefined) {
      const file = join(installation.engine.dir, `body${(files += 1)}`);
      await writeFile(file, body instanceof Uint8Array ? body : JSON.stringify(body));
      sent.push('-H', 'Content-Type: application/json', '--data-binary', `@${file}`);
    }
    const words = ['-sS', '-X', method, '-w', String.raw`\n%{http_code}`, ...headers.flatMap((header) => ['-H', header]), ...sent];
    const ran = await installation.run('host', ['curl', ...words, ...credential, `${localUrl}/api/v1${path}`]);
    assert.equal(ran.exitCode, 0, `${method} ${path}: ${ran.stderr}`);
    const end = ran.stdout.lastIndexOf('\n');
    const text = ran.stdout.slice(0, end);
    return { status: Number(ran.stdout.slice(end + 1)), body: (text === '' ? undefined : JSON.parse(text)) as T };
  }

  async function ok<T>(method: string, path: string, body?: object): Promise<T> {
    const answer = await ask<T>(method, path, body === undefined ? {} : { body });
    assert.equal(Math.floor(answer.status / 100), 2, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  return {
    ask,
    ok,
    async refused(status, method, path, question) {
      const answer = await ask<Problem>(method, path, question);
      assert.equal(answer.status, status, `${method} ${path}: ${JSON.stringify(answer.body)}`);
      return answer.body.error;
    },
    async done({ id }) {
      const { operation } = await ok<{ readonly operation: OperationView }>('GET', `/operations/${id}?waitSeconds=30`);
      assert.deepEqual([operation.state, operation.error], ['done', null]);
    },
  };
}

/** Signs in by password and asks with the token from then on. */
export async function signedIn(installation: TestInstallation, person: string, password: string, asked?: Set<string>): Promise<Caller> {
  const { token } = await callerOf(installation, [], asked).ok<{ readonly token: string }>('POST', '/tokens', { person, password });
  return callerOf(installation, ['-H', `Authorization: Bearer ${token}`], asked);
}
