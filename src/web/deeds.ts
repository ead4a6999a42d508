/** What people do to servers, with the sentence that tells of it and, where it is true, the way back. */
import type { ServerView } from '../contract/schemas.ts';
import { allows } from '../core/access.ts';
import { sentenceOf } from './faults.ts';
import { tell } from './parts.tsx';
import { api } from './session.ts';

type Deed = 'start' | 'stop' | 'restart' | 'kill' | 'drop';

interface Kind {
  readonly text: string;
  readonly call: (server: ServerView) => Promise<unknown>;
  readonly done: (id: number) => string;
  readonly undoneBy?: Deed;
}

const params = ({ id }: ServerView) => ({ params: { id } });

const kinds: Readonly<Record<Deed, Kind>> = {
  start: {
    text: 'Start',
    call: async (server) => await api.call('startServer', params(server)),
    done: (id) => `Server ${id} is starting.`,
    undoneBy: 'stop',
  },
  stop: {
    text: 'Stop',
    call: async (server) => await api.call('stopServer', params(server)),
    done: (id) => `Server ${id} is shutting down.`,
    undoneBy: 'start',
  },
  restart: {
    text: 'Restart',
    call: async (server) => await api.call('restartServer', params(server)),
    done: (id) => `Server ${id} is restarting.`,
  },
  kill: {
    text: 'Pull the plug',
    call: async (server) => await api.call('killServer', params(server)),
    done: (id) => `Server ${id} is switched off.`,
    undoneBy: 'start',
  },
  drop: {
    text: 'Drop…',
    call: async (server) => await api.call('dropServer', { ...params(server), query: { generation: server.generation } }),
    done: (id) => `Server ${id} is being destroyed.`,
  },
};

export function deedText(deed: Deed): string {
  return kinds[deed].text;
}

/** Never throws: what went wrong is told at the edge of the page. */
export async function run(deed: Deed, server: ServerView): Promise<void> {
  const { call, done, undoneBy } = kinds[deed];
  try {
    await call(server);
    tell(done(server.id), undoneBy === undefined ? undefined : async () => await run(undoneBy, server));
  } catch (error) {
    tell(sentenceOf(error));
  }
}

const byStatus: Readonly<Partial<Record<ServerView['status'], readonly Deed[]>>> = {
  running: ['stop', 'restart', 'kill', 'drop'],
  stopped: ['start', 'drop'],
  starting: ['kill'],
  stopping: ['kill'],
  creating: [],
  dropping: [],
};

/** What this person can do to the server as it is now. */
export function deedsFor({ status, right }: ServerView): readonly Deed[] {
  return (byStatus[status] ?? ['drop']).filter((deed) => allows(right, deed));
}
