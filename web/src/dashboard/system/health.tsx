import { text } from '../../text/dashboard'
import { Chip, type Tone } from '../../ui'
import type { System } from './data'

const tones: Record<string, Tone> = { ok: 'ok', warn: 'warn', failed: 'bad' }

/** Health says of each part whether it is as it should be, and what helps where it is not. */
export function Health({ readiness }: { readiness: System['readiness'] }) {
  const t = text.system
  const words = (name: string) => (t.checks as Record<string, { name: string; ok: string }>)[name] ?? { name, ok: t.asItShouldBe }
  return (
    <section className="stack tight" aria-labelledby="system-health">
      <h2 id="system-health">{t.health}</h2>
      <div aria-live="polite"><Chip tone={readiness.ready ? 'ok' : 'bad'}>{readiness.ready ? t.ready : t.notReady}</Chip></div>
      <ul className="plain system-health">
        {(readiness.checks ?? []).map((c) => (
          <li key={c.name} className={`card ${tones[c.state] ?? ''}`}>
            <div className="spread">
              <strong>{words(c.name).name}</strong>
              <Chip tone={tones[c.state] ?? 'idle'}>{(t.states as Record<string, string>)[c.state] ?? c.state}</Chip>
            </div>
            <span>{c.detail ?? words(c.name).ok}</span>
            {c.next && <span className="muted">{c.next}</span>}
          </li>
        ))}
      </ul>
    </section>
  )
}
