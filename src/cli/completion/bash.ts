import type { Completion } from '../frame/option.js';
import type { CommandWords } from './words.js';

/**
 * A script for bash 3.2 and later (the version macOS has), which needs nothing
 * of the bash-completion package.
 */
export function bashScript(commands: readonly CommandWords[]): string {
  const names = commands.map(({ name }) => name).join(' ');
  return `# bash completion for sluice: source <(sluice completion bash)
_sluice() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="" command="" place=0 word index
  COMPREPLY=()
  for ((index = 1; index < COMP_CWORD; index++)); do
    word="\${COMP_WORDS[index]}"
    if [[ -z $command ]]; then
      command=$word
    elif [[ $word == "=" ]]; then
      # --name=value is three words to bash.
      continue
    elif [[ $word == -* ]]; then
      previous=$word
      continue
    elif [[ -n $previous ]] && _sluice_takes_value "$command" "$previous"; then
      previous=""
      continue
    else
      place=$((place + 1))
    fi
    previous=""
  done
  if [[ -z $command ]]; then
    COMPREPLY=($(compgen -W "${names} --help --version" -- "$current"))
    return
  fi
  if [[ $current == "=" ]]; then
    current=""
  fi
  local kind
  if [[ -n $previous ]] && _sluice_takes_value "$command" "$previous"; then
    kind=$(_sluice_value "$command" "$previous")
  elif [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$(_sluice_options "$command")" -- "$current"))
    return
  else
    kind=$(_sluice_operand "$command" "$place")
  fi
  case $kind in
    "<file>") compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$current")) ;;
    "") ;;
    *) COMPREPLY=($(compgen -W "$kind" -- "$current")) ;;
  esac
}
_sluice_options() {
  case $1 in
${commands.map(({ name, options }) => `    ${name}) echo "${options.flatMap((option) => option.names).join(' ')}" ;;`).join('\n')}
  esac
}
_sluice_takes_value() {
  case "$1 $2" in
${commands.map(({ name, options }) => takesValue(name, options)).join('')}    *) return 1 ;;
  esac
}
_sluice_value() {
  case "$1 $2" in
${commands.map(({ name, options }) => values(name, options)).join('')}  esac
}
_sluice_operand() {
  case "$1 $2" in
${commands.map(operands).join('')}  esac
}
complete -F _sluice sluice
`;
}

/** As the scripts' \`case\` has it: what is completed of each option that takes a value. */
function takesValue(command: string, options: CommandWords['options']): string {
  const names = options.filter(({ value }) => value !== undefined).flatMap((option) => option.names);
  return names.length === 0
    ? ''
    : `    ${names.map((name) => `"${command} ${name}"`).join(' | ')}) return 0 ;;\n`;
}

function values(command: string, options: CommandWords['options']): string {
  return options
    .filter(({ value }) => value !== undefined && value !== 'nothing')
    .map(({ names, value }) => {
      const patterns = names.map((name) => `"${command} ${name}"`).join(' | ');
      return `    ${patterns}) echo "${wordsFor(value)}" ;;\n`;
    })
    .join('');
}

function operands({ name, operands: places, takesMany }: CommandWords): string {
  return places
    .map((completion, place) => {
      const isLast = place === places.length - 1;
      const pattern = isLast && takesMany ? `"${name} "*` : `"${name} ${String(place)}"`;
      const words = wordsFor(completion);
      return words === '' ? '' : `    ${pattern}) echo "${words}" ;;\n`;
    })
    .join('');
}

function wordsFor(completion: Completion | undefined): string {
  if (completion === 'file') return '<file>';
  return completion === undefined || completion === 'nothing' ? '' : completion.join(' ');
}
