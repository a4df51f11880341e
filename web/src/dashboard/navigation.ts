import { text } from '../text/dashboard'

/** navigation is the list on the left: place, words, and the key after "g". needs is a scope without which there is nothing to see. */
export const navigation = (): { to: string; words: string; key: string; needs?: string }[] => [
  { to: '/start', words: text.shell.start, key: 'h' },
  { to: '/', words: text.shell.overview, key: 'o' },
  { to: '/apps', words: text.shell.applications, key: 'a' },
  { to: '/messages', words: text.messages.title, key: 'm' },
  { to: '/issues', words: text.issues.title, key: 'i' },
  { to: '/live', words: text.shell.live, key: 'l' },
  { to: '/event-types', words: text.shell.eventTypes, key: 'e' },
  { to: '/sources', words: text.shell.sources, key: 'r' },
  { to: '/tasks', words: text.shell.tasks, key: 't' },
  { to: '/settings', words: text.shell.settings, key: 'p' },
  { to: '/settings/audit', words: text.shell.audit, key: 'u' },
  { to: '/system', words: text.system.title, key: 'y', needs: 'system:read' },
]
