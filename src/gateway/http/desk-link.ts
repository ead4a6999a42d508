import type { ControlLink } from '../control-link.ts';
import type { DeskLink } from './desk.ts';

export function makeDeskLink(link: Pick<ControlLink, 'call'>): DeskLink {
  return {
    async signIn(who, { generation, door }) {
      return (await link.call('webSignIn', { body: { ...who, generation, door } })).ticket;
    },
    async enter(ticket, { generation, door }, fromAddress) {
      return await link.call('webEnter', { body: { ticket, fromAddress, generation, door } });
    },
    async enterByLink(key, { generation, door }, fromAddress) {
      return await link.call('webEnter', { body: { link: key, fromAddress, generation, door } });
    },
    async start(who, id) {
      await link.call('webStart', { body: { ...who, id } });
    },
  };
}
