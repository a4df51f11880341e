// What a provider's webhooks are verified with: the fields that the provider names.
import type { OwnShapes } from '../../api/client'
import { text } from '../../text/dashboard'
import { Input, Select, type ErrorAt } from '../../ui'

export type Provider = OwnShapes['ProviderOut']

/** Config is what was typed, by the name of the field. */
export type Config = Record<string, string>

const lists = ['allowedTopicArns', 'allowedOrigins']

/** configOf is a config as it is sent: what is empty is left out. */
export const configOf = (config: Config): Record<string, never> =>
  Object.fromEntries(Object.entries(config).filter(([, v]) => v !== '').map(([k, v]) => [k, lists.includes(k) ? v.split(/[\s,]+/) : v])) as Record<string, never>

/** ConfigFields are the secret and the settings of a provider. */
export function ConfigFields({ provider: p, config, onConfig, errorAt }: { provider: Provider; config: Config; onConfig: (c: Config) => void; errorAt: ErrorAt }) {
  const t = text.sources
  const set = (name: string) => (v: string) => onConfig({ ...config, [name]: v })
  const settings = p.config ?? []
  const field = (s: (typeof settings)[number]) => (s.values
    ? <Select key={s.name} label={s.name} help={s.summary} value={config[s.name] ?? ''} onValue={set(s.name)} error={errorAt(`config.${s.name}`)} options={[['', t.standard], ...s.values.map((v) => [v, v] as const)]} />
    : <Input key={s.name} label={s.name} help={s.summary} value={config[s.name] ?? ''} onValue={set(s.name)} error={errorAt(`config.${s.name}`)} spellCheck={false} />)
  return (
    <>
      {(p.secret || !p.secretOptional) && <Input label={t.secret} help={p.secret ?? undefined} type="password" autoComplete="new-password" value={config.secret ?? ''} onValue={set('secret')} error={errorAt('config.secret')} />}
      {settings.filter((s) => s.required).map(field)}
      {settings.some((s) => !s.required) && <details><summary>{t.moreSettings}</summary><div className="stack">{settings.filter((s) => !s.required).map(field)}</div></details>}
    </>
  )
}
