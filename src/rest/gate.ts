/** Who a request comes from, and whether they may call that route at all. What they may do there is control's to decide. */
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import type { PersonActor } from '../core/access.ts';
import { fault } from '../core/errors.ts';
import { plainAddress } from '../core/peer-address.ts';
import { clientAddressHeader } from '../contract/portal.ts';
import type { Door } from '../contract/route.ts';
import { type Caller, isAdministrator } from '../control/caller.ts';
import type { GatewayCallers } from '../control/gateway/gateway-callers.ts';
import type { Approach } from '../control/people/password-proof.ts';
import type { PeopleControl } from '../control/people/people-control.ts';
import { parseCredential } from './credentials.ts';
import { routesNotByGateway } from './routes.ts';

export type Session = { readonly caller: Caller; readonly recheck: () => Promise<PersonActor | undefined> };

export interface Gate {
  approach(headers: IncomingHttpHeaders, fromAddress: string | undefined): Approach;
  /** Throws `not-signed-in`, `wrong-password`, `too-many-tries`, `password-expired`, `not-allowed`. `name` is the route's, for the audit. */
  admit(request: {
    readonly headers: IncomingHttpHeaders;
    readonly approach: Approach;
    readonly door: Door;
    readonly name: string;
    readonly isForPasswordChange: boolean;
  }): Promise<Session>;
}

/**
 * `root`: opening it is the proof of being root. `local`: password or token. `gateway`: what control gave the gateway at a person's sign-in. `portal`: as
 * `local`, for people elsewhere whose requests the gateway passes on as they are; it says where they come from.
 */
export type DoorKind = 'root' | 'local' | 'gateway' | 'portal';

export interface GateOptions {
  readonly kind: DoorKind;
  readonly people: PeopleControl;
  readonly gatewayCallers: GatewayCallers;
}

export function makeGate({ kind, people, gatewayCallers }: GateOptions): Gate {
  const isRootDoor = kind === 'root';

  async function signInAtGateway(headers: IncomingHttpHeaders, isForPasswordChange: boolean): Promise<Session> {
    const credential = parseCredential(headers.authorization);
    if (credential.kind !== 'token') throw fault('not-signed-in', 'the gateway shows what it was given at the sign-in');
    const { caller, passwordMustChange, recheck } = await gatewayCallers.admit(credential.token.reveal());
    if (passwordMustChange && !isForPasswordChange) throw passwordExpired('type "password"');
    return { caller, recheck };
  }

  async function signIn(headers: IncomingHttpHeaders, approach: Approach, isForPasswordChange: boolean): Promise<Session> {
    if (isRootDoor) {
      return { caller: { actor: { kind: 'root' }, ...approach, tokenId: undefined }, recheck: () => Promise.resolve(undefined) };
    }
    if (kind === 'gateway') return await signInAtGateway(headers, isForPasswordChange);
    const credential = parseCredential(headers.authorization);
    const { actor, tokenId, passwordMustChange, recheck } =
      credential.kind === 'token'
        ? await people.signIn.byToken(credential.token, approach)
        : await people.signIn.byPassword(credential.person, credential.password, approach);
    if (passwordMustChange && !isForPasswordChange) {
      throw passwordExpired('run "myserver password"');
    }
    return { caller: { actor, ...approach, tokenId }, recheck };
  }

  return {
    // The command line says so of itself; it changes one word in the audit and nothing else.
    approach: (headers, fromAddress) => ({
      via: viaOf(kind, headers),
      fromAddress: isRootDoor ? undefined : peerOf(kind, headers, fromAddress),
    }),
    async admit({ headers, approach, door, name, isForPasswordChange }) {
      const session = await signIn(headers, approach, isForPasswordChange);
      // The call behind the door `root` tells for itself what is root's alone and what administrators may do.
      if ((door === 'administrator' || door === 'root') && !isAdministrator(session.caller.actor)) {
        await people.audit.noteRefusal(session.caller, name, 'only for administrators');
        throw fault('not-allowed', 'only administrators may do that');
      }
      if (kind === 'gateway' && routesNotByGateway.some((one) => one === name)) {
        await people.audit.noteRefusal(session.caller, name, 'not by way of the bastion: is the gateway still ours?');
        throw fault('not-allowed', 'no token is made by way of the bastion: run "myserver login URL" on a machine of your own');
      }
      return session;
    },
  };
}

function viaOf(kind: DoorKind, headers: IncomingHttpHeaders): Approach['via'] {
  if (kind === 'gateway') return 'ssh';
  if (headers['x-myserver-via'] === 'cli') return 'cli';
  if (kind === 'root') return 'root';
  return kind === 'portal' && headers.origin !== undefined ? 'web' : 'rest';
}

/** Where a request comes from. Only the gateway can open the portal's door, and its word is all that there is. */
export function peerOf(kind: DoorKind, headers: IncomingHttpHeaders, socketAddress: string | undefined): string | undefined {
  const told = headers[clientAddressHeader];
  const address = kind === 'portal' ? (typeof told === 'string' && isIP(told) !== 0 ? told : undefined) : socketAddress;
  return address === undefined ? undefined : plainAddress(address);
}

function passwordExpired(remedy: string): Error {
  return fault('password-expired', `your password is a one-time password and must be changed first: ${remedy}`);
}
