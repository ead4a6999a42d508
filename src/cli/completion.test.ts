/** Completion in the real shells: what a person gets who types the words and presses Tab. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { MemoryControl } from '../commands/memory-control.testing.ts';
import { serverOf } from '../commands/memory-views.testing.ts';
import { serveControl } from './control-over-http.testing.ts';
import { type Home, makeHome } from './spawned.testing.ts';

function skipWithout(shell: string): string | false {
  return spawnSync(shell, ['-c', 'true']).status === 0 ? false : `${shell} is not installed`;
}

async function withControl(act: (home: Home, env: Readonly<Record<string, string>>) => Promise<void>): Promise<void> {
  await using home = await makeHome();
  const control = new MemoryControl();
  control.servers.set(123, serverOf(123));
  control.servers.set(7, serverOf(7, { notes: '$(touch pwned) `touch pwned` "quoted"\u001B[31m' }));
  await using served = await serveControl(control);
  const login = await home.run(['login', served.url, '--password-stdin'], { input: 'right horse\n' });
  assert.equal(login.code, 0, login.error);
  await act(home, { XDG_CONFIG_HOME: `${home.dir}/.config`, XDG_DATA_HOME: `${home.dir}/.data` });
}

const prompt = 'READY';
/** Typed, then Tab, then Enter: the line that runs shows what was completed. */
const typedLines: readonly (readonly [string, RegExp])[] = [
  ['myserver inf\t12\t', /server +123/u],
  ['myserver user add z --role=adm\t', /person +z/u],
  ['myserver list --for\tcs\t', /id,owner,admin/u],
];

async function typeInto(home: Home, shell: readonly string[], setUp: string, env: Readonly<Record<string, string>>): Promise<void> {
  for (const [line, shown] of typedLines) {
    const { output } = await home.type(
      shell,
      [
        [/[$%>#]/u, `${setUp}; echo ${prompt}''SET\r`],
        [/READYSET/u, line],
        [/(?:123|administrator|csv)/u, `\r`],
        [shown, 'exit\r'],
      ],
      env,
    );
    assert.match(output, shown, `${line} in ${shell[0] ?? ''}`);
  }
}

test(
  'completion bash completes commands, options, their values and IDs in an interactive bash',
  { skip: skipWithout('bash'), timeout: 120_000 },
  () => withControl((home, env) => typeInto(home, ['bash', '--norc', '--noprofile', '-i'], 'source <(myserver completion bash)', env)),
);

test('completion zsh completes the same in an interactive zsh', { skip: skipWithout('zsh'), timeout: 120_000 }, () =>
  withControl((home, env) =>
    typeInto(home, ['zsh', '-f', '-i'], 'autoload -Uz compinit; compinit -u; source <(myserver completion zsh)', env),
  ),
);

test('completion fish offers IDs with their descriptions', { skip: skipWithout('fish'), timeout: 120_000 }, () =>
  withControl(async (home, env) => {
    const ask = async (line: string) =>
      (await home.type(['fish', '--no-config', '-c', `myserver completion fish | source; complete -C '${line}'`], [], env)).output;
    assert.match(await ask('myserver info 1'), /123\trunning, jbond007/u);
    assert.match(await ask('myserver st'), /start\tstart servers\r?\nstop\t/u);
    assert.match(await ask('myserver list -f c'), /csv/u);
  }),
);

test('completion offers files where a file is wanted, and nothing in notes is run or obeyed', { skip: skipWithout('bash') }, () =>
  withControl(async (home, env) => {
    const script = `cd "$HOME"; touch wanted.pub; source <(myserver completion bash)
      ask() { COMP_LINE="$*"; COMP_POINT=\${#COMP_LINE}; COMPREPLY=(); _myserver 2>/dev/null; printf '[%s]' "\${COMPREPLY[@]}"; echo; }
      ask myserver stop ''; ask myserver stop 1; ask myserver create --key w; ls pwned 2>&1; myserver complete -- info '' | cat -v`;
    const { output } = await home.type(['bash', '-c', script], [], env);
    assert.match(output, /^\[123\]\[7\]\r?\n\[123\]\r?\n\[\]/u);
    assert.match(output, /ls: cannot access/u);
    assert.doesNotMatch(output, /\^\[/u);
  }),
);
