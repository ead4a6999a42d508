/** The two ways in which names are proven: by a page of ours (RFC 8555, section 8.3), and by a program of the administrator's that changes a zone (section 8.4). */
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { fault } from '../../core/errors.ts';
import { tryProgram } from '../program.ts';
import type { AcmeSolver } from './acme.ts';

export interface HttpChallenge {
  readonly token: string;
  readonly keyAuthorization: string;
}

export interface HttpChallenges {
  readonly solver: AcmeSolver;
  /** What is to be shown now, at `/.well-known/acme-challenge/TOKEN` of every name. */
  current(): readonly HttpChallenge[];
}

export interface HttpChallengesOptions {
  /** Called when there are others; resolves when they are told on. */
  readonly onChange: () => Promise<void>;
  /** Where our own plain HTTP is. */
  readonly at: () => { readonly host: string; readonly port: number };
}

const seenMs = 15_000;
const hookMs = 300_000;

export function makeHttpChallenges({ onChange, at }: HttpChallengesOptions): HttpChallenges {
  const challenges = new Set<HttpChallenge>();
  return {
    current: () => [...challenges],
    solver: {
      kind: 'http-01',
      async present({ name, token, keyAuthorization }) {
        const challenge = { token, keyAuthorization };
        challenges.add(challenge);
        await onChange();
        for (const until = Date.now() + seenMs; (await seen(at(), name, token)) !== keyAuthorization; await sleep(100))
          if (Date.now() > until) throw fault('acme-failed', `the proof for ${name} is not to be seen at our own port ${at().port}`);
        return async () => {
          challenges.delete(challenge);
          await onChange();
        };
      },
    },
  };
}

function seen({ host, port }: { readonly host: string; readonly port: number }, name: string, token: string): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const path = `/.well-known/acme-challenge/${token}`;
  const asking = request({ host, port, path, headers: { host: name }, agent: false, timeout: 2000 }, (answer) => {
    let text = '';
    answer.setEncoding('latin1').on('data', (piece: string) => (text = (text + piece).slice(0, 2000)));
    answer.once('end', () => resolve(text));
    answer.once('error', () => resolve(undefined));
  });
  asking.once('timeout', () => asking.destroy());
  asking.once('error', () => resolve(undefined));
  asking.end();
  return promise;
}

/** `HOOK present NAME VALUE`, and `HOOK cleanup NAME VALUE` when it is over; exit code 0 when the record can be seen. */
export function makeDnsHook(hook: string): AcmeSolver {
  async function run(verb: 'present' | 'cleanup', name: string, value: string): Promise<void> {
    const { exitCode, stdout, stderr } = await tryProgram([hook, verb, name, value], { timeoutMs: hookMs });
    const said = (stderr.trim() || stdout.trim()).split('\n')[0]?.slice(0, 200) ?? '';
    if (exitCode !== 0) throw fault('acme-failed', `"${hook} ${verb} ${name}" ended with code ${exitCode}: ${said}`);
  }
  return {
    kind: 'dns-01',
    async present({ name, digest }) {
      const record = `_acme-challenge.${name}`;
      await run('present', record, digest);
      return async () => await run('cleanup', record, digest);
    },
  };
}
