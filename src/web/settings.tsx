/** What can be changed of a server: only what was changed is sent. */
import { useState } from 'preact/hooks';
import type { ChangeServer, ServerDetail } from '../contract/schemas.ts';
import { portPolicies } from '../core/port-policy.ts';
import { sentenceOf } from './faults.ts';
import { fieldOf, formOf } from './form.ts';
import { told } from './loaded.ts';
import { Copyable, Problem, tell } from './parts.tsx';
import { api } from './session.ts';

const [mebibyte, gibibyte] = [2 ** 20, 2 ** 30];

const policyTexts: Readonly<Record<string, string>> = {
  public: 'everybody',
  'signed-in': 'whoever has signed in',
  shared: 'whom it is shared with',
  off: 'nobody',
};

export interface SettingsProps {
  readonly detail: ServerDetail;
  readonly onChanged: () => void;
}

export function Settings({ detail, onChanged }: SettingsProps) {
  const { server } = detail;
  const [problem, setProblem] = useState('');
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    const body = changeIn(formOf(event), detail);
    if (Object.keys(body).length === 0) return tell('Nothing was changed.');
    api.call('changeServer', { params: { id: server.id }, body }).then(
      ({ needsRestart }) => {
        setProblem('');
        tell(needsRestart ? 'Changed; some of it from the next start on.' : 'Changed.');
        onChanged();
      },
      (error: unknown) => setProblem(sentenceOf(error)),
    );
  };
  return (
    <details>
      <summary>Settings</summary>
      <form key={server.generation} onSubmit={onSubmit}>
        <Problem text={problem} />
        <label>
          Notes
          <input name="notes" maxLength={500} defaultValue={server.notes} />
        </label>
        <label>
          Name
          <input name="name" maxLength={64} autocapitalize="none" spellcheck={false} defaultValue={server.name ?? ''} />
        </label>
        <label>
          Memory in MB
          <input name="memory" type="number" min={64} defaultValue={String(server.memoryBytes / mebibyte)} />
        </label>
        <label>
          CPUs
          <input name="cpus" type="number" min={1} defaultValue={String(server.cpus)} />
        </label>
        <label>
          Disk in GB
          <input name="disk" type="number" min={1} step="any" defaultValue={String(server.diskBytes / gibibyte)} />
        </label>
        {Object.entries(server.policies).map(([name, policy]) => (
          <label key={name}>
            Who may come to port "{name}"
            <select name={`port-${name}`} defaultValue={policy}>
              {portPolicies.map((one) => (
                <option key={one} value={one} selected={one === policy}>
                  {policyTexts[one]}
                </option>
              ))}
            </select>
          </label>
        ))}
        <label class="check">
          <input type="checkbox" name="record" defaultChecked={detail.record} />
          Record terminal sessions
        </label>
        <button class="main">Save</button>
      </form>
      <NewPassword id={server.id} admin={server.admin} />
      <GatewayKey detail={detail} onChanged={onChanged} />
    </details>
  );
}

function changeIn(form: HTMLFormElement | null, { server, record }: ServerDetail): ChangeServer {
  const text = (name: string) => fieldOf(form, name).trim();
  const bytes = (name: string, unit: number) => Math.round(Number(text(name)) * unit);
  const ports = Object.fromEntries(
    Object.entries(server.policies).flatMap(([name, policy]) => {
      const chosen = text(`port-${name}`);
      return chosen === policy || chosen === '' ? [] : [[name, chosen]];
    }),
  );
  const [memoryBytes, diskBytes, cpus] = [bytes('memory', mebibyte), bytes('disk', gibibyte), Number(text('cpus'))];
  const wantsRecord = text('record') !== '';
  return {
    ...(text('notes') === server.notes ? {} : { notes: text('notes') }),
    ...(text('name') === (server.name ?? '') ? {} : { name: text('name') === '' ? null : text('name') }),
    ...(memoryBytes === server.memoryBytes ? {} : { memoryBytes }),
    ...(diskBytes === server.diskBytes ? {} : { diskBytes }),
    ...(cpus === server.cpus ? {} : { cpus }),
    ...(Object.keys(ports).length === 0 ? {} : { ports }),
    ...(wantsRecord === record ? {} : { record: wantsRecord }),
  };
}

/** By which the bastion and this portal let people in who may enter. */
function GatewayKey({ detail: { server, gatewayKey }, onChanged }: SettingsProps) {
  const change = () =>
    void told(
      api.call(gatewayKey ? 'removeGatewayKey' : 'addGatewayKey', { params: { id: server.id } }),
      gatewayKey ? "The gateway's key is out." : "The gateway's key is in.",
    ).then(onChanged);
  return (
    <p>
      The gateway's own key {gatewayKey ? 'lets those in who may enter this server.' : 'is not in this server: a password is asked.'}{' '}
      <button type="button" onClick={change}>
        {gatewayKey ? 'Take it out' : 'Put it in'}
      </button>
    </p>
  );
}

function NewPassword({ id, admin }: { readonly id: number; readonly admin: string }) {
  const [made, setMade] = useState<{ readonly user: string; readonly password: string }>();
  const ask = () => api.call('serverPassword', { params: { id }, body: {} }).then(setMade, (error: unknown) => tell(sentenceOf(error)));
  return (
    <div>
      <p>
        Password of {admin} forgotten?{' '}
        <button type="button" onClick={() => void ask()}>
          New one-time password
        </button>
      </p>
      {made === undefined ? null : <Copyable text={made.password} label={`one-time password of ${made.user}`} />}
    </div>
  );
}
