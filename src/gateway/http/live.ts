/** What is under way, by the route it goes to: so that a route that is taken away takes along what still flows through it. */
import type { WebRoute } from '../../core/web-route.ts';

export interface Live {
  /** `cut` is called once, if the route ends first. Call what is given back when it is over. */
  add(route: WebRoute, cut: () => void): () => void;
  /** Cuts all of the routes for which `stays` is false. */
  sweep(stays: (route: WebRoute) => boolean): void;
}

export function makeLive(): Live {
  const flows = new Set<{ readonly route: WebRoute; readonly cut: () => void }>();
  return {
    add(route, cut) {
      const flow = { route, cut };
      flows.add(flow);
      return () => void flows.delete(flow);
    },
    sweep(stays) {
      const ending = [...flows].filter(({ route }) => !stays(route));
      for (const flow of ending) {
        flows.delete(flow);
        flow.cut();
      }
    },
  };
}
