/** Servers and people as the contract shows them, for tests of the command line. */
import type { WebDomainView, WebLinkView } from '../contract/routes/web.ts';
import type { PersonView, ServerView } from '../contract/schemas.ts';

export const madeAt = '2026-11-22T05:00:00.000Z';

export function serverOf(id: number, change: Partial<ServerView> = {}): ServerView {
  return {
    id,
    generation: `00000000-0000-4000-8000-${String(id).padStart(12, '0')}`,
    owner: 'jbond007',
    admin: 'jbond007',
    name: null,
    system: 'debian12',
    type: 'minimal',
    diskBytes: 5 * 2 ** 30,
    memoryBytes: 512 * 2 ** 20,
    cpus: 1,
    address: `192.168.${10 + Math.floor(id / 100)}.${100 + (id % 100)}`,
    ports: [
      { block: 'ssh', protocol: 'tcp', publicPort: 2000 + id, privatePort: 22 },
      { block: 'www', protocol: 'tcp', publicPort: 8000 + id, privatePort: 80 },
      { block: 'usr', protocol: 'tcp', publicPort: 58_000 + id, privatePort: 8000 },
    ],
    policies: { ssh: 'public', www: 'public', usr: 'public' },
    repair: { www: 'auto', usr: 'auto' },
    status: 'running',
    problem: null,
    notes: '',
    createdAt: madeAt,
    right: 'all',
    ...change,
  };
}

export function personNamed(name: string, change: Partial<PersonView> = {}): PersonView {
  return {
    name,
    role: 'user',
    canCreate: true,
    disabled: false,
    passwordMustChange: false,
    quota: { servers: 3, cpus: null, memoryBytes: 4 * 2 ** 30, diskBytes: null },
    used: { servers: 1, cpus: 1, memoryBytes: 512 * 2 ** 20, diskBytes: 5 * 2 ** 30 },
    groups: [],
    createdAt: madeAt,
    ...change,
  };
}

export const memoryLink: WebLinkView = {
  id: '0190a2c4-7c0e-7e1a-9d7b-0242ac120002',
  serverId: 123,
  door: 'usr',
  createdBy: 'jbond007',
  createdAt: madeAt,
  expiresAt: madeAt,
};

export const memoryDomain: WebDomainView = {
  name: 'own.example.org',
  serverId: 123,
  door: 'www',
  isProven: true,
  proof: { name: '_myserver-challenge.own.example.org', value: 'myserver=proof' },
  createdAt: madeAt,
};
