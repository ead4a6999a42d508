/** What the servers' verbs are built from, and the numbers an administrator may set. */
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Secret } from '../../base/secret.ts';
import type { Plan } from '../../core/plan.ts';
import type { Limits } from '../../core/server.ts';
import type { Engine } from '../../engines/engine.ts';
import type { Quota } from '../../store/people.ts';
import type { Store } from '../../store/store.ts';
import type { AccessDesk } from '../access-desk.ts';
import type { EventBus } from '../events.ts';
import type { Lanes } from '../lanes.ts';
import type { OperationRunner } from '../operation-runner.ts';
import type { Rules } from '../rules.ts';
import type { World } from '../world.ts';

export interface ServerSettings {
  readonly system: string;
  readonly type: string;
  readonly limits: Limits;
  /** What a person may hold unless their own quota says otherwise. */
  readonly quota: Quota;
  /** How many times over the host's own means may be promised to all servers together. 10 for the disk: an unused part of a disk takes no room. */
  readonly overcommit: { readonly memory: number; readonly cpus: number; readonly disk: number };
  /** Highest number of processes and threads in a server: a fork bomb ends here. */
  readonly maxProcesses: number;
  /** The classic "password = user name". Off: everybody who can reach the port would know it. */
  readonly hasClassicPasswords: boolean;
  /** How long a system inside may take to shut down before the plug is pulled. */
  readonly stopGraceMs: number;
  /** How long a small program inside a server (`chpasswd`) may take. */
  readonly insideMs: number;
  /** How long a creation waits for SSH to answer before it is called done without. An image may have no SSH at all. */
  readonly sshWaitMs: number;
  /**
   * A server that stopped without being told was shut down from inside, unless the whole engine is going down with its host: then the engine is away
   * before this time is over, and the servers that ran come back with it.
   */
  readonly stoppedInsideMs: number;
}

export interface HostMeans {
  readonly memoryBytes: number;
  readonly cpus: number;
}

/** What only a real machine can do, given by who wires. */
export interface HostHands {
  /** IDs whose public ports something else on the host holds now. */
  heldIds(): Promise<ReadonlySet<number>>;
  /** A hash in crypt(3)'s form for a server's shadow file. */
  hashPassword(password: Secret): Promise<string>;
  /** Whether something at that private address greets as SSH does, within a second. */
  answersSsh(address: string, signal: AbortSignal): Promise<boolean>;
  readonly means: HostMeans;
}

export interface ServerParts {
  readonly store: Store;
  readonly engine: Engine;
  readonly plan: Plan;
  readonly world: World;
  readonly rules: Rules;
  readonly events: EventBus;
  readonly access: AccessDesk;
  readonly operations: OperationRunner;
  /** What reads, decides and writes outside of operations (limits, keys inside) does so one after the other for each generation. */
  readonly changes: Lanes;
  readonly hands: HostHands;
  readonly settings: ServerSettings;
  readonly clock: Clock;
  readonly log: Log;
}
