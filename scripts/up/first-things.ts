/** The first image, the first administrator and the first server, each only where there is none. */
import { parseSystemName } from '../../src/core/names.ts';
import type { ServerView } from '../../src/contract/schemas.ts';
import type { Config } from '../../src/daemon/config.ts';
import type { HostStep } from '../../src/host/step.ts';
import { askManager, showManager } from './manager.ts';
import { say } from './report.ts';

interface ImageRow {
  readonly system: string;
  readonly type: string;
  readonly fingerprint?: string | null;
}

export interface FirstPerson {
  readonly name: string;
  /** Only of somebody who was made now. */
  readonly password: string | undefined;
}

export function imageStep({ defaults }: Config): HostStep {
  const { system, type } = defaults;
  return {
    name: `image ${system} ${type}`,
    async check(signal) {
      const images = await askManager<readonly ImageRow[]>(['image', 'list'], signal);
      const has = images.some((image) => image.system === system && image.type === type && Boolean(image.fingerprint));
      return has ? undefined : 'it is built from the packages of this machine’s own sources, which takes about a minute';
    },
    apply: () => showManager(['image', 'build', parseSystemName(system), parseSystemName(type)]),
  };
}

export async function firstAdministrator(name: string, signal: AbortSignal): Promise<FirstPerson> {
  const answer = await askManager<{ person: { name: string }; password: string | null }>(
    ['user', 'add', name, '--role', 'administrator', '--if-none'],
    signal,
  );
  return { name: answer.person.name, password: answer.password ?? undefined };
}

export interface FirstServer {
  readonly server: ServerView;
  readonly waysIn: readonly string[];
  readonly user: string;
  readonly password: string | undefined;
}

/** Undefined when there are servers already. */
export async function firstServer(owner: string, signal: AbortSignal): Promise<FirstServer | undefined> {
  const servers = await askManager<readonly unknown[]>(['list'], signal);
  if (servers.length > 0) return undefined;
  say('first server: being created');
  const made = await askManager<{
    servers: readonly ServerView[];
    passwords: readonly { id: number; user: string; password: string }[];
    waysIn: Readonly<Record<string, readonly string[]>>;
  }>(['create', '--owner', owner, '--notes', 'the first server'], signal);
  const [server] = made.servers;
  if (server === undefined) return undefined;
  const password = made.passwords.find(({ id }) => id === server.id);
  return { server, waysIn: made.waysIn[server.id] ?? [], user: password?.user ?? server.admin, password: password?.password };
}

export function tellWaysIn(person: FirstPerson, first: FirstServer | undefined): void {
  const lines = [''];
  if (person.password !== undefined) {
    lines.push(
      'The first administrator',
      `  name      ${person.name}`,
      `  password  ${person.password}`,
      '  It is shown this once, and must be changed: myserver login',
      '',
    );
  }
  if (first !== undefined) {
    lines.push(`Server ${first.server.id} is ${first.server.status}. The ways in:`, ...first.waysIn.map((way) => `  ${way}`));
    lines.push(`  myserver ssh ${first.server.id}`, '', `  user      ${first.user}`);
    if (first.password !== undefined)
      lines.push(`  password  ${first.password}`, '  It is shown this once, and must be changed at the first login.');
    lines.push('');
  }
  lines.push('Everything is up. Another server: myserver create. All that can be done: myserver');
  say(lines.join('\n'));
}
