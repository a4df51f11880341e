import { text } from '../../text/dashboard'
import { bytes, milliseconds, number } from '../../text/format'
import { Time } from '../../ui'
import type { System } from './data'
import { Figures } from './figures'

/** Process is what runs, and what it takes of its machine. */
export function Process({ system }: { system: System }) {
  const t = text.system
  const { build, process, runtime } = system
  return (
    <section className="stack" aria-labelledby="system-process">
      <h2 id="system-process">{t.process}</h2>
      <dl className="facts">
        <dt>{t.version}</dt><dd>{build.version}</dd>
        <dt>{t.revision}</dt><dd className="mono">{build.revision}</dd>
        <dt>{t.builtWith}</dt><dd>{t.goWith(build.go, build.platform)}</dd>
        <dt>{t.node}</dt><dd>{process.node ?? '–'}</dd>
        <dt>{t.pid}</dt><dd>{process.pid}</dd>
        <dt>{t.started}</dt><dd><Time at={process.startedAt} /></dd>
        <dt>{t.roles}</dt><dd>{(process.roles ?? []).join(', ')}</dd>
      </dl>
      <Figures of={[
        { name: t.memory, value: bytes(runtime.memoryBytes), note: runtime.memoryLimitBytes === null ? t.heap(bytes(runtime.heapBytes)) : t.heapOf(bytes(runtime.heapBytes), bytes(runtime.memoryLimitBytes)) },
        { name: t.pause, value: runtime.pauseP99Seconds === null ? '–' : milliseconds(runtime.pauseP99Seconds * 1000), note: t.collections(runtime.collections) },
        { name: t.goroutines, value: number(runtime.goroutines), note: t.processors(runtime.processors) },
        { name: t.openFiles, value: number(runtime.openFiles), note: runtime.maxOpenFiles === null ? undefined : t.atMost(number(runtime.maxOpenFiles)) },
      ]} />
    </section>
  )
}
