/** How reading one line ended. */
export type TypedLine =
  | { readonly kind: 'line'; readonly text: string }
  /** ^C */
  | { readonly kind: 'interrupted' }
  /** ^D on an empty line, or no key comes any more. */
  | { readonly kind: 'end' };
