import { lazy, Suspense, type ButtonHTMLAttributes, type Ref } from 'react'
import { text } from '../text'
import { Icon, type IconName } from './icon'

export type MenuEntry = { words: string; icon?: IconName; danger?: boolean; disabled?: boolean; onPress: () => unknown }
export type MenuProps = { entries: MenuEntry[]; label: string; words?: string }

// The list with its keys and places is a library's, and not a part of a page's first load.
const MenuList = lazy(() => import('./menu-list'))

/** Menu holds what is done less often. Its button is "...", or says words. */
export function Menu({ entries, label = text.common.more, words }: { entries: (MenuEntry | false | undefined)[]; label?: string; words?: string }) {
  const list = entries.filter((e): e is MenuEntry => Boolean(e))
  if (list.length === 0) return null
  return <Suspense fallback={<MenuButton label={label} words={words} disabled />}><MenuList entries={list} label={label} words={words} /></Suspense>
}

export function MenuButton({ label, words, ...rest }: { label: string; words?: string; ref?: Ref<HTMLButtonElement> } & ButtonHTMLAttributes<HTMLButtonElement>) {
  return (
    <button type="button" {...rest} className={words ? 'button' : 'button quiet'} aria-label={words ? undefined : label} title={words ? undefined : label}>
      {words}<Icon name={words ? 'down' : 'more'} />
    </button>
  )
}
