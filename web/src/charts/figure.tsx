import { useId, useState, type ReactNode } from 'react'
import { text } from '../text'
import { Button, Table } from '../ui'
import './charts.css'
import { Patterns } from './patterns'

/** TableView is a chart in numbers. */
export type TableView = { columns: string[]; rows: string[][] }

/** Figure is the frame of every chart: its name, the picture or the table, and how it is read. The picture's own aria-label says it in a sentence. */
export function Figure({ title, table, empty, actions, legend, heading: Heading = 'h2', children }: {
  title: string
  /** table is made when it is asked for. */
  table: () => TableView
  /** empty says why there is nothing to see; the picture is left out then. */
  empty?: string | false
  actions?: ReactNode
  legend?: ReactNode
  heading?: 'h2' | 'h3'
  children: ReactNode
}) {
  const [asTable, setAsTable] = useState(false)
  const id = useId()
  return (
    <figure className="figure card" aria-labelledby={id}>
      <figcaption className="spread">
        <Heading id={id}>{title}</Heading>
        <span className="row">
          {!empty && !asTable && actions}
          {!empty && <Button look="quiet" onPress={() => setAsTable(!asTable)}>{asTable ? text.common.asChart : text.common.asTable}</Button>}
        </span>
      </figcaption>
      {empty ? <div className="figure-empty">{empty}</div> : asTable ? <InNumbers title={title} view={table()} /> : (
        <>
          {legend && <div className="legend">{legend}</div>}
          {children}
        </>
      )}
    </figure>
  )
}

function InNumbers({ title, view }: { title: string; view: TableView }) {
  return (
    <Table<{ cells: string[]; key: string }>
      label={title}
      rows={view.rows.map((cells, i) => ({ cells, key: String(i) }))}
      rowKey={(r) => r.key}
      columns={view.columns.map((head, i) => ({ head, cell: (r) => r.cells[i], number: i > 0 }))}
    />
  )
}

/** Readout says what is under the cursor, also to who does not see it; quiet where the focus says it already. */
export function Readout({ words, quiet }: { words: string; quiet?: boolean }) {
  return quiet ? <span className="figure-readout" aria-hidden="true">{words}</span> : <output className="figure-readout" aria-live="polite">{words}</output>
}

/** Swatch is a piece of a layer's colour and pattern, for the legend. */
export function Swatch({ layer }: { layer: 'ok' | 'retried' | 'failed' }) {
  const id = useId()
  return (
    <svg className={`swatch chart-${layer}`} aria-hidden="true">
      <Patterns id={id} />
      <rect width="100%" height="100%" />
      {layer !== 'ok' && <rect width="100%" height="100%" fill={`url(#${id}-${layer})`} />}
    </svg>
  )
}
