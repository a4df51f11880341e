// The list on the left, and the keys that go with it.
import { useRouterState } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { useViewer } from '../api/viewer'
import { text } from '../text/dashboard'
import { Link, useGo } from '../ui'
import { isShortcut } from './keys'
import { navigation } from './navigation'

const wait = 1500 // milliseconds between "g" and the letter

/** Navigation goes to the screens: by link, or with "g" and then a letter, as in mail programs. After "g" the letters show. */
export function Navigation() {
  const path = useRouterState({ select: (s) => s.location.pathname })
  const go = useGo()
  const viewer = useViewer()
  const [armed, setArmed] = useState(0)
  useEffect(() => {
    const onKey = (e: KeyboardEvent) => {
      if (!isShortcut(e) || document.querySelector('dialog[open]')) return
      if (e.key === 'g') return setArmed(Date.now())
      if (armed === 0) return
      setArmed(0)
      const found = Date.now() - armed < wait && navigation().find((n) => n.key === e.key)
      if (found) {
        e.preventDefault()
        go(found.to)
      }
    }
    // Before what has the focus: "g e" is not that thing's "e".
    addEventListener('keydown', onKey, { capture: true })
    const timer = armed ? setTimeout(() => setArmed(0), wait) : undefined
    return () => {
      removeEventListener('keydown', onKey, { capture: true })
      clearTimeout(timer)
    }
  }, [armed, go])
  // Of places within one another the inner one is meant.
  const here = navigation().map((n) => n.to).filter((to) => path === to || path.startsWith(`${to}/`)).sort((a, b) => b.length - a.length)[0]
  return (
    <nav className="shell-nav" aria-label={text.shell.mainNavigation}>
      <ul className="plain">
        {navigation().filter((n) => !n.needs || viewer.owns(n.needs)).map((n) => (
          <li key={n.to}>
            <Link to={n.to} aria-current={n.to === here ? 'page' : undefined}>
              {n.words}{armed > 0 && <kbd aria-hidden="true">{n.key}</kbd>}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  )
}
