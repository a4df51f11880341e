import './sparkline.css'

/** Patterns are laid over colours, so that no layer is known by its colour alone: `url(#ID-failed)`, `url(#ID-retried)`, `url(#ID-none)`. */
export function Patterns({ id }: { id: string }) {
  return (
    <defs>
      <pattern id={`${id}-failed`} width="4" height="4" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path d="M0 0V4" stroke="var(--surface)" strokeWidth="1.4" /></pattern>
      <pattern id={`${id}-retried`} width="4" height="4" patternUnits="userSpaceOnUse"><circle cx="2" cy="2" r=".9" fill="var(--surface)" /></pattern>
      <pattern id={`${id}-none`} width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path className="hatch-line" d="M0 0V5" /></pattern>
    </defs>
  )
}
