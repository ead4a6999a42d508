/** Names of the DNS that a server has of its own, once whoever asks has shown that the name's zone is theirs to change. */
import { createHash, randomBytes } from 'node:crypto';
import { allows } from '../../core/access.ts';
import { type DomainName, parseDomainName, proofName } from '../../core/domain-name.ts';
import { fault } from '../../core/errors.ts';
import { certificateNames } from '../../core/web-origins.ts';
import type { WebDomain } from '../../store/web.ts';
import { type Caller, personOf } from '../caller.ts';
import { requireDoor, type WebVerbParts } from './links.ts';

export interface ShownDomain {
  readonly domain: WebDomain;
  readonly serverId: number;
  /** The TXT record that proves it: where, and what it says. */
  readonly proof: { readonly name: string; readonly value: string };
}

export interface DomainVerbs {
  /** Looks for the proof at once; without it the name waits for a week. For whoever may share the server. Throws `bad-name`, `name-taken`, `bad-request`. */
  add(caller: Caller, id: number, request: { readonly name: string; readonly door: string }): Promise<ShownDomain>;
  /** Looks for the proof. Throws `not-found` for a name that nobody asked for, `not-proven` with what was found, `name-taken`. */
  check(caller: Caller, name: string): Promise<ShownDomain>;
  list(caller: Caller): Promise<readonly ShownDomain[]>;
  /** Throws `not-found`. */
  remove(caller: Caller, name: string): Promise<void>;
}

export interface DomainVerbParts extends WebVerbParts {
  /** What the TXT records of a name say; none is an empty list. Throws `cannot-here` when the DNS does not answer. */
  readonly lookupTxt: (name: string) => Promise<readonly string[]>;
}

const waitsMs = 7 * 86_400_000;
const mostOfOne = 20;

export function makeDomainVerbs(parts: DomainVerbParts): DomainVerbs {
  const { store, access, plan, web, origins } = parts;
  const { shown, requireOne } = makeReading(parts);
  const prove = makeProving(parts);

  function parse(text: string): DomainName {
    const at = origins();
    return parseDomainName(
      text,
      at === undefined ? [] : certificateNames(at).filter((name) => name.includes('.') && !name.startsWith('*')),
    );
  }

  return {
    list: shown,

    async add(caller, id, { name: text, door: asked }) {
      const { record } = await access.require(caller, id, 'share');
      const [name, door] = [parse(text), requireDoor(plan, asked)];
      const all = await store.webDomains.list();
      if (all.some((one) => one.name === name && one.isProven && one.generation !== record.generation))
        throw fault('name-taken', `${name} is another server's: whoever has it takes it away with "myserver domain remove ${name}"`);
      if (all.filter((one) => one.generation === record.generation && one.name !== name).length >= mostOfOne)
        throw fault('bad-request', `server ${id} has ${mostOfOne} names already`);
      const domain = await store.webDomains.put({
        name,
        generation: record.generation,
        door,
        token: tokenFor(),
        createdBy: personOf(caller),
      });
      await access.wrote(caller, record, 'domain-add', `${name} for ${door}`);
      const added = shownOf(domain, id);
      if (domain.isProven) await web.settle();
      return await prove(caller, added).catch(() => added);
    },

    async check(caller, text) {
      return await prove(caller, await requireOne(caller, parse(text)));
    },

    async remove(caller, text) {
      const { domain, serverId } = await requireOne(caller, parse(text));
      const { record } = await access.require(caller, serverId, 'share');
      await store.webDomains.remove(domain.name, domain.generation);
      await access.wrote(caller, record, 'domain-remove', domain.name);
      await web.settle();
    },
  };
}

function makeReading({ store, access, clock }: DomainVerbParts) {
  async function shown(caller: Caller): Promise<readonly ShownDomain[]> {
    await store.webDomains.prune(clock.now() - waitsMs);
    const judge = await access.judge(caller);
    const mine = new Map(
      (await store.servers.list()).filter((server) => allows(judge(server), 'share')).map(({ generation, id }) => [generation, id]),
    );
    return (await store.webDomains.list()).flatMap((domain) => {
      const serverId = mine.get(domain.generation);
      return serverId === undefined ? [] : [shownOf(domain, serverId)];
    });
  }

  async function requireOne(caller: Caller, name: DomainName): Promise<ShownDomain> {
    const found = (await shown(caller)).filter(({ domain }) => domain.name === name);
    const [first] = found;
    if (first === undefined) throw fault('not-found', `${name} is none of your servers' names; "myserver domain list" shows them`);
    const proven = found.find(({ domain }) => domain.isProven);
    if (found.length > 1 && proven === undefined)
      throw fault('conflict', `several of your servers ask for ${name}: remove it from all but one ("myserver domain list")`);
    return proven ?? first;
  }

  return { shown, requireOne };
}

function makeProving({ store, access, web, lookupTxt }: DomainVerbParts) {
  return async (caller: Caller, { domain, serverId, proof }: ShownDomain): Promise<ShownDomain> => {
    if (domain.isProven) return shownOf(domain, serverId);
    const found = await lookupTxt(proof.name);
    if (!found.includes(proof.value)) {
      const what = found.length === 0 ? 'no TXT record' : found.map((text) => `"${text.slice(0, 80)}"`).join(', ');
      throw fault(
        'not-proven',
        `at ${proof.name} there is ${what}; it has to be "${proof.value}". What was just written may take some minutes to be seen`,
      );
    }
    const { record } = await access.require(caller, serverId, 'share');
    const proven = await store.webDomains.prove(domain.name, domain.generation);
    await access.wrote(caller, record, 'domain-prove', domain.name);
    await web.settle();
    return shownOf(proven, serverId);
  };
}

function tokenFor(): string {
  return randomBytes(18).toString('base64url');
}

/** The record says nothing of use to whoever copies it: it counts for that name and that server. */
function shownOf(domain: WebDomain, serverId: number): ShownDomain {
  const digest = createHash('sha256').update(`${domain.token}\n${domain.name}\n${domain.generation}`).digest('base64url');
  return { domain, serverId, proof: { name: proofName(domain.name), value: `myserver=${digest}` } };
}
