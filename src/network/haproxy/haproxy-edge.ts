/**
 * The edge by HAProxy. The files say what is open before the running process is told: whatever starts from them is right. What the process holds is compared
 * with what was said, and where it cannot be brought in step it is started anew from the files.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { messageOf } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import { nothingOnTheWeb, type WebRoute, type WebState } from '../../core/web-route.ts';
import type { Edge } from '../edge.ts';
import { tellCertificates, writeCertificates, writeWhole } from './certificate-files.ts';
import { haproxyConfig, type HaproxyConfigOptions } from './config.ts';
import { type PageFormat, pageFormats } from './files.ts';
import { edgeLua } from './lua.ts';
import { type Maps, mapsOf } from './maps.ts';
import type { HaproxyProcess } from './process.ts';
import { makeRuntime, readMap, replaceMap } from './runtime.ts';
import { endSessionsTo } from './sessions.ts';

export interface HaproxyEdgeOptions extends Omit<HaproxyConfigOptions, 'hasTls'> {
  readonly process: HaproxyProcess;
  /** What visitors are shown for a server that is slow or broken; `%` is written `%%`, the server's ID and port are in `txn.key` and `txn.value`. */
  readonly page: (failure: 'slow' | 'broken', format: PageFormat) => string;
  readonly log: Log;
}

const mapNames = ['routes', 'domains', 'people', 'readers'] as const;

export function makeHaproxyEdge(options: HaproxyEdgeOptions): Edge {
  const { files, process, log } = options;
  const runtime = makeRuntime(files.adminSocket);
  /** Changes are made one after the other: the last `set` called is the one that stands. */
  let queue: Promise<unknown> = Promise.resolve();
  let said: WebState = nothingOnTheWeb;

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = queue.then(work);
    queue = done.catch(() => {});
    return done;
  }

  function configFor(state: WebState): string {
    return haproxyConfig({ ...options, hasTls: state.certificates.length > 0 });
  }

  /** HAProxy has those that its configuration speaks of. */
  function mapsIn(state: WebState): readonly (keyof Maps)[] {
    const config = configFor(state);
    return mapNames.filter((name) => config.includes(files[name]));
  }

  async function tell(state: WebState, maps: Maps): Promise<void> {
    for (const name of mapsIn(state)) {
      const held = await readMap(runtime, files[name]);
      if (!isDeepStrictEqual(held, maps[name])) await replaceMap(runtime, files[name], maps[name]);
    }
  }

  async function set(state: WebState): Promise<void> {
    const maps = mapsOf(state);
    const isOther = await writeFiles(options, configFor(state), state, maps);
    const certificates = await writeCertificates(files, state.certificates);
    if (isOther || !(await process.isRunning())) await process.restart();
    else {
      try {
        await tell(state, maps);
        await tellCertificates(runtime, files, certificates);
      } catch (error) {
        log.warn({ error: messageOf(error) }, 'HAProxy is started anew: it could not be brought in step');
        await process.restart();
      }
    }
    await endSessionsTo(runtime, closedBy(said, state));
    said = state;
  }

  return {
    set: (state) => inTurn(async () => await set(state)),
    matches: (state) =>
      inTurn(async () => {
        if (!(await process.isRunning())) return false;
        const maps = mapsOf(state);
        for (const name of mapsIn(state)) {
          const isSame = isDeepStrictEqual(await readMap(runtime, files[name]).catch(() => undefined), maps[name]);
          if (!isSame || (await readFile(files[name], 'utf8').catch(() => undefined)) !== linesOf(maps[name])) return false;
        }
        return (
          (await readFile(files.config, 'utf8').catch(() => undefined)) ===
          haproxyConfig({ ...options, hasTls: state.certificates.length > 0 })
        );
      }),
  };
}

/** Says whether the process has to be started anew for them. */
async function writeFiles({ files, page }: HaproxyEdgeOptions, config: string, state: WebState, maps: Maps): Promise<boolean> {
  await mkdir(files.dir, { recursive: true, mode: 0o700 });
  for (const name of mapNames) await writeWhole(files[name], linesOf(maps[name]));
  const fixed = new Map([
    [files.config, config],
    [files.lua, edgeLua],
    [files.passKey, state.passKey],
    ...(['slow', 'broken'] as const).flatMap((failure) =>
      pageFormats.map((format) => [files.page(failure, format), page(failure, format)] as const),
    ),
  ]);
  let isOther = false;
  for (const [path, text] of fixed) {
    if ((await readFile(path, 'utf8').catch(() => undefined)) === text) continue;
    await writeWhole(path, text);
    isOther = true;
  }
  return isOther;
}

function linesOf(entries: readonly string[]): string {
  return entries.map((entry) => `${entry}\n`).join('');
}

/** Places that somebody might still be at who may not any more. For ports with passes that is known of nobody in particular: all come again, and show theirs. */
function closedBy(before: WebState, after: WebState): ReadonlySet<string> {
  const keyOf = ({ generation, door }: WebRoute) => `${generation} ${door}`;
  const now = new Map(after.routes.map((route) => [keyOf(route), route]));
  const readersOf = ({ readers }: WebState, route: WebRoute) =>
    readers.find(({ generation }) => generation === route.generation)?.subjects ?? [];
  const isOtherVisitors = !isDeepStrictEqual(before.stamps, after.stamps);
  const closed = before.routes.filter((route) => {
    if (route.policy === 'off') return false;
    const next = now.get(keyOf(route));
    if (next?.policy === 'public') return false;
    return (
      next === undefined ||
      next.policy !== route.policy ||
      isOtherVisitors ||
      !isDeepStrictEqual(readersOf(before, route), readersOf(after, route))
    );
  });
  return new Set(closed.map(({ address, port }) => `${address}:${port}`));
}
