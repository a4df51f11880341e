// Charts: plain numbers in, a picture that can be read as a sentence, by keyboard, and as a table.
export { Bars, QueueBars } from './bars'
export { HeatMap, type HeatRow } from './heatmap'
export { useMoment } from './moment'
export { pointsOf, shareOf, stepOf, type Point } from './point'
export { latencyRows, periodFor, reasonsOf, regroup } from './scale'
export { Latency, Series } from './series'
export { Sparkline } from './sparkline'
export { Strip } from './strip'
