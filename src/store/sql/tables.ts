import type { Tables } from '../store.ts';
import { makeAudit } from './audit.ts';
import { makeGrants } from './grants.ts';
import { makeGroups } from './groups.ts';
import { makeHostKeys } from './host-keys.ts';
import { makeIdempotency } from './idempotency.ts';
import { makeKeyring } from './keyring.ts';
import { makeLeases } from './leases.ts';
import { makeOperations } from './operations.ts';
import { makePeople } from './people.ts';
import { makePersonKeys } from './person-keys.ts';
import { makeServers } from './servers.ts';
import { makeTokens } from './tokens.ts';
import { makeWebDomains, makeWebLinks } from './web.ts';
import type { Context } from './transaction.ts';
import { makeUsageHistory } from './usage.ts';

export function makeTables(context: Context): Tables {
  return {
    people: makePeople(context),
    personKeys: makePersonKeys(context),
    groups: makeGroups(context),
    grants: makeGrants(context),
    leases: makeLeases(context),
    servers: makeServers(context),
    hostKeys: makeHostKeys(context),
    operations: makeOperations(context),
    idempotency: makeIdempotency(context),
    audit: makeAudit(context),
    tokens: makeTokens(context),
    webLinks: makeWebLinks(context),
    webDomains: makeWebDomains(context),
    keyring: makeKeyring(context),
    usage: makeUsageHistory(context),
  };
}
