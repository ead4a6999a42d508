/** The log of the daemons: one JSON line an event on standard output, where journald or the supervisor's file takes it. */
import { pino } from 'pino';
import type { Log } from '../base/log.ts';

export function makeLog(name: string): Log {
  const logger = pino({ name, level: process.env['MYSERVER_LOG_LEVEL'] ?? 'info', base: { name, pid: process.pid } });
  return {
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
  };
}
