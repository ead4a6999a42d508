/** The findings of control itself, as sentences: the engine, the store, the rules, strangers, servers in trouble. */
import type { Finding } from '../core/finding.ts';
import type { Stranger } from '../core/reconcile.ts';
import type { ServerRecord } from '../store/servers.ts';
import type { Diagnosis, FindingAction } from './control.ts';

export function diagnosis(finding: Finding, actions: readonly FindingAction[] = finding.canMend ? ['mend'] : []): Diagnosis {
  return { ...finding, id: `${finding.code}:${finding.subject}`, actions };
}

export const rulesFound: Finding = {
  code: 'rules-out-of-step',
  severity: 'error',
  subject: 'the packet rules',
  found: 'The packet rules in the kernel are not what the store asks for: somebody changed them by hand, or nft failed.',
  remedy: 'Mending sets them again as a whole; it also happens by itself within half a minute.',
  canMend: true,
};

export function mismatch(count: number): Finding {
  return {
    code: 'installation-mismatch',
    severity: 'error',
    subject: 'the store',
    found: `The engine holds ${count} instances of another installation and none of this one, as after a lost store: nothing is changed, so that nobody loses anything.`,
    remedy: 'Put the right store back, or adopt or discard each of the instances named below.',
    canMend: false,
  };
}

export function strangerFound({ name, why, id }: Stranger): Diagnosis {
  const found = {
    untagged: `The engine holds the instance ${name}, which myserver did not make.`,
    'other-installation': `The engine holds the instance ${name} (ID ${id}), made by another installation of myserver.`,
    'unknown-generation': `The engine holds the instance ${name} (ID ${id}), which this store made but does not know, as after an older copy was put back.`,
  }[why];
  const finding: Finding = {
    code: 'instance-unknown',
    severity: 'warning',
    subject: name,
    found: `${found} It is kept, and closed to the outside.`,
    remedy:
      why === 'untagged'
        ? 'Remove it with the engine’s own tools if nobody needs it.'
        : `"myserver doctor adopt instance-unknown:${name} --owner NAME" makes it a server again, "myserver doctor discard instance-unknown:${name}" destroys it.`,
    canMend: false,
  };
  return diagnosis(finding, why === 'untagged' ? [] : ['adopt', 'discard']);
}

export function engineAway(trouble: string): Finding {
  return {
    code: 'engine-away',
    severity: 'error',
    subject: 'the engine',
    found: `The engine does not answer: ${trouble}.`,
    remedy: 'Start it; control goes on by itself as soon as it answers.',
    canMend: false,
  };
}

export const gatewayAway: Finding = {
  code: 'gateway-away',
  severity: 'error',
  subject: 'the gateway',
  found:
    'No gateway says that it takes people in, so nobody comes in by the bastion; the ports of the servers themselves are not touched by this.',
  remedy:
    '"sudo ./up" starts it. Its own words are in "journalctl -u myserver-gateway", or where there is no systemd in /var/log/myserver/gateway.log. ' +
    'Should there be none, say "bastion": { "enabled": false } in the configuration.',
  canMend: false,
};

/** One for each server that has a problem. */
export function serversInTrouble(records: readonly ServerRecord[]): readonly Finding[] {
  return records.flatMap(({ id, problem }) =>
    problem === undefined
      ? []
      : [
          {
            code: 'server-problem',
            severity: 'warning' as const,
            subject: `server ${id}`,
            found: `Server ${id} is not as it should be: ${problem}.`,
            remedy: 'Mending tries again to make it match the store.',
            canMend: true,
          },
        ],
  );
}
