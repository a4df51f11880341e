// Who is in front of the page, and where: the end of the bar.
import { session } from '../../api/session'
import { useViewer } from '../../api/viewer'
import { text } from '../../text/dashboard'
import { Menu, useGo } from '../../ui'

// The bar has no room for a long name; the menu leads to all of it.
const short = (name: string) => (name.length > 24 ? `${name.slice(0, 23)}…` : name)

export function AccountMenus() {
  const { who, owns } = useViewer()
  const go = useGo()
  const t = text.account
  const places = who.environments ?? []
  const here = who.environment
  // What one looked at is not in another environment.
  const move = (id: string) => {
    go('/')
    session.enter(id)
  }
  return (
    <>
      {places.length > 1
        ? <Menu label={t.environment} words={short(here.name ?? here.id)} entries={places.map((p) => ({ words: p.name, icon: p.id === here.id ? 'check' as const : undefined, onPress: () => move(p.id) }))} />
        : here.name && <span className="muted nowrap" title={t.environment}>{short(here.name)}</span>}
      <Menu
        label={t.signedInAs}
        words={who.user ? short(who.user.name || who.user.email) : t.token}
        entries={[
          who.user !== null && { words: t.yours, onPress: () => go('/account') },
          owns('user:read') && { words: t.members, onPress: () => go('/settings/members') },
          { words: text.shell.signOut, onPress: session.signOut },
        ]}
      />
    </>
  )
}
