/** `--local-forward [ID=][ADDRESS:]PORT:HOST:PORT` and `--dynamic-forward [ID=][ADDRESS:]PORT`, as ssh -L and -D take them. */
import { fault } from '../../core/errors.ts';
import { parseServerId, shorten, type ServerId } from '../../core/ids.ts';

export interface Forward {
  /** Undefined: for every server. */
  readonly id: ServerId | undefined;
  /** `8888`, or `127.0.0.1:8888`. */
  readonly listen: string;
  /** `localhost:8888`; undefined for a dynamic one (a SOCKS proxy). */
  readonly target: string | undefined;
}

const host = String.raw`(?:\[[\da-fA-F:.]+\]|[\w.-]+|\*)`;
const localRule = new RegExp(String.raw`^(?:(\d+)=)?((?:${host}:)?(\d{1,5})):(${host}:(\d{1,5}))$`, 'u');
const dynamicRule = new RegExp(String.raw`^(?:(\d+)=)?((?:${host}:)?(\d{1,5}))$`, 'u');

export function parseForwards(local: readonly string[] = [], dynamic: readonly string[] = []): readonly Forward[] {
  return [...local.map(parseLocal), ...dynamic.map(parseDynamic)];
}

export function forwardsOf(forwards: readonly Forward[], id: ServerId | undefined): readonly Forward[] {
  return forwards.filter((forward) => forward.id === id);
}

function parseLocal(text: string): Forward {
  const [, id, listen, port, target, targetPort] = localRule.exec(text) ?? [];
  if (listen === undefined || !isPort(port) || !isPort(targetPort))
    throw fault('bad-request', `"${shorten(text)}" is no forward: write for example 8888:localhost:8888, or 123=8888:localhost:8888`);
  return { id: idOf(id), listen, target };
}

function parseDynamic(text: string): Forward {
  const [, id, listen, port] = dynamicRule.exec(text) ?? [];
  if (listen === undefined || !isPort(port))
    throw fault('bad-request', `"${shorten(text)}" is no port to forward from: write for example 10080, or 123=10080`);
  return { id: idOf(id), listen, target: undefined };
}

function isPort(text: string | undefined): boolean {
  return text !== undefined && Number(text) >= 1 && Number(text) <= 65_535;
}

function idOf(text: string | undefined): ServerId | undefined {
  return text === undefined ? undefined : parseServerId(text);
}
