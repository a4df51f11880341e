// The log as a file. Rows are pieces of the answer's own text, so that payloads keep their digits.
import { nameOf, parseJson, type JsonNode } from '../../../ui/json/parse'

export type Format = 'ndjson' | 'csv'

/** RawPage is a page of a list as texts. */
export type RawPage = { rows: { source: string; fields: Map<string, string> }[]; done: boolean; iterator?: string }

const field = (source: string, node: JsonNode | undefined, name: string): JsonNode | undefined => node?.children.find((c) => c.key !== undefined && nameOf(c.key) === name && source.length > 0)

/** readPage takes a page apart without reading a number. */
export function readPage(source: string): RawPage {
  const root = parseJson(source)
  const rows = (field(source, root, 'data')?.children ?? []).map((row) => ({
    source: source.slice(row.start, row.end),
    fields: new Map(row.children.map((c) => [nameOf(c.key ?? '""'), source.slice(c.start, c.end)])),
  }))
  const end = field(source, root, 'done')
  const iterator = field(source, root, 'iterator')
  return { rows, done: !end || source.slice(end.start, end.end) !== 'false', iterator: iterator?.kind === 'string' ? nameOf(source.slice(iterator.start, iterator.end)) : undefined }
}

const csvFields = ['id', 'timestamp', 'eventType', 'eventId', 'channels', 'tags', 'payload']

// A spreadsheet runs a cell that begins like a formula.
function cell(raw: string | undefined): string {
  if (raw === undefined || raw === 'null') return ''
  const value = raw.startsWith('"') ? nameOf(raw) : raw
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

export const csvHead = csvFields.join(',') + '\r\n'

/** lineOf is one row of the file, with its end. No string of JSON holds a bare line break, so one between values may go. */
export function lineOf(format: Format, row: RawPage['rows'][number]): string {
  if (format === 'ndjson') return `${row.source.replace(/[\r\n]+/g, ' ')}\n`
  return csvFields.map((name) => cell(row.fields.get(name))).join(',') + '\r\n'
}
