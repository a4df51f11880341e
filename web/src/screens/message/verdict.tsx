// The first thing on the page: what became of the message, and the next step as something to press.
import { useViewer } from '../../api/viewer'
import { text } from '../../text'
import { Button, Icon, Link, toast, type IconName } from '../../ui'
import { resend, useAgain, type Attempt, type Delivery, type Why } from './data'
import { Said } from './said'
import { UseURL } from './use-url'
import './message.css'

const graveness = (d: Delivery) => (d.state === 'exhausted' ? 2 : d.state === 'cancelled' ? 0 : 1)

/** worstOf is the delivery that the verdict is about; undefined where all went well. */
export function worstOf(why: Why): Delivery | undefined {
  const open = (why.deliveries ?? []).filter((d) => d.state !== 'delivered')
  return open.reduce<Delivery | undefined>((worst, d) => (worst && graveness(worst) >= graveness(d) ? worst : d), undefined)
}

export function toneOf(why: Why): 'ok' | 'warn' | 'bad' {
  const worst = worstOf(why)
  if (!worst) return why.deliveries?.length ? 'ok' : 'warn'
  return worst.state === 'exhausted' || (worst.state === 'pending' && worst.attempts > 0) ? 'bad' : 'warn'
}

const icons: Record<'ok' | 'warn' | 'bad', IconName> = { ok: 'check', warn: 'clock', bad: 'warning' }

export function Verdict({ why, appId, attempts }: { why: Why; appId: string; attempts: Attempt[] }) {
  const t = text.message
  const tone = toneOf(why)
  const worst = worstOf(why)
  const last = worst && attempts.find((a) => a.id === worst.lastAttemptId)
  return (
    <section className={`verdict ${tone}`} aria-label={t.verdict}>
      <Icon name={icons[tone]} />
      <div className="stack tight">
        <p className="verdict-words"><Said words={why.verdict} /></p>
        {why.nextStep && <p><strong>{t.nextStep}</strong> <Said words={why.nextStep} /></p>}
        <NextStep reason={why.reason ?? worst?.reason ?? ''} appId={appId} messageId={why.id} endpointId={worst?.endpointId} attempt={last} />
      </div>
    </section>
  )
}

/** stepTab is the tab of the endpoint's page where a class of failures is mended. */
function stepTab(reason: string, t: typeof text.message): [words: string, tab: string] | undefined {
  switch (reason) {
    case 'dns_not_found': case 'dns_timeout': case 'connect_refused': case 'connect_timeout': case 'tls_hostname': case 'tls_handshake': case 'not_found': case 'blocked_private':
      return [t.editURL, 'settings']
    case 'auth': return [t.openSecret, 'secret']
    case 'throttled': case 'gone': case 'disabled': case 'skipped_filter': return [t.openSettings, 'settings']
    case 'oauth_token': case 'mtls': case 'credentials': case 'proxy': return [t.openCredentials, 'headers']
    case 'paused': case 'unverified': return [t.openEndpoint, '']
    default: return undefined
  }
}

/** NextStep is what can be pressed about a failure. */
export function NextStep({ reason, appId, messageId, endpointId, attempt }: { reason: string; appId: string; messageId: string; endpointId?: string; attempt?: Attempt }) {
  const { may, to } = useViewer()
  const again = useAgain(appId, messageId)
  const t = text.message
  if (!endpointId) return null
  const tab = stepTab(reason, t)
  const place = to.endpoint(appId, endpointId)
  const isScript = reason.startsWith('transform_')
  const canResend = may('CreateAttempts') && !['paused', 'disabled', 'gone', 'endpoint_deleted', 'expired', 'unverified'].includes(reason)
  return (
    <div className="row">
      {reason === 'redirect' && attempt && may('ManageEndpoint') && <UseURL appId={appId} messageId={messageId} endpointId={endpointId} attempt={attempt} />}
      {isScript && <Link className="button" to={`${place}?tab=transformation&message=${messageId}`}>{t.openTransformation}</Link>}
      {tab && <Link className="button" to={tab[1] ? `${place}?tab=${tab[1]}` : place}>{tab[0]}</Link>}
      {canResend && <Button icon="replay" onPress={async () => { await resend(appId, messageId, endpointId); toast(t.resent(1)); await again() }}>{t.resend}</Button>}
    </div>
  )
}
