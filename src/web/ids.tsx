/** All IDs of the plan, for staff and administrators: whose each is, and how its server is. */
import type { PlanView, ServerView } from '../contract/schemas.ts';
import { servers } from './live.ts';
import { useLoaded } from './loaded.ts';
import { Problem } from './parts.tsx';
import { api } from './session.ts';

export function IdsPage() {
  const { value: plan, problem } = useLoaded(async () => await api.call('getPlan'));
  const all = servers.value;
  const counts = new Map<string, number>();
  for (const { status } of all.values()) counts.set(status, (counts.get(status) ?? 0) + 1);
  return (
    <>
      <h1>IDs</h1>
      <Problem text={problem} />
      <p class="facts">
        {all.size} taken{[...counts].map(([status, count]) => ` · ${count} ${status}`)}
      </p>
      {plan === undefined ? null : <Cells plan={plan} servers={all} />}
    </>
  );
}

function Cells({ plan, servers: all }: { readonly plan: PlanView; readonly servers: ReadonlyMap<number, ServerView> }) {
  const ids = Array.from({ length: plan.lastId - plan.firstId + 1 }, (_none, at) => plan.firstId + at);
  return (
    <div class="cells">
      {ids.map((id) => {
        const server = all.get(id);
        if (server === undefined) return <span key={id} class="cell" title={`${id}: free`} />;
        const text = `${id}: ${server.owner}, ${server.status}${server.notes === '' ? '' : `, ${server.notes}`}`;
        return <a key={id} class={`cell ${server.status}`} href={`#/servers/${id}`} title={text} aria-label={text} />;
      })}
    </div>
  );
}
