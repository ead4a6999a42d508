/** The first image, the first administrator and the first server, each only where there is none. */
import { parseSystemName } from '../../src/core/names.ts';
import type { ServerView } from '../../src/contract/schemas.ts';
import type { Config } from '../../src/daemon/config.ts';
import { makeIncusApi } from '../../src/host/incus-api.ts';
import type { HostStep } from '../../src/host/step.ts';
import type { BastionPlace } from './gateway-service.ts';
import { lookAt, rootSocket } from './control-service.ts';
import { askManager, showManager } from './manager.ts';
import { say } from './report.ts';

export interface FirstPerson {
  readonly name: string;
  /** Only of somebody who was made now. */
  readonly password: string | undefined;
}

export function imageStep({ defaults, engine }: Config): HostStep {
  const { system, type } = defaults;
  const alias = encodeURIComponent(`${system}/${type}`);
  return {
    name: `image ${system} ${type}`,
    async check() {
      const found = await makeIncusApi(engine.socket).ask('GET', `/1.0/images/aliases/${alias}?project=${engine.project}`);
      return found === undefined ? "it is built from the packages of this machine's own sources, which takes about a minute" : undefined;
    },
    apply: () => showManager(['image', 'build', parseSystemName(system), parseSystemName(type)]),
  };
}

/** Whoever is an administrator already, else a new one of that name. */
export async function firstAdministrator(config: Config, name: string, signal: AbortSignal): Promise<FirstPerson> {
  const { people } = await lookAt<{ people: readonly { name: string; role: string }[] }>(rootSocket(config), '/people');
  const there = people.find(({ role }) => role === 'administrator');
  if (there !== undefined) return { name: there.name, password: undefined };
  const words = ['user', 'add', name, '--role', 'administrator', '--if-none'];
  const { person, password } = await askManager<{ person: { name: string }; password: string | null }>(words, signal);
  return { name: person.name, password: password ?? undefined };
}

export interface FirstServer {
  readonly server: ServerView;
  readonly waysIn: readonly string[];
  readonly user: string;
  readonly password: string | undefined;
}

/** Undefined when there are servers already. */
export async function firstServer(config: Config, owner: string, signal: AbortSignal): Promise<FirstServer | undefined> {
  const { servers } = await lookAt<{ servers: readonly unknown[] }>(rootSocket(config), '/servers');
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

export function tellWaysIn(
  person: FirstPerson,
  first: FirstServer | undefined,
  bastion: BastionPlace | undefined,
  portal: string | undefined,
): void {
  const lines = [''];
  if (person.password !== undefined) {
    lines.push(
      'The first administrator',
      `  name      ${person.name}`,
      `  password  ${person.password}`,
      `  It is shown this once, and must be changed: myserver password --user ${person.name}`,
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
  // Again, when all this was told before, it is told no more.
  const isNew = person.password !== undefined || first !== undefined;
  if (isNew && bastion !== undefined) {
    const port = bastion.port === 22 ? '' : `-p ${bastion.port} `;
    lines.push(
      'One SSH address for everything (with your key, or your name and password)',
      `  ssh ${port}${person.name}@${bastion.host}        the lobby: every command of myserver`,
      `  ssh ${port}${first?.server.id ?? 'ID'}@${bastion.host}            straight into that server`,
      '',
    );
  }
  if (isNew && portal !== undefined) lines.push('A browser is enough', `  ${portal}/        the portal: servers, terminals, keys`, '');
  lines.push('Everything is up. Another server: myserver create. All that can be done: myserver');
  say(lines.join('\n'));
}
