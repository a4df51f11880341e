import { preference } from '../ui'

/** isTyping says whether a key belongs to a field that has the focus, and so is no shortcut. */
export const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))

/** isPlain says whether a key was pressed without Ctrl, Alt or Command. */
export const isPlain = (e: KeyboardEvent): boolean => !e.ctrlKey && !e.metaKey && !e.altKey

/** isShortcut says whether a key alone means something here: no field has the focus, and single keys are not turned off. */
export const isShortcut = (e: KeyboardEvent): boolean => isPlain(e) && !isTyping(e.target) && preference('letters') === 'on'
