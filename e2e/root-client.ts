/** The typed client over root.sock, for tests that ask so often that starting the command line each time would be most of the test. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Fault } from '../src/base/fault.ts';
import { makeNodeFetch } from '../src/transport/node-fetch.ts';
import { type Client, makeClient } from '../src/client/client.ts';
import type { CreatedServers, CreateServers, OperationView, ServerView } from '../src/contract/schemas.ts';
import type { TestInstallation } from '../src/testing/test-installation.ts';

export interface Root {
  readonly client: Client;
  /** Creates them and waits until their operations are done; fails unless all are. */
  create(request?: CreateServers): Promise<readonly ServerView[]>;
  /** Begins a create and does not wait. */
  begin(request?: CreateServers): Promise<CreatedServers>;
  /** Ended, one way or the other. */
  ended(operation: Pick<OperationView, 'id'>): Promise<OperationView>;
  /** A verb on a server, done to its end; fails unless it is done. */
  tell(verb: 'startServer' | 'stopServer' | 'killServer' | 'restartServer' | 'dropServer', id: number): Promise<void>;
  server(id: number): Promise<ServerView>;
  /** The list shows server `id` in this status, now or soon. */
  becomes(id: number, status: ServerView['status'], withinMs?: number): Promise<ServerView>;
}

const patienceMs = 60_000;

/** Good across restarts of control: each question makes its way anew. */
export function rootOf(installation: TestInstallation): Root {
  const client: Client = {
    // A connection that is kept alive would break with the control that is killed.
    call: async (name, ...args) =>
      await makeClient({ baseUrl: 'http://localhost', fetch: makeNodeFetch({ socketPath: join(installation.runDir, 'root.sock') }) }).call(
        name,
        ...args,
      ),
  };
  const begin = async (request: CreateServers = {}) => await client.call('createServers', { body: request });

  async function ended({ id }: Pick<OperationView, 'id'>): Promise<OperationView> {
    return await soon(`operation ${id} to end`, patienceMs, async () => {
      const { operation } = await client.call('getOperation', { params: { id }, query: { waitSeconds: 10 } });
      return operation.endedAt === null ? undefined : operation;
    });
  }

  async function done(operation: OperationView): Promise<void> {
    const { state, error, subject, kind } = await ended(operation);
    assert.deepEqual([state, error], ['done', null], `${kind} of ${subject}`);
  }

  async function find(id: number): Promise<ServerView | undefined> {
    return (await client.call('listServers', { query: {} })).servers.find((server) => server.id === id);
  }

  return {
    client,
    begin,
    ended,
    async create(request) {
      const { servers, operations } = await begin(request);
      for (const operation of operations) await done(operation);
      return servers;
    },
    async tell(verb, id) {
      const input = { params: { id } };
      const told = verb === 'dropServer' ? client.call(verb, { ...input, query: {} }) : client.call(verb, input);
      await done((await told).operation);
    },
    async server(id) {
      const found = await find(id);
      assert.ok(found !== undefined, `server ${id} is not in the list`);
      return found;
    },
    async becomes(id, status, withinMs = patienceMs) {
      let last: ServerView | undefined;
      return await soon(
        () => `server ${id} to be ${status}; it is ${last?.status ?? 'not there'} (${last?.problem ?? 'no problem'})`,
        withinMs,
        async () => {
          last = await find(id);
          return last?.status === status ? last : undefined;
        },
      );
    },
  };
}

/** Asks again until there is an answer. A fault of the catalogue (control is away) is only kept for the complaint. */
export async function soon<T>(what: string | (() => string), withinMs: number, ask: () => Promise<T | undefined>): Promise<T> {
  const until = Date.now() + withinMs;
  for (let trouble: unknown; ;) {
    const answer = await ask().catch((error: unknown) => {
      if (!(error instanceof Fault)) throw error;
      trouble = error;
    });
    if (answer !== undefined) return answer;
    if (Date.now() > until) {
      const sentence = typeof what === 'string' ? what : what();
      throw new Error(`waited ${withinMs / 1000} s in vain for ${sentence}`, { cause: trouble });
    }
    await sleep(50);
  }
}
