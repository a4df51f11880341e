import { text } from '../../text'
import { Chip, legible, Time } from '../../ui'
import { certificateState, connectionWords } from './connection'
import type { Attempt } from './data'

/** ConnectionFacts are rows of a list of facts. */
export function ConnectionFacts({ attempt }: { attempt: Attempt }) {
  const t = text.message
  const tls = attempt.hookloft?.tls
  const state = tls?.notAfter && certificateState(tls.notAfter, attempt.timestamp)
  return (
    <>
      <dt>{t.protocol}</dt><dd>{connectionWords(attempt)}</dd>
      {tls?.notAfter && (
        <>
          <dt>{t.certificate}</dt><dd><bdi>{tls.subject ? legible(tls.subject) : '–'}</bdi></dd>
          <dt>{t.issuer}</dt><dd><bdi>{tls.issuer ? legible(tls.issuer) : '–'}</bdi></dd>
          <dt>{t.validUntil}</dt>
          <dd className="row"><Time at={tls.notAfter} full />{state === 'expired' ? <Chip tone="bad">{t.certificateExpired}</Chip> : state === 'soon' ? <Chip tone="warn">{t.certificateSoon}</Chip> : null}</dd>
        </>
      )}
    </>
  )
}
