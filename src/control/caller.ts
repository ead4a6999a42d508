/** Who asks, through which door. Every verb of control takes a caller; `core/access` decides by its actor, the audit names the rest. */
import type { Secret } from '../base/secret.ts';
import type { Actor, PersonActor } from '../core/access.ts';
import { fault } from '../core/errors.ts';
import type { PersonName } from '../core/names.ts';
import type { AuditOrigin, AuditVia } from '../store/records.ts';

export interface Caller {
  readonly actor: Actor;
  readonly via: AuditVia;
  /** IP address of the other end; undefined on root.sock. */
  readonly fromAddress: string | undefined;
  /** The token that was shown, when it was a token. */
  readonly tokenId: string | undefined;
  /** Told before one's own new password holds, so that the sign-in by which it was changed goes on counting. */
  readonly keepSignedIn?: (passwordHash: Secret) => void;
}

export const controlItself: Caller = { actor: { kind: 'root' }, via: 'control', fromAddress: undefined, tokenId: undefined };

export function personOf(caller: Caller): PersonName | undefined {
  return caller.actor.kind === 'person' ? caller.actor.name : undefined;
}

export function originOf(caller: Caller): AuditOrigin {
  return { person: personOf(caller), via: caller.via, fromAddress: caller.fromAddress };
}

export function isAdministrator(actor: Actor): boolean {
  return actor.kind === 'root' || (actor.role === 'administrator' && !actor.disabled);
}

/** Staff and administrators see everybody's things. */
export function isStaff(actor: Actor): boolean {
  return isAdministrator(actor) || (actor.kind === 'person' && actor.role === 'staff' && !actor.disabled);
}

/** Throws `not-allowed`. `deed` completes "only administrators may ...". */
export function requireAdministrator(caller: Caller, deed: string): void {
  if (!isAdministrator(caller.actor)) throw fault('not-allowed', `only administrators may ${deed}`);
}

/** Throws `bad-request` for root, who is nobody in the store. `deed` completes "root is no person and cannot ...". */
export function requirePerson(caller: Caller, deed: string): PersonActor {
  if (caller.actor.kind === 'root') throw fault('bad-request', `root is no person in the store and cannot ${deed}; sign in as somebody`);
  return caller.actor;
}
