/**
 * Other people's packet rules (Docker's, a firewall's) that stand in our way: a packet passes only when every table lets it. They are left alone; the
 * finding names them and says which rule of theirs would let servers through.
 */
import type { Finding } from '../core/finding.ts';
import { tryProgram } from './program.ts';

interface BaseChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly hook: string;
  readonly policy: string;
}

export interface ForeignRulesOptions {
  /** Tables of ours, and Incus's own. */
  readonly ourTables: readonly string[];
  readonly bridge: string;
}

export async function findForeignRules({ ourTables, bridge }: ForeignRulesOptions): Promise<readonly Finding[]> {
  const { exitCode, stdout } = await tryProgram(['nft', '-j', 'list', 'chains']);
  if (exitCode !== 0) return [];
  const ours = new Set([...ourTables, 'incus']);
  const blocking = parseBaseChains(stdout).filter(({ family, table, hook, policy }) => {
    const isIpv4 = family === 'ip' || family === 'inet';
    return isIpv4 && policy === 'drop' && !ours.has(table) && (hook === 'forward' || hook === 'input');
  });
  const findings: Finding[] = [];
  for (const chain of blocking) {
    const text = (await tryProgram(['nft', 'list', 'table', chain.family, chain.table])).stdout;
    if (!letsThrough(text, bridge)) findings.push(foreignFinding(chain, text, bridge));
  }
  return findings;
}

/** `nft -j list chains`. */
function parseBaseChains(json: string): readonly BaseChain[] {
  const { nftables } = JSON.parse(json) as { readonly nftables: readonly { readonly chain?: Partial<BaseChain> }[] };
  return nftables.flatMap(({ chain }) => {
    if (chain?.hook === undefined) return [];
    const { family = '', table = '', name = '', hook, policy = 'accept' } = chain;
    return [{ family, table, name, hook, policy }];
  });
}

/** Whether somebody made an exception for our bridge: any rule there that names it and accepts. */
function letsThrough(tableText: string, bridge: string): boolean {
  return tableText.split('\n').some((line) => line.includes(`"${bridge}"`) && /\baccept\b/u.test(line));
}

function foreignFinding({ family, table, name, hook }: BaseChain, text: string, bridge: string): Finding {
  const isDocker = text.includes('chain DOCKER-USER');
  const isUfw = text.includes('chain ufw-');
  const whose = isDocker ? "Docker's" : isUfw ? "ufw's" : "somebody else's";
  const what = hook === 'forward' ? 'connections to and from servers' : "servers' questions for addresses and names";
  return {
    code: hook === 'forward' ? 'forward-blocked' : 'input-blocked',
    severity: 'warning',
    subject: `table ${family} ${table}, chain ${name}`,
    found: `${whose} packet rules drop what they do not know, so ${what} are dropped there`,
    remedy: remedyFor({ hook, isDocker, isUfw, family, table, name, bridge }),
    canMend: false,
  };
}

interface RemedyFacts {
  readonly hook: string;
  readonly isDocker: boolean;
  readonly isUfw: boolean;
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly bridge: string;
}

function remedyFor({ hook, isDocker, isUfw, family, table, name, bridge }: RemedyFacts): string {
  if (isUfw)
    return hook === 'forward'
      ? `run: ufw route allow in on ${bridge} && ufw route allow out on ${bridge}`
      : `run: ufw allow in on ${bridge}`;
  if (isDocker && hook === 'forward')
    return `run: iptables -I DOCKER-USER -i ${bridge} -j ACCEPT && iptables -I DOCKER-USER -o ${bridge} -j ACCEPT`;
  const rules = hook === 'forward' ? ['iifname', 'oifname'] : ['iifname'];
  return `add to it, for example: ${rules.map((side) => `nft insert rule ${family} ${table} ${name} ${side} ${bridge} accept`).join(' && ')}`;
}
