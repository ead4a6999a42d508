/** What is under way, by the route it goes to: so that a route that is taken away takes along what still flows through it. */
import type { PassClaims } from '../../core/web-pass.ts';
import type { WebRoute } from '../../core/web-route.ts';

export interface Flow {
  readonly route: WebRoute;
  /** Of the pass that let it through; undefined where it needed none. */
  readonly claims: PassClaims | undefined;
}

export interface Live {
  /** `cut` is called once, if the route ends first. Call what is given back when it is over. */
  add(flow: Flow, cut: () => void): () => void;
  /** Cuts all for which `stays` is false. */
  sweep(stays: (flow: Flow) => boolean): void;
}

export function makeLive(): Live {
  const flows = new Set<Flow & { readonly cut: () => void }>();
  return {
    add({ route, claims }, cut) {
      const flow = { route, claims, cut };
      flows.add(flow);
      return () => void flows.delete(flow);
    },
    sweep(stays) {
      const ending = [...flows].filter((flow) => !stays(flow));
      for (const flow of ending) {
        flows.delete(flow);
        flow.cut();
      }
    },
  };
}
