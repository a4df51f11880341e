// Names of programs are no words of a language.
const browsers = [['Edg/', 'Edge'], ['OPR/', 'Opera'], ['Firefox/', 'Firefox'], ['HeadlessChrome/', 'Chrome'], ['Chrome/', 'Chrome'], ['Safari/', 'Safari']] as const
const systems = [['Android', 'Android'], ['iPhone', 'iOS'], ['iPad', 'iOS'], ['Windows', 'Windows'], ['Mac OS', 'macOS'], ['Linux', 'Linux']] as const

/** browserName is what a browser calls itself in two words, or the beginning of that. */
export function browserName(agent: string): string {
  const named = (list: readonly (readonly [string, string])[]) => list.find(([part]) => agent.includes(part))?.[1]
  return [named(browsers), named(systems)].filter(Boolean).join(', ') || agent.slice(0, 60)
}
