/** One server: how it is, what it uses, and every way in, to be copied. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { PlanView, ServerDetail, ServerView } from '../contract/schemas.ts';
import { allows } from '../core/access.ts';
import { sentenceOf } from './faults.ts';
import { bytesText, timeText } from './format.ts';
import { servers } from './live.ts';
import { Copyable, Problem, StatusBadge } from './parts.tsx';
import { ServerButtons } from './servers.tsx';
import { api } from './session.ts';
import { Settings } from './settings.tsx';
import { Sharing } from './sharing.tsx';
import { Usage } from './usage.tsx';
import { waysInto } from './ways-in.ts';

const lookMs = 5000;

export function ServerPage({ id }: { readonly id: number }) {
  const [detail, setDetail] = useState<ServerDetail>();
  const [plan, setPlan] = useState<PlanView>();
  const [problem, setProblem] = useState('');
  const live = servers.value.get(id);
  const status = live?.status;
  const current = useRef(id);
  current.current = id;
  const look = async () => {
    try {
      const found = await api.call('getServer', { params: { id } });
      // Meanwhile another server may be looked at.
      if (current.current !== id) return;
      setDetail(found);
      setProblem('');
    } catch (error) {
      if (current.current === id) setProblem(sentenceOf(error));
    }
  };
  useEffect(() => {
    void look();
    const timer = setInterval(() => (document.hidden ? undefined : void look()), lookMs);
    return () => clearInterval(timer);
  }, [id, status]);
  useEffect(() => void api.call('getPlan').then(setPlan, () => {}), []);
  const server = live ?? detail?.server;
  if (server === undefined) return problem === '' ? <p>Looking…</p> : <Problem text={problem} />;
  return (
    <>
      <p>
        <a href="#/servers">All servers</a>
      </p>
      <div class="title">
        <h1>
          Server {id}
          {server.name === null ? '' : ` · ${server.name}`}
        </h1>
        <StatusBadge status={server.status} />
      </div>
      <Problem text={problem} />
      {server.notes === '' ? null : <p>{server.notes}</p>}
      <ServerButtons server={server} />
      {server.status === 'running' ? <TerminalHere id={id} /> : null}
      {detail === undefined ? null : <Usage detail={detail} />}
      {detail === undefined ? null : <Facts detail={detail} server={server} />}
      {detail === undefined || plan === undefined ? null : <WaysIn detail={detail} plan={plan} />}
      {detail === undefined || !allows(server.right, 'set') ? null : <Settings detail={detail} onChanged={() => void look()} />}
      {allows(server.right, 'share') ? <Sharing key={id} id={id} /> : null}
    </>
  );
}

/** The terminal's own page, which loads when it is wanted. */
function TerminalHere({ id }: { readonly id: number }) {
  const [isShown, setShown] = useState(false);
  return (
    <div>
      <p class="buttons">
        <button type="button" aria-expanded={isShown} onClick={() => setShown(!isShown)}>
          {isShown ? 'Put the terminal away' : 'Terminal on this page'}
        </button>
      </p>
      {isShown ? <iframe class="terminal-here" src={`/ssh/${id}`} title={`Terminal of server ${id}`} allow="clipboard-write" /> : null}
    </div>
  );
}

function Facts({
  detail: { usage, hostKeyFingerprint, recordedBy },
  server,
}: {
  readonly detail: ServerDetail;
  readonly server: ServerView;
}) {
  const rows: readonly (readonly [string, string])[] = [
    ['Owner', server.owner],
    ['First user', server.admin],
    ['System', `${server.system} ${server.type}`],
    ['Memory', bytesText(server.memoryBytes)],
    ['Disk', bytesText(server.diskBytes)],
    ['CPUs', String(server.cpus)],
    ['Processes', usage === null ? '' : String(usage.processes)],
    ['Private address', server.address],
    ['Host key', hostKeyFingerprint ?? ''],
    ['Recorded', recordedBy === null ? '' : `by wish of the ${recordedBy}`],
    ['Created', timeText(server.createdAt)],
  ];
  return (
    <section aria-label="Facts">
      <dl>
        {rows
          .filter(([, value]) => value !== '')
          .map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
      </dl>
    </section>
  );
}

function WaysIn({ detail, plan }: { readonly detail: ServerDetail; readonly plan: PlanView }) {
  return (
    <section>
      <h2>Ways in</h2>
      {waysInto(detail, plan).map(({ title, lines }) => (
        <details key={title} open={title === 'Browser' || title.startsWith('OpenSSH')}>
          <summary>{title}</summary>
          {lines.map(({ label, text, href }) => (
            <div key={`${label} ${text}`}>
              <p>{href === undefined ? label : <a href={href}>{label}</a>}</p>
              <Copyable text={text} label={label} />
            </div>
          ))}
        </details>
      ))}
    </section>
  );
}
