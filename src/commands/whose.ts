/** Commands about "a person, else oneself". */
import type { Client } from '../client/client.ts';
import { fault } from '../core/errors.ts';
import type { Invocation } from './invocation.ts';

/** The person named, else who asks. `option` is how to name one, for root who is nobody. */
export async function personOf(invocation: Invocation, client: Client, named: string | undefined, option: string): Promise<string> {
  if (named !== undefined) return named;
  const { name } = await client.call('me', {}, { signal: invocation.context.signal });
  if (name === null) throw fault('bad-request', `root is no person of myserver: say whose with ${option}`);
  return name;
}
