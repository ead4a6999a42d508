/**
 * The one thing that portable code (base, core, contract, client, commands) takes from its runtime beside the language: every runtime we meet has it, and
 * neither Node's types nor the DOM's may be needed to compile. Where Node's types are present, the two declarations merge.
 */
interface AbortSignal {
  readonly aborted: boolean;
  throwIfAborted(): void;
  addEventListener(type: 'abort', listener: () => void, options?: { readonly once?: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}
