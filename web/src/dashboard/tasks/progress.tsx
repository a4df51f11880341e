import { useEffect, useState } from 'react'
import { text } from '../../text/dashboard'
import { milliseconds, number } from '../../text/format'
import { Button, Chip, Confirm, Progress, type Tone, usePreference } from '../../ui'
import { hasEnded, useSteer, type Task } from './task'

const tones: Record<string, Tone> = { running: 'accent', paused: 'warn', finished: 'ok', failed: 'bad', cancelled: 'idle' }

export function TaskState({ task }: { task: Task }) {
  const words: Record<string, string> = text.states
  return <Chip tone={tones[task.status] ?? 'idle'} icon={task.status === 'paused' ? 'pause' : undefined}>{words[task.status] ?? task.status}</Chip>
}

/** TaskProgress is the bar with what is behind it in words: how many, how fast, how long yet. */
export function TaskProgress({ task: t }: { task: Task }) {
  const words = text.tasks
  const all = t.done + t.failed
  const share = t.status === 'finished' ? 1 : t.total === null ? null : t.total === 0 ? 0 : all / t.total
  const left = useTimeLeft(t.eta)
  const parts = [
    t.total === null ? number(t.done) : words.of(t.done, t.total),
    t.failed > 0 && words.failed(t.failed),
    !hasEnded(t.status) && words.rate(t.rate),
    left !== null && words.left(milliseconds(left)),
  ]
  return (
    <div className="stack tight task-progress">
      {!(hasEnded(t.status) && share === null) && <Progress share={share} label={words.progress} />}
      <span className="small muted">{parts.filter(Boolean).join(' · ')}</span>
    </div>
  )
}

function useTimeLeft(eta: string | null): number | null {
  const [now, setNow] = useState(() => Date.now())
  const [updates] = usePreference('updates')
  useEffect(() => {
    if (!eta || updates === 'paused') return
    const timer = setInterval(() => setNow(Date.now()), 1000)
    return () => clearInterval(timer)
  }, [eta, updates])
  return eta ? Math.max(0, Math.round((new Date(eta).getTime() - now) / 1000) * 1000) : null
}

/** TaskButtons pause, resume and cancel. What has ended has none. */
export function TaskButtons({ task }: { task: Task }) {
  const t = text.tasks
  const { steer } = useSteer(task.id)
  const [asking, setAsking] = useState(false)
  if (hasEnded(task.status)) return null
  return (
    <div className="row">
      {task.status === 'paused'
        ? <Button icon="play" onPress={() => steer('resume')}>{t.resume}</Button>
        : <Button icon="pause" onPress={() => steer('pause')}>{t.pause}</Button>}
      <Button icon="stop" onPress={() => setAsking(true)}>{t.cancel}</Button>
      <Confirm open={asking} onClose={() => setAsking(false)} danger title={t.cancelTitle} action={t.cancelTask} onConfirm={() => steer('cancel')}>
        <p>{task.endpointId ? t.cancelReplay : t.cancelOther}</p>
      </Confirm>
    </div>
  )
}
