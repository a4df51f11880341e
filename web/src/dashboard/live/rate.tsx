import { text } from '../../text/dashboard'
import { number } from '../../text/format'

/** Rate is how much came in each of the last seconds, and the mean of the last ten. */
export function Rate({ perSecond }: { perSecond: number[] }) {
  const mean = perSecond.slice(0, 10).reduce((a, b) => a + b, 0) / 10
  const top = Math.max(1, ...perSecond)
  return (
    <div className="live-rate">
      <svg viewBox={`0 0 ${perSecond.length * 4} 20`} preserveAspectRatio="none" aria-hidden="true">
        {perSecond.map((n, i) => <rect key={i} x={(perSecond.length - 1 - i) * 4} width="3" y={20 - (n / top) * 20} height={Math.max((n / top) * 20, n ? 1 : 0.5)} />)}
      </svg>
      <span><strong>{number(mean, 1)}</strong> {text.live.perSecond}</span>
    </div>
  )
}
