import { text } from '../../text'
import { Chip } from '../../ui'
import type { Endpoint, Hold } from './data'

/** EndpointState is the word for how an endpoint is: disabled, paused, sending what waited, failing, or active. */
export type EndpointState = 'active' | 'failing' | 'paused' | 'draining' | 'waiting' | 'disabled'

/** stateOf judges; hold is undefined while it is not known, and then only what the endpoint itself says counts. */
export function stateOf(endpoint: Pick<Endpoint, 'disabled'>, hold: Pick<Hold, 'state' | 'by' | 'breaker'> | undefined, failingSince?: string): EndpointState {
  if (endpoint.disabled) return 'disabled'
  if (hold?.state === 'held') return hold.by === 'consent' ? 'waiting' : 'paused'
  if (hold?.state === 'draining') return 'draining'
  return failingSince || (hold?.breaker && hold.breaker.state !== 'closed') ? 'failing' : 'active'
}

const looks = { active: ['ok', 'check'], failing: ['bad', 'warning'], paused: ['warn', 'pause'], draining: ['accent', 'play'], waiting: ['warn', 'clock'], disabled: ['idle', 'stop'] } as const

/** StateChip is that state as a chip. */
export function StateChip({ state, title }: { state: EndpointState; title?: string }) {
  const [tone, icon] = looks[state]
  return <Chip tone={tone} icon={icon} title={title}>{text.endpoint.states[state]}</Chip>
}
