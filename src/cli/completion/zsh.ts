import type { Completion } from '../frame/option.js';
import type { CommandWords, OptionWords } from './words.js';

export function zshScript(commands: readonly CommandWords[]): string {
  const described = commands.map(({ name, summary }) => `    ${quote(`${escape(name)}:${summary}`)}`);
  const cases = commands.map(
    (command) =>
      `    ${command.name})\n      _arguments -s ${argumentsOf(command).join(' \\\n        ')}\n      ;;`,
  );
  return `#compdef sluice
# zsh completion for sluice: sluice completion zsh > a folder of $fpath, as _sluice; or source <(sluice completion zsh)
_sluice() {
  local context state line
  local -a commands
  commands=(
${described.join('\n')}
  )
  _arguments -C '(- *)'{--help,-h}'[what there is]' '(- *)--version[the version]' '1:command:->command' '*::argument:->argument'
  if [[ $state == command ]]; then
    _describe command commands
    return
  fi
  case $line[1] in
${cases.join('\n')}
  esac
}
if [[ \${funcstack[1]} == _sluice ]]; then
  _sluice "$@"
else
  compdef _sluice sluice
fi
`;
}

function argumentsOf({ options, operands, takesMany }: CommandWords): readonly string[] {
  const places = operands.map((completion, place) => {
    const many = takesMany && place === operands.length - 1;
    return quote(`${many ? '*' : String(place + 1)}:argument:${action(completion)}`);
  });
  return [...options.map(optionText), ...places];
}

function optionText({ names, help, value }: OptionWords): string {
  const ending = `[${escape(help)}]${value === undefined ? '' : `:value:${action(value)}`}`;
  const [only, ...others] = names;
  // An option of two names is one: not offered again once either is there.
  if (others.length === 0) return quote(`${only ?? ''}${ending}`);
  return `'(${names.join(' ')})'{${names.join(',')}}${quote(ending)}`;
}

function action(completion: Completion): string {
  if (completion === 'file') return '_files';
  return completion === 'nothing' ? ' ' : `(${completion.join(' ')})`;
}

/** What has a meaning within the text of _arguments. */
function escape(text: string): string {
  return text.replaceAll(/[\\[\]:]/g, '\\$&');
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
