import { useSyncExternalStore } from 'react'
import { ApiError } from '../api/client'
import { text } from '../text'
import { Button } from './button'

type Toast = { id: number; words: string; bad: boolean }

let toasts: Toast[] = []
let next = 1
const listeners = new Set<() => void>()
const change = (list: Toast[]) => {
  toasts = list
  listeners.forEach((l) => l())
}

/** toast says what was done; it goes by itself. */
export function toast(words: string, bad = false) {
  const id = next++
  change([...toasts.slice(-3), { id, words, bad }])
  setTimeout(() => change(toasts.filter((t) => t.id !== id)), bad ? 12_000 : 5000)
}

/** wordsOf says what went wrong, in the server's words where it has some. */
export const wordsOf = (e: unknown): string =>
  e instanceof ApiError ? (e.status === 0 ? text.common.noAnswer : e.detail) : e instanceof Error ? e.message : String(e)

export const toastError = (e: unknown) => toast(wordsOf(e), true)

export function Toasts() {
  const list = useSyncExternalStore((l) => (listeners.add(l), () => listeners.delete(l)), () => toasts)
  return (
    <div className="toasts" role="log" aria-live="polite">
      {list.map((t) => (
        <div key={t.id} className={t.bad ? 'toast bad' : 'toast'}>
          <span>{t.words}</span>
          <Button look="quiet" icon="cross" label={text.common.close} onPress={() => change(toasts.filter((o) => o.id !== t.id))} />
        </div>
      ))}
    </div>
  )
}
