/**
 * `kill -9` at any instruction, without a process: every call that control makes to the outside goes through a mortal wrapper, and at the chosen call the
 * life ends. What was called before has happened, what comes after never does: its promises never settle, as a dead process's never do.
 */
export interface Life {
  /** Calls made so far. */
  calls: number;
  /** The call with this number is the last. */
  readonly endsAt: number;
  /** Whether the last call is still carried out and only its answer is lost, or is lost altogether. */
  readonly lastCall: 'is-done' | 'is-lost';
}

const never = new Promise<never>(() => {});

/** `thing` with all its methods, and those of the objects in it, bound to `life`. Objects handed to callbacks are not wrapped. */
export function mortal<T extends object>(thing: T, life: Life): T {
  const wrapped = new Map<PropertyKey, unknown>();
  return new Proxy(thing, {
    get(target, key) {
      if (wrapped.has(key)) return wrapped.get(key);
      const value: unknown = Reflect.get(target, key, target);
      const replacement = replacementOf(value, target, life);
      if (replacement !== value) wrapped.set(key, replacement);
      return replacement;
    },
  });
}

function replacementOf(value: unknown, target: object, life: Life): unknown {
  if (typeof value === 'function') return (...args: readonly unknown[]) => call(() => Reflect.apply(value, target, args) as unknown, life);
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? mortal(value, life) : value;
}

function call(deed: () => unknown, life: Life): unknown {
  life.calls += 1;
  if (life.calls > life.endsAt || (life.calls === life.endsAt && life.lastCall === 'is-lost')) return never;
  const result = deed();
  if (life.calls === life.endsAt) {
    // Done, but nobody hears of it.
    if (result instanceof Promise) result.catch(() => {});
    return never;
  }
  return result instanceof Promise ? result.then(...unlessDead(life)) : result;
}

/** An answer that comes after death is not heard either. */
function unlessDead(life: Life): [(value: unknown) => unknown, (error: unknown) => Promise<never>] {
  const isDead = () => life.calls >= life.endsAt;
  return [(value) => (isDead() ? never : value), (error) => (isDead() ? never : Promise.reject(error as Error))];
}
