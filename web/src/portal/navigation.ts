import { text } from '../text'

/** navigation is the list at the top: place and words. */
export const navigation = (): { to: string; words: string }[] => [
  { to: '/endpoints', words: text.portal.endpoints },
  { to: '/messages', words: text.portal.messages },
  { to: '/event-types', words: text.portal.eventTypes },
  { to: '/activity', words: text.portal.activity },
  { to: '/connect', words: text.portal.connect },
]
