import { Secret } from '../base/secret.ts';
import type { HandlerParts, Handlers } from './handler.ts';
import { keyView, personView } from './views.ts';

type Names = 'me' | 'listPeople' | 'addPerson' | 'changePerson' | 'removePerson' | 'personPassword' | 'listKeys' | 'addKeys' | 'removeKey';

export function peopleHandlers({ people: { people, keys } }: HandlerParts): Pick<Handlers, Names> {
  return {
    async me({ caller }) {
      const shown = await people.me(caller);
      return {
        name: shown?.person.name ?? null,
        isRoot: caller.actor.kind === 'root',
        person: shown === undefined ? null : personView(shown),
      };
    },
    listPeople: async ({ caller }) => ({ people: (await people.list(caller)).map(personView) }),
    async addPerson({ caller, body: { password: given, ...rest } }) {
      const { shown, password } = await people.add(caller, given === undefined ? rest : { ...rest, password: new Secret(given) });
      return { person: personView(shown), password: password?.reveal() ?? null };
    },
    changePerson: async ({ caller, params, body }) => ({ person: personView(await people.change(caller, params.name, body)) }),
    async removePerson({ caller, params }) {
      await people.remove(caller, params.name);
      return undefined;
    },
    async personPassword({ caller, params, body: { current, next } }) {
      const password = await people.password(caller, params.name, {
        ...(current === undefined ? {} : { current: new Secret(current) }),
        ...(next === undefined ? {} : { next: new Secret(next) }),
      });
      return { password: password?.reveal() ?? null };
    },
    listKeys: async ({ caller, params }) => ({ keys: (await keys.list(caller, params.name)).map(keyView) }),
    addKeys: async ({ caller, params, body }) => ({ keys: (await keys.add(caller, params.name, body.text, body.servers)).map(keyView) }),
    async removeKey({ caller, params }) {
      await keys.remove(caller, params.name, params.id);
      return undefined;
    },
  };
}
