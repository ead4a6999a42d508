/** So many at once of each, and the others in their order. */
export interface Turns {
  /** Resolves when it is their turn; what it gives ends that turn, once. */
  take(whose: string): Promise<() => void>;
}

export function makeTurns(atOnce: number): Turns {
  const states = new Map<string, { busy: number; readonly waiting: (() => void)[] }>();
  return {
    async take(whose) {
      const state = states.get(whose) ?? { busy: 0, waiting: [] };
      states.set(whose, state);
      if (state.busy < atOnce) state.busy += 1;
      else await new Promise<void>((resolve) => state.waiting.push(resolve));
      let isOver = false;
      return () => {
        if (isOver) return;
        isOver = true;
        const next = state.waiting.shift();
        if (next !== undefined) return next();
        state.busy -= 1;
        if (state.busy === 0) states.delete(whose);
      };
    },
  };
}
