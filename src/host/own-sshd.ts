/** The host's own SSH server, which is not ours. */
import { existsSync } from 'node:fs';
import { tryProgram } from './program.ts';

const sshd = '/usr/sbin/sshd';

/** Where it listens when it runs, which it need not now. Empty where there is none. */
export async function ownSshdPorts(): Promise<readonly number[]> {
  if (!existsSync(sshd)) return [];
  return sshdPorts((await tryProgram([sshd, '-T'])).stdout);
}

/** Of what `sshd -T` says (sshd(8)); it says nothing where its own configuration is broken, and then it has the port that it always had. */
export function sshdPorts(said: string): readonly number[] {
  const ports = [...said.matchAll(/^port (\d+)$/gmu)].map(([, port]) => Number(port));
  return ports.length === 0 ? [22] : ports;
}
