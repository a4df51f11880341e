// Icons are drawn on a grid of 16, in the colour of the text beside them. They never stand for a word alone:
// a button with only an icon has an aria-label.
const paths = {
  check: 'M3 8.5 6.5 12 13 4.5',
  cross: 'M4 4l8 8M12 4l-8 8',
  clock: 'M8 4.5V8l2.5 1.5M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12Z',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  play: 'M5 3.5v9l7-4.5-7-4.5Z',
  warning: 'M8 6v3.2M8 11.6v.1M8 2.2 1.8 13.3h12.4L8 2.2Z',
  stop: 'M4.5 4.5h7v7h-7z',
  search: 'M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10Zm3.6-1.4L14 14',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
  plus: 'M8 3v10M3 8h10',
  more: 'M3 8h.01M8 8h.01M13 8h.01',
  down: 'M4 6l4 4 4-4',
  right: 'M6 4l4 4-4 4',
  left: 'M10 4 6 8l4 4',
  replay: 'M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3',
  send: 'M2.5 8 13.5 3 10 13.5 7.5 9 2.5 8Z',
  spinner: 'M8 2a6 6 0 1 1-6 6',
  external: 'M9.5 2.5h4v4M13.5 2.5 8 8M6.5 3.5h-4v10h10v-4',
  download: 'M8 2.5v8M4.5 7.5 8 11l3.5-3.5M2.5 13.5h11',
  filter: 'M2 3.5h12L9.5 9v4L6.5 11.500V9L2 3.500Z',
  live: 'M8 9.500a1.500 1.500 0 1 0 0-3 1.500 1.500 0 0 0 0 3ZM4.500 11.500a5 5 0 0 1 0-7M11.500 4.500a5 5 0 0 1 0 7',
  key: 'M10 9.500a3.500 3.500 0 1 0-3.300-2.300L2 12v2h2.500v-1.500H6V11l1.300-1.300c.8.500 1.700.800 2.700.800Z',
  dot: 'M8 8h.01',
  menu: 'M2.500 4.500h11M2.500 8h11M2.500 11.500h11',
} as const

export type IconName = keyof typeof paths

export function Icon({ name, spin }: { name: IconName; spin?: boolean }) {
  return (
    <svg className={spin ? 'icon spin' : 'icon'} viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="1.6" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  )
}
