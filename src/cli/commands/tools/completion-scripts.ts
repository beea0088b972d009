/** What each shell loads: it hands the words to `netlab __complete` and shows the answer its own way. */

/** Shell text as it stands, but for the braces of `${…}`, which JavaScript would take for its own. */
const text = (strings: TemplateStringsArray): string => strings.raw.join('').replaceAll('\\${', '${')

const bash = text`# bash completion for netlab. To load it now: source <(netlab completion bash)
# For every shell: netlab completion bash > ~/.local/share/bash-completion/completions/netlab

_netlab() {
  local cur=\${COMP_WORDS[COMP_CWORD]} rest=$COMP_LINE word line prefix i
  local -a words=() at=()
  COMPREPLY=()
  # Readline also splits at "=" and ":". What no blank separates is one word.
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ i -eq 0 || $rest == [[:space:]]* ]]; then
      at+=("$i")
      words+=("$word")
    else
      words[\${#words[@]} - 1]+=$word
    fi
    rest=\${rest#"\${rest%%[![:space:]]*}"}
    rest=\${rest#"$word"}
  done
  # Only what follows such a split is replaced.
  word=\${words[\${#words[@]} - 1]}
  prefix=\${word%"$cur"}
  [[ $cur == [=:] ]] && prefix=$word

  while IFS= read -r line; do
    case $line in
      :yaml)
        compopt -o filenames 2>/dev/null
        while IFS= read -r word; do COMPREPLY+=("$word"); done < <(
          compgen -d -- "$cur"
          compgen -f -X '!*.yaml' -- "$cur"
          compgen -f -X '!*.yml' -- "$cur"
        )
        ;;
      :files)
        compopt -o default 2>/dev/null
        ;;
      ':command '*)
        i=$((\${line#:command } + 1))
        if declare -F _comp_command_offset >/dev/null; then
          _comp_command_offset "\${at[i]}"
        elif declare -F _command_offset >/dev/null; then
          _command_offset "\${at[i]}"
        elif ((i == \${#words[@]} - 1)); then
          while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -c -- "$cur")
        else
          compopt -o default 2>/dev/null
        fi
        ;;
      *)
        line=\${line%%$'\t'*}
        COMPREPLY+=("\${line#"$prefix"}")
        ;;
    esac
  done < <("$1" __complete -- "\${words[@]:1}" 2>/dev/null)
}
complete -F _netlab netlab
`

const zsh = text`#compdef netlab
# zsh completion for netlab. To load it now (after compinit): source <(netlab completion zsh)
# For every shell: netlab completion zsh > a directory of $fpath, as _netlab

_netlab() {
  local line offset files=
  local -a lines named
  lines=("\${(@f)$(command "\${(Q)words[1]}" __complete -- "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)}")
  for line in "\${lines[@]}"; do
    case $line in
      '') ;;
      :yaml) files='*.(yaml|yml)(-.)' ;;
      :files) files='*' ;;
      ':command '*)
        offset=$((\${line#:command } + 1))
        words=("\${(@)words[offset+1,-1]}")
        ((CURRENT -= offset))
        _normal
        return
        ;;
      *$'\t'*) named+=("\${\${line%%$'\t'*}//:/\\:}:\${line#*$'\t'}") ;;
      *) named+=("\${line//:/\\:}") ;;
    esac
  done
  local result=1
  ((\${#named})) && _describe -t values netlab named && result=0
  [[ -n $files ]] && _files -g "$files" && result=0
  return result
}

# Loaded from $fpath this file is the function's body; sourced, it only defines it.
if [[ \${funcstack[1]-} == _netlab ]]; then
  _netlab "$@"
else
  compdef _netlab netlab
fi
`

const fish = text`# fish completion for netlab.
# For every shell: netlab completion fish > ~/.config/fish/completions/netlab.fish

function __netlab_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in (command $words[1] __complete -- $words[2..-1] 2>/dev/null)
        switch $line
            case :yaml
                __fish_complete_path $words[-1] | string match -r '^.*(?:/|\.ya?ml)(?:\t.*)?$'
            case :files
                __fish_complete_path $words[-1]
            case ':command *'
                set -l first (math (string replace ':command ' '' -- $line) + 2)
                complete -C (string join ' ' -- (string escape -- $words[$first..-2]) $words[-1])
            case '*'
                echo $line
        end
    end
end
complete -c netlab -f -a '(__netlab_complete)'
`

/** By the shell's name. */
export const scripts = { bash, zsh, fish } as const
