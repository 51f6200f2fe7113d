// For fish (https://fishshell.com/docs/current/completions.html).
import { type Flag, type Node, quote as quoteForShells } from './nodes.ts';

/** In fish's single quotes a backslash is one, too. */
const quote = (text: string): string => quoteForShells(text.replaceAll('\\', '\\\\')).replaceAll(`'\\''`, "\\'");

export function writeFish(nodes: readonly Node[]): string {
  const paths = nodes.filter(({ path }) => path !== '').map(({ path }) => quote(path));
  return `# fish completion for deploy-os: deploy-os completion fish > ~/.config/fish/completions/deploy-os.fish
function __deploy_os_at
  set -l at
  for word in (commandline -opc)[2..]
    if contains -- (string join -- ' ' $at $word) ${paths.join(' ')}
      set at $at $word
    end
  end
  set -l here (string join -- ' ' $at)
  test "$here" = "$argv[1]"
end
complete -c deploy-os -f
${nodes.flatMap(linesOf).join('\n')}
`;
}

function linesOf({ path, verbs, flags, choices }: Node): string[] {
  const head = `complete -c deploy-os -n ${quote(`__deploy_os_at ${quote(path)}`)}`;
  return [
    ...verbs.map(({ name, says }) => `${head} -a ${quote(name)} -d ${quote(says)}`),
    ...(choices.length === 0 ? [] : [`${head} -a ${quote(choices.join(' '))}`]),
    ...flags.map((flag) => `${head} -l ${quote(flag.name.slice(2))} -d ${quote(flag.says)}${writeValue(flag)}`),
  ];
}

function writeValue({ value }: Flag): string {
  if (value === null) return '';
  return value === 'any' ? ' -r -F' : ` -x -a ${quote(value.join(' '))}`;
}
