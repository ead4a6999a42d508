/** Accounts of this machine. */
import { readFile } from 'node:fs/promises';

/** The user's own group by /etc/passwd (passwd(5)); undefined where there is no such user. */
export async function groupOfUser(name: string): Promise<number | undefined> {
  const line = (await readFile('/etc/passwd', 'utf8')).split('\n').find((entry) => entry.startsWith(`${name}:`));
  const group = line?.split(':')[3];
  return group === undefined || !/^\d+$/u.test(group) ? undefined : Number(group);
}
