/**
 * The scripts that teach a shell to complete. Each asks the hidden command `myserver complete -- WORDS...` (all words up to the cursor, the last one being
 * completed), which answers lines of `value TAB description`, or a last line `:files` where file names are wanted.
 */
import { leaf, perform, type Register, required } from './grammar.ts';
import type { CommonOptions } from './invocation.ts';
import { fault } from '../core/errors.ts';
import { shorten } from '../core/ids.ts';

/** COMP_WORDS is split at ":" and "=", so the words are taken from the line, and what stands before the last such sign is not said again. */
const bash = String.raw`# completion of myserver for bash: source <(myserver completion bash)
_myserver() {
  local line=\${COMP_LINE:0:COMP_POINT} words cur prefix='' reply value
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  cur=\${words[\${#words[@]}-1]}
  [[ $cur == *[:=]* ]] && prefix=\${cur%"\${cur##*[:=]}"}
  COMPREPLY=()
  while IFS= read -r reply; do
    if [[ $reply == :files ]]; then
      compopt -o default 2>/dev/null
      COMPREPLY=()
      return
    fi
    value=\${reply%%$'\t'*}
    COMPREPLY+=("\${value#"$prefix"}")
  done < <(command myserver complete -- "\${words[@]:1}" 2>/dev/null)
}
complete -F _myserver myserver
`.replaceAll('\\$', '$');

const zsh = String.raw`#compdef myserver
# completion of myserver for zsh: source <(myserver completion zsh), or as a file _myserver in $fpath
_myserver() {
  local -a values
  local reply value
  for reply in "\${(@f)$(command myserver complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    if [[ $reply == :files ]]; then
      _files
      return
    fi
    [[ -z $reply ]] && continue
    value=\${reply%%$'\t'*}
    values+=("\${value//:/\\:}:\${reply#*$'\t'}")
  done
  _describe -t values myserver values
}
if [[ $funcstack[1] == _myserver ]]; then
  _myserver "$@"
else
  compdef _myserver myserver
fi
`.replaceAll('\\$', '$');

const fish = String.raw`# completion of myserver for fish: myserver completion fish > ~/.config/fish/completions/myserver.fish
function __myserver_complete
    set -l words (commandline -opc)
    set -e words[1]
    set -l current (commandline -ct)
    for reply in (command myserver complete -- $words "$current" 2>/dev/null)
        if test "$reply" = :files
            __fish_complete_path "$current"
        else
            echo $reply
        end
    end
end
complete -c myserver -f -a '(__myserver_complete)'
`;

const scripts: Readonly<Record<string, string>> = { bash, zsh, fish };

export const registerCompletion: Register = (program, invocation) => {
  const command = leaf(program, invocation, {
    usage: 'completion <shell>',
    summary: 'completion with the Tab key: commands, options, IDs of your servers, systems, people',
    examples: [
      'source <(myserver completion bash)                       # also in ~/.bashrc',
      'source <(myserver completion zsh)                        # also in ~/.zshrc, after compinit',
      'myserver completion fish > ~/.config/fish/completions/myserver.fish',
    ],
    more: 'Values of yours are offered where no password is needed: after "myserver login", or for root on the host.',
  });
  perform<CommonOptions>(command, async (args) => {
    const shell = required(args[0]);
    const script = Object.hasOwn(scripts, shell) ? scripts[shell] : undefined;
    if (script === undefined) throw fault('bad-request', `there is no completion for "${shorten(shell)}"; there is for bash, zsh and fish`);
    invocation.say(script);
    return Promise.resolve();
  });
};
