/** A firewall in memory, for tests of decisions. It refuses what the real one refuses, and can be spoilt by hand as the real one can. */
import type { Fault } from '../../base/fault.ts';
import { fault } from '../../core/errors.ts';
import { ipv4Number } from '../../core/ipv4.ts';
import { rulesetText, type Ruleset } from '../../core/ruleset.ts';
import type { Firewall } from '../firewall.ts';

export interface FakeFirewall extends Firewall {
  /** What the kernel would hold. Undefined before the first `set` and after `clear`. */
  readonly standing: Ruleset | undefined;
  /** Addresses given to `cut`, in order; with a port, `ADDRESS:PORT`. */
  readonly cuts: readonly string[];
  /** How often `set` succeeded. */
  readonly sets: number;
  /** Somebody deletes the forward of a public port with nft. */
  deleteByHand(publicPort: number): void;
  /** The next `set` fails with this, and the former rules stand. */
  failNext(error: Fault): void;
}

export function makeFakeFirewall(): FakeFirewall {
  let standing: Ruleset | undefined;
  let sets = 0;
  let failure: Fault | undefined;
  const cuts: string[] = [];
  return {
    get standing() {
      return standing;
    },
    get sets() {
      return sets;
    },
    cuts,
    deleteByHand(publicPort) {
      if (standing !== undefined)
        standing = { ...standing, forwards: standing.forwards.filter((forward) => forward.publicPort !== publicPort) };
    },
    failNext(error) {
      failure = error;
    },
    async set(ruleset, signal) {
      refuseWhenAborted(signal);
      const error = failure;
      failure = undefined;
      if (error !== undefined) throw error;
      rulesetText(ruleset);
      standing = ruleset;
      sets += 1;
    },
    async matches(ruleset, signal) {
      refuseWhenAborted(signal);
      return standing !== undefined && rulesetText(standing) === rulesetText(ruleset);
    },
    async stands(signal) {
      refuseWhenAborted(signal);
      return standing !== undefined;
    },
    async cut(address, privatePort, signal) {
      refuseWhenAborted(signal);
      if (ipv4Number(address) === undefined) throw fault('internal', `"${address}" is not a private address`);
      cuts.push(privatePort === undefined ? address : `${address}:${privatePort}`);
    },
    async clear(signal) {
      refuseWhenAborted(signal);
      standing = undefined;
    },
  };
}

function refuseWhenAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw fault('cancelled', 'the change of the packet rules was cancelled');
}
