import { useEffect, useId, useRef, useState, type ReactNode } from 'react'
import { text } from '../text'
import { Button } from './button'
import { wordsOf } from './toast'

/** Dialog is the browser's own: it keeps the focus until it closes, gives it back, and closes with Escape. */
export function Dialog({ open, onClose, title, wide, drawer, children, footer }: {
  open: boolean
  onClose: () => void
  title: string
  wide?: boolean
  /** drawer comes from the side and leaves the page behind it in sight. */
  drawer?: boolean
  children: ReactNode
  footer?: ReactNode
}) {
  const box = useRef<HTMLDialogElement>(null)
  const id = useId()
  useEffect(() => {
    const dialog = box.current
    if (!open || !dialog || dialog.open) return
    // A dialog that is taken out of the page does not give the focus back by itself.
    const before = document.activeElement
    dialog.showModal()
    // Where the button that was pressed gives way to what it began, the focus is the dialog's, not nobody's.
    const gone = new MutationObserver(() => { if (document.activeElement === document.body) dialog.focus() })
    gone.observe(dialog, { childList: true, subtree: true })
    return () => {
      gone.disconnect()
      if (before instanceof HTMLElement) before.focus()
    }
  }, [open])
  if (!open) return null
  return (
    <dialog
      ref={box}
      tabIndex={-1}
      className={['dialog', wide && 'wide', drawer && 'drawer'].filter(Boolean).join(' ')}
      aria-labelledby={id}
      onCancel={(e) => { if (e.target === box.current) { e.preventDefault(); onClose() } }}
      onPointerDown={(e) => { if (e.target === box.current && drawer) onClose() }}
    >
      <div className="spread">
        <h2 id={id}>{title}</h2>
        <Button look="quiet" icon="cross" label={text.common.close} onPress={onClose} />
      </div>
      {children}
      {footer && <footer>{footer}</footer>}
    </dialog>
  )
}

/** Confirm asks before something is done; it stays open, with the reason, where that fails. */
export function Confirm({ open, onClose, title, action, danger, onConfirm, children }: {
  open: boolean
  onClose: () => void
  title: string
  /** action is the verb on the button, not "OK". */
  action: string
  danger?: boolean
  onConfirm: () => Promise<unknown>
  children?: ReactNode
}) {
  const [problem, setProblem] = useState('')
  const confirm = async () => {
    setProblem('')
    try {
      await onConfirm()
      onClose()
    } catch (e) {
      setProblem(wordsOf(e))
    }
  }
  return (
    <Dialog open={open} onClose={onClose} title={title} footer={<><Button onPress={onClose}>{text.common.cancel}</Button><Button look={danger ? 'danger' : 'primary'} onPress={confirm}>{action}</Button></>}>
      {children}
      {problem && <div className="note bad" role="alert">{problem}</div>}
    </Dialog>
  )
}
