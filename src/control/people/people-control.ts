/** Everything about people that doors may call. `daemon/services` makes one. */
import { randomBytes } from 'node:crypto';
import { type AuditVerbs, makeAuditVerbs } from './audit-list.ts';
import { type GrantVerbs, makeGrantVerbs } from './grants.ts';
import { type GroupVerbs, makeGroupVerbs } from './groups.ts';
import { type KeyVerbs, makeKeyVerbs } from './keys.ts';
import { defaultPeopleConfig, type PeopleConfig, type PeopleParts } from './parts.ts';
import { makePersonVerbs, type PersonVerbs } from './persons.ts';
import { makeSignIn, type SignIn } from './sign-in.ts';
import { makeTokenVerbs, type TokenVerbs } from './tokens.ts';

export interface PeopleControl {
  readonly config: PeopleConfig;
  readonly signIn: SignIn;
  readonly tokens: TokenVerbs;
  readonly people: PersonVerbs;
  readonly keys: KeyVerbs;
  readonly groups: GroupVerbs;
  readonly grants: GrantVerbs;
  readonly audit: AuditVerbs;
}

export type PeopleControlOptions = Pick<PeopleParts, 'store' | 'clock' | 'log' | 'pushKeys'> &
  Partial<Pick<PeopleParts, 'random' | 'onPersonChanged'>> & { readonly config?: Partial<PeopleConfig> };

export function makePeopleControl(options: PeopleControlOptions): PeopleControl {
  const config = { ...defaultPeopleConfig, ...options.config };
  const parts: PeopleParts = { random: randomBytes, onPersonChanged: () => {}, ...options, config };
  const signIn = makeSignIn(parts);
  return {
    config,
    signIn,
    tokens: makeTokenVerbs(parts, signIn),
    people: makePersonVerbs(parts, signIn),
    keys: makeKeyVerbs(parts),
    groups: makeGroupVerbs(parts),
    grants: makeGrantVerbs(parts),
    audit: makeAuditVerbs(parts),
  };
}
