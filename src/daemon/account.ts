/** Accounts of this machine. */
import { readFile } from 'node:fs/promises';

export interface Account {
  readonly userId: number;
  /** The user's own group. */
  readonly groupId: number;
}

/** By /etc/passwd (passwd(5)); undefined where there is no such user. */
export async function accountOf(name: string): Promise<Account | undefined> {
  const line = (await readFile('/etc/passwd', 'utf8')).split('\n').find((entry) => entry.startsWith(`${name}:`));
  const [, , user, group] = line?.split(':') ?? [];
  const isNumber = (text: string | undefined) => text !== undefined && /^\d+$/u.test(text);
  return isNumber(user) && isNumber(group) ? { userId: Number(user), groupId: Number(group) } : undefined;
}

export async function groupOfUser(name: string): Promise<number | undefined> {
  return (await accountOf(name))?.groupId;
}
