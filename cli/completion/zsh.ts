// For zsh (https://zsh.sourceforge.io/Doc/Release/Completion-System.html).
import { type Node, quote } from './nodes.ts';

export function writeZsh(nodes: readonly Node[]): string {
  const paths = nodes.filter(({ path }) => path !== '').map(({ path }) => `      ${quote(path)}`);
  return `#compdef deploy-os
# zsh completion for deploy-os: deploy-os completion zsh > a folder of $fpath, as _deploy-os
_deploy_os() {
  local at= word i
  local -a verbs flags
  for ((i = 2; i < CURRENT; i++)); do
    word=\${at:+$at }\${words[i]}
    case $word in
      ${paths.join(' |\\\n').trim()}) at=$word ;;
    esac
  done
  case "$at \${words[CURRENT-1]}" in
${nodes.flatMap(valuesOf).join('\n')}
  esac
  case $at in
${nodes.map(wordsOf).join('\n')}
  esac
  if [[ \${words[CURRENT]} == -* ]]; then
    _describe -o flag flags
  elif (( \${#verbs} )); then
    _describe verb verbs
  else
    _files
  fi
}
if [[ \${funcstack[1]} == _deploy-os ]]; then _deploy_os "$@"; else compdef _deploy_os deploy-os; fi
`;
}

function valuesOf({ path, flags }: Node): string[] {
  return flags.flatMap(({ name, value }) => {
    if (value === null) return [];
    const answer = value === 'any' ? '_files' : `compadd -- ${value.map(quote).join(' ')}`;
    return [`    ${quote(`${path} ${name}`)}) ${answer}; return ;;`];
  });
}

function wordsOf({ path, verbs, flags, choices }: Node): string {
  const entry = ({ name, says }: { name: string; says: string }) => quote(`${name}:${says}`);
  const words = [...verbs, ...choices.map((name) => ({ name, says: name }))].map(entry);
  return `    ${quote(path)}) verbs=(${words.join(' ')}); flags=(${flags.map(entry).join(' ')}) ;;`;
}
