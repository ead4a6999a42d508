/** What went wrong, as the server said it. */
export function faultCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'internal';
}

export function sentenceOf(error: unknown): string {
  if (error instanceof TypeError) return 'The server cannot be reached: is the network there?';
  const text = error instanceof Error ? error.message : String(error);
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}${/[.!?]$/u.test(text) ? '' : '.'}`;
}
