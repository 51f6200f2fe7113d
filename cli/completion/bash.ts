// For bash (https://www.gnu.org/software/bash/manual/html_node/Programmable-Completion.html).
import { type Node, quote } from './nodes.ts';

export function writeBash(nodes: readonly Node[]): string {
  const paths = nodes.filter(({ path }) => path !== '').map(({ path }) => `      ${quote(path)}`);
  return `# bash completion for deploy-os: source <(deploy-os completion bash)
_deploy_os() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} at= word i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${at:+$at }\${COMP_WORDS[i]}
    case $word in
      ${paths.join(' |\\\n').trim()}) at=$word ;;
    esac
  done
  COMPREPLY=()
  case "$at $prev" in
${nodes.flatMap(valuesOf).join('\n')}
  esac
  case $at in
${nodes.map(wordsOf).join('\n')}
  esac
}
complete -o default -F _deploy_os deploy-os
`;
}

function valuesOf({ path, flags }: Node): string[] {
  return flags.flatMap(({ name, value }) => {
    if (value === null) return [];
    const answer = value === 'any' ? '' : `COMPREPLY=($(compgen -W ${quote(value.join(' '))} -- "$cur")); `;
    return [`    ${quote(`${path} ${name}`)}) ${answer}return ;;`];
  });
}

/** Flags are offered when one is begun, so that a first word stays readable. */
function wordsOf({ path, verbs, flags, choices }: Node): string {
  const words = [...verbs.map(({ name }) => name), ...choices].join(' ');
  const names = flags.map(({ name }) => name).join(' ');
  const all = words === '' ? quote(names) : `"$([[ $cur == -* ]] && echo ${quote(names)} || echo ${quote(words)})"`;
  return `    ${quote(path)}) COMPREPLY=($(compgen -W ${all} -- "$cur")) ;;`;
}
