import type { DeskLink } from './desk.ts';

/** For tests in which nobody signs in. */
export const noDesk: DeskLink = {
  signIn: () => Promise.reject(new Error('nobody signs in here')),
  enter: () => Promise.reject(new Error('nobody enters here')),
  enterByLink: () => Promise.reject(new Error('nobody enters here')),
  start: () => Promise.reject(new Error('nothing is started here')),
};
