/**
 * What each shell sources. The shells only ask: `gen __complete WORD…` answers with one candidate a line, a tab and
 * what it is; `:file` or `:folder` alone on a line leaves the word to the shell.
 */
export const completionScripts: Readonly<Record<string, string>> = {
  bash: `# gen completion for bash: source <(gen completion bash)
_gen() {
  local current="\${COMP_WORDS[COMP_CWORD]}" line
  local -a words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :file) compopt -o filenames; mapfile -t -O "\${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$current") ;;
      :folder) compopt -o filenames; mapfile -t -O "\${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "$current") ;;
      *) COMPREPLY+=("\${line%%$'\\t'*}") ;;
    esac
  done < <("\${COMP_WORDS[0]}" __complete "\${words[@]}" 2>/dev/null)
}
complete -F _gen gen
`,
  zsh: `#compdef gen
# gen completion for zsh: gen completion zsh >"\${fpath[1]}/_gen"
_gen() {
  local line
  local -a found
  for line in "\${(@f)$("\${words[1]}" __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    case $line in
      '') ;;
      :file) _files ;;
      :folder) _files -/ ;;
      *) found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}") ;;
    esac
  done
  ((\${#found} == 0)) || _describe gen found
}
if [[ \${funcstack[1]} == _gen ]]; then _gen "$@"; else compdef _gen gen; fi
`,
  fish: `# gen completion for fish: gen completion fish >~/.config/fish/completions/gen.fish
function __gen_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in ($words[1] __complete $words[2..-1] 2>/dev/null)
        switch $line
            case :file :folder
                __fish_complete_path (commandline -ct)
            case '*'
                echo $line
        end
    end
end
complete -c gen -f -a '(__gen_complete)'
`,
}
