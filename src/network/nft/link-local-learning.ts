/**
 * What no rule reaches: frames to the link-local group addresses of a bridge (IEEE 802.1Q, 8.6.3: 01:80:c2:00:00:00 to 0f, as of LLDP, LACP and EAPOL) pass
 * before the hook prerouting, and Linux remembers where their source came from all the same. A stolen MAC in one of them would be believed. The bridge's
 * own option `no_linklocal_learn` (ip-link(8)) ends that; it is the bridge's, so it goes when the bridge is made anew.
 */
import { fault } from '../../core/errors.ts';
import { complaint, runProgram } from './program.ts';

/** A bridge that is not there learns nothing: that is a success. Throws `firewall-failed`. */
export async function endLinkLocalLearning(enter: readonly string[], bridge: string, signal: AbortSignal | undefined): Promise<void> {
  const ran = await runProgram([...enter, 'ip', 'link', 'set', 'dev', bridge, 'type', 'bridge', 'no_linklocal_learn', '1'], signal);
  if (ran.exitCode === 0 || isAbsent(ran.stderr)) return;
  throw fault(
    'firewall-failed',
    `the bridge ${bridge} could not be told to learn nothing from link-local frames, and the former rules still stand: ${complaint(ran)}`,
  );
}

export async function learnsFromLinkLocal(enter: readonly string[], bridge: string, signal: AbortSignal | undefined): Promise<boolean> {
  const ran = await runProgram([...enter, 'ip', '-j', '-d', 'link', 'show', 'dev', bridge], signal);
  return !isAbsent(ran.stderr) && !/"no_linklocal_learn":\s*(?:1|true)\b/u.test(ran.stdout);
}

function isAbsent(complaint: string): boolean {
  return /cannot find device|does not exist/iu.test(complaint);
}
