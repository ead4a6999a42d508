/** Logging as an argument: structured fields first, a plain sentence second (the order of pino, which the daemons pass in). Secrets never go in. */
export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}

export const silentLog: Log = { info: () => {}, warn: () => {}, error: () => {} };
