import type { Command } from 'commander'
import { oneOf } from '../choice.ts'
import { examples } from '../command.ts'
import { complete } from '../completion.ts'
import type { Session } from '../session.ts'
import { printable } from '../text.ts'

/**
 * The shells ask this program at each key what may come. It prints `WORD<tab>NOTE` a line, or `:files`; what it cannot
 * find out within a second is left out, and it prints no error.
 */
const scripts = {
  bash: `# Completion of devops for bash. In ~/.bashrc: source <(devops completion bash)
_devops() {
  local word note
  COMPREPLY=()
  while IFS=$'\\t' read -r word note; do
    case $word in
      '') ;;
      :files) compopt -o default 2>/dev/null || : ;;
      *=) COMPREPLY+=("$word"); compopt -o nospace 2>/dev/null || : ;;
      *) COMPREPLY+=("$word") ;;
    esac
  done < <(command "$1" completion bash -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null </dev/null)
}
complete -F _devops devops
`,
  zsh: `#compdef devops
# Completion of devops for zsh. In ~/.zshrc, after compinit: source <(devops completion zsh)
_devops() {
  local line
  local -a found
  while IFS= read -r line; do
    case $line in
      '') ;;
      :files) _files ;;
      *) found+=("\${line/$'\\t'/:}") ;;
    esac
  done < <(command \${words[1]} completion zsh -- "\${(@)words[2,CURRENT]}" 2>/dev/null </dev/null)
  (( $#found )) && _describe devops found
}
if [[ $funcstack[1] == _devops ]]; then _devops "$@"; else compdef _devops devops; fi
`,
  fish: `# Completion of devops for fish: devops completion fish > ~/.config/fish/completions/devops.fish
function __devops_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l found (command $words[1] completion fish -- $words[2..-1] 2>/dev/null </dev/null)
  if contains -- :files $found
    __fish_complete_path (commandline -ct)
  else if test (count $found) -gt 0
    printf '%s\\n' $found
  end
end
complete -c devops -f -a '(__devops_complete)'
`,
} as const

type Shell = keyof typeof scripts

export function completion(program: Command, session: Session): void {
  const command = program
    .command('completion <shell> [words...]')
    .description(
      'a script for bash, zsh or fish that completes commands, options and names; see the head of it',
    )
    .action(async (given: string, words: string[]) => {
      const shell = oneOf('shell', given, Object.keys(scripts) as Shell[])
      // The shell always sends the word that is begun, though it may be empty.
      if (words.length === 0) return session.print(scripts[shell])
      for (const [word, note = ''] of await complete(program, session, words))
        session.print(note === '' ? `${word}\n` : `${word}\t${printable(note, false)}\n`)
    })
  examples(
    command,
    'devops completion bash >> ~/.bashrc',
    'devops completion fish > ~/.config/fish/completions/devops.fish',
  )
}
