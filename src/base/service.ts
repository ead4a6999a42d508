/** A part of a daemon with a life of its own. */
export interface Service {
  readonly name: string;
  /** Resolves when the service is ready to be used. */
  start(): Promise<void>;
  /** Finishes what is under way, then ends. Repeatable. */
  stop(): Promise<void>;
}
