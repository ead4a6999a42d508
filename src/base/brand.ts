/** A value of type `T` that only its `parse…` function can make, so that an unchecked string or number cannot stand in for it. */
export type Brand<T, Name extends string> = T & { readonly __brand: Name };

/** The end of every switch over a union: a compile error when a member was forgotten, a clear throw when data lied about its type. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
