// An event type as the server wrote it: the numbers of a schema are not this page's to round.
import { useQuery } from '@tanstack/react-query'
import { parse, stringify } from 'lossless-json'
import { client, type Shapes } from '../../api/client'

export type Version = { version: string; text: string }
export type EventType = { shape: Shapes['EventTypeOut']; versions: Version[] }

const newest = (a: Version, b: Version) => Number(b.version) - Number(a.version) || b.version.localeCompare(a.version)

/** readType takes an answer apart: its shape, and its schemas as text, the newest first. */
export function readType(source: string): EventType {
  const exact = (parse(source) as { schemas: Record<string, unknown> | null }).schemas ?? {}
  const versions = Object.entries(exact).map(([version, schema]) => ({ version, text: stringify(schema, undefined, 2) ?? '' }))
  return { shape: JSON.parse(source) as Shapes['EventTypeOut'], versions: versions.sort(newest) }
}

export const typeKey = (name: string) => ['event-type', name]
export const useEventType = (name: string) => useQuery({
  queryKey: typeKey(name),
  queryFn: async () => readType((await client.GET('/api/v1/event-type/{event_type_name}', { params: { path: { event_type_name: name } }, parseAs: 'text' })).data!),
})

/** saveSchemas replaces all versions of a type by these texts. */
export async function saveSchemas(name: string, versions: Version[]): Promise<void> {
  const schemas = `{${versions.map((v) => `${JSON.stringify(v.version)}:${v.text}`).join(',')}}`
  await client.PATCH('/api/v1/event-type/{event_type_name}', {
    params: { path: { event_type_name: name } }, body: {}, bodySerializer: () => `{"schemas":${versions.length ? schemas : 'null'}}`, headers: { 'Content-Type': 'application/json' },
  })
}

/** problemOf says why a text is not JSON; "" where it is. */
export function problemOf(source: string): string {
  try {
    parse(source)
    return ''
  } catch (e) {
    return e instanceof Error ? e.message : String(e)
  }
}

/** plain reads a text for comparing; undefined where it is no JSON. */
export function plain(source: string): unknown {
  try {
    return JSON.parse(source)
  } catch {
    return undefined
  }
}
