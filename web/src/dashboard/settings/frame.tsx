import { useRouterState } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { text } from '../../text/dashboard'
import { Link, Page } from '../../ui'

/** places are the pages of the settings, in their order. */
export const places = () => [
  { to: '/settings', words: text.settings.general },
  { to: '/settings/looks', words: text.settings.looks },
  { to: '/settings/tokens', words: text.settings.tokens },
  { to: '/settings/members', words: text.account.members },
  { to: '/settings/transfer', words: text.settings.transfer },
  { to: '/settings/audit', words: text.settings.audit },
]

/** Frame is one page of the settings, with the ways to the others. */
export function Frame({ title, actions, children }: { title: string; actions?: ReactNode; children: ReactNode }) {
  const path = useRouterState({ select: (s) => s.location.pathname })
  return (
    <Page title={title} actions={actions} crumbs={[{ to: '/settings', words: text.settings.title }]}>
      <nav className="tabs" aria-label={text.settings.title}>
        {places().map((p) => <Link key={p.to} to={p.to} className="tab" aria-current={path === p.to ? 'page' : undefined}>{p.words}</Link>)}
      </nav>
      {children}
    </Page>
  )
}
