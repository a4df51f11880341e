import { Time, legible } from '../../ui'

const moment = /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)/

/** Said is a sentence of the server; the times in it are written in the zone that was chosen. */
export function Said({ words }: { words: string }) {
  return <bdi>{words.split(moment).map((part, i) => (i % 2 ? <Time key={i} at={part} full /> : legible(part)))}</bdi>
}
