import type { ButtonHTMLAttributes, ReactNode } from 'react'
import { useState } from 'react'
import { text } from '../text'
import { Icon, type IconName } from './icon'
import { toastError } from './toast'

type Look = 'primary' | 'danger' | 'quiet'

/** Button. While onPress's promise is open it is busy and takes no second press; what it throws is shown as a toast. One that
    is disabled can still have the focus: a person who pressed it is not sent back to the top of the page. */
export function Button({ look, icon, label, onPress, busy, disabled, children, ...rest }: {
  look?: Look
  icon?: IconName
  /** label is the accessible name of a button without words. */
  label?: string
  onPress?: () => unknown
  busy?: boolean
  children?: ReactNode
} & Omit<ButtonHTMLAttributes<HTMLButtonElement>, 'onClick' | 'children'>) {
  const [working, setWorking] = useState(false)
  const isBusy = busy || working
  const isIdle = isBusy || disabled
  const press = async () => {
    if (!onPress) return
    const result = onPress()
    if (!(result instanceof Promise)) return
    setWorking(true)
    try {
      await result
    } catch (e) {
      toastError(e)
    } finally {
      setWorking(false)
    }
  }
  return (
    <button type="button" className={['button', look].filter(Boolean).join(' ')} aria-label={label} title={label} aria-disabled={isIdle || undefined} {...rest} onClick={isIdle ? (e) => e.preventDefault() : onPress && press}>
      {isBusy ? <Icon name="spinner" spin /> : icon && <Icon name={icon} />}
      {children}
    </button>
  )
}

/** CopyButton puts value on the clipboard and says so. */
export function CopyButton({ value, label = text.common.copy, children }: { value: string | (() => string | Promise<string>); label?: string; children?: ReactNode }) {
  const [done, setDone] = useState(false)
  const copy = async () => {
    await navigator.clipboard.writeText(typeof value === 'string' ? value : await value())
    setDone(true)
    setTimeout(() => setDone(false), 1500)
  }
  return (
    <Button look="quiet" icon={done ? 'check' : 'copy'} label={children ? undefined : label} onPress={copy}>
      {children}
      <span className="sr-only" role="status">{done ? text.common.copied : ''}</span>
    </Button>
  )
}
