import type { ReactNode } from 'react'
import { Icon, type IconName } from './icon'

export type Tone = 'ok' | 'warn' | 'bad' | 'accent' | 'idle'

const icons: Record<Tone, IconName> = { ok: 'check', warn: 'clock', bad: 'warning', accent: 'dot', idle: 'dot' }

/** Chip is a state: colour, icon and word together. */
export function Chip({ tone, icon, title, children }: { tone: Tone; icon?: IconName; title?: string; children: ReactNode }) {
  return <span className={`chip ${tone}`} title={title}><Icon name={icon ?? icons[tone]} />{children}</span>
}
