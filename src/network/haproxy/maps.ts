/** The state of the web as lines of HAProxy's maps: only what is open to somebody has one. */
import type { WebState } from '../../core/web-route.ts';

export interface Maps {
  readonly routes: readonly string[];
  readonly domains: readonly string[];
  readonly people: readonly string[];
  readonly readers: readonly string[];
}

export function mapsOf({ routes, domains, stamps, readers }: WebState): Maps {
  const open = routes.filter(({ isUp, policy }) => isUp && policy !== 'off');
  const byGeneration = new Map(routes.map((route) => [`${route.door} ${route.generation}`, route]));
  return {
    routes: open
      .map(
        ({ door, id, address, port, policy, generation, repair }) => `${door}/${id} ${address}|${port}|${policy}|${generation}|${repair}`,
      )
      .sort(),
    domains: domains
      .flatMap(({ name, door, generation }) => {
        const route = byGeneration.get(`${door} ${generation}`);
        return route === undefined ? [] : [`${name} ${door}/${route.id}`];
      })
      .sort(),
    people: stamps.map(({ subject, stamp }) => `${subject} ${stamp}`).sort(),
    readers: readers.flatMap(({ generation, subjects }) => subjects.map((subject) => `${generation}/${subject} 1`)).sort(),
  };
}
