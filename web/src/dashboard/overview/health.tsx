import { text } from '../../text/dashboard'
import { Chip, Link } from '../../ui'
import type { System } from '../system/data'

/** HealthStrip says in one line whether the installation is well, and what is not. */
export function HealthStrip({ system }: { system: System }) {
  const t = text.system
  const wrong = (system.readiness.checks ?? []).filter((c) => c.state !== 'ok')
  const name = (check: string) => (t.checks as Record<string, { name: string } | undefined>)[check]?.name ?? check
  return (
    <section className="row" aria-label={t.health}>
      <Chip tone={system.readiness.ready ? 'ok' : 'bad'}>{system.readiness.ready ? t.ready : t.notReady}</Chip>
      {wrong.map((c) => <span key={c.name}><Chip tone={c.state === 'failed' ? 'bad' : 'warn'}>{name(c.name)}</Chip> {c.detail}</span>)}
      <Link className="small" to="/system">{text.overview.toSystem}</Link>
    </section>
  )
}
