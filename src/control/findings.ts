/** The findings of control itself, as sentences: the engine, the store, the rules, strangers, servers in trouble. */
import { X509Certificate } from 'node:crypto';
import type { Finding } from '../core/finding.ts';
import type { Stranger } from '../core/reconcile.ts';
import type { WebCertificate } from '../core/web-certificate.ts';
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

export function edgeAway(trouble: string): Finding {
  return {
    code: 'edge-away',
    severity: 'error',
    subject: 'HAProxy',
    found: `HAProxy, which stands before servers' pages, cannot be told what is open: ${trouble}. What it has been told before, it still does if it runs.`,
    remedy: 'It is tried again every ten seconds. "sudo ./up" starts it; its own words are in "journalctl -u myserver-edge".',
    canMend: false,
  };
}

const warnBeforeMs = 7 * 86_400_000;

/** For those that have run out or soon will: what renews them begins weeks before. */
export function certificatesEnding(certificates: readonly WebCertificate[], nowMs: number): readonly Finding[] {
  return certificates.flatMap(({ names, chain }) => {
    const { validToDate } = new X509Certificate(chain);
    if (validToDate.getTime() > nowMs + warnBeforeMs) return [];
    const isOver = validToDate.getTime() <= nowMs;
    return [
      {
        code: 'certificate-ending',
        severity: isOver ? ('error' as const) : ('warning' as const),
        subject: names[0] ?? 'the certificate',
        found: `The certificate of ${names.join(', ')} ${isOver ? 'has run out' : 'runs out'} on ${validToDate.toISOString().slice(0, 10)}; browsers refuse pages ${isOver ? 'now' : 'then'}.`,
        remedy:
          'One from a file (web.certificates) is taken as soon as a newer one lies there. One by ACME is asked for by itself: why that fails is in "journalctl -u myserver-control".',
        canMend: false,
      },
    ];
  });
}

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
