package api

import "time"

// CountOut is a number of things.
type CountOut struct {
	Count int64 `json:"count"`
	// Approximated: counting stopped at a limit, there are more.
	Approximated bool `json:"approximated"`
}

// ActiveAppCount is how many applications have an endpoint that gets messages.
type ActiveAppCount struct {
	Count int64 `json:"count"`
}

// EndpointCountOut counts an environment's endpoints.
type EndpointCountOut struct {
	Active   int64 `json:"active"`
	Disabled int64 `json:"disabled"`
}

// EndpointThrottleRateStatusOut says whether an endpoint's rate holds back messages.
type EndpointThrottleRateStatusOut struct {
	// Status is Ok or RateLimited.
	Status         string     `json:"status"`
	ThrottledSince *time.Time `json:"throttledSince"`
}

// AppAttemptStatsOut counts an application's attempts by event type.
type AppAttemptStatsOut struct {
	ByEventType   map[string]AppAttemptEventTypeStats `json:"by_event_type"`
	TotalSuccess  int64                               `json:"total_success"`
	TotalFailure  int64                               `json:"total_failure"`
	TotalCanceled int64                               `json:"total_canceled"`
	Since         time.Time                           `json:"since"`
	Until         time.Time                           `json:"until"`
}

// AppAttemptEventTypeStats counts the attempts of one event type.
type AppAttemptEventTypeStats struct {
	Success  int64 `json:"success"`
	Failure  int64 `json:"failure"`
	Canceled int64 `json:"canceled"`
}

// AttemptStatisticsResponse counts an application's attempts by period.
type AttemptStatisticsResponse struct {
	StartDate time.Time `json:"startDate"`
	EndDate   time.Time `json:"endDate"`
	// Period is OneDay, OneHour or FiveMinutes.
	Period string                `json:"period"`
	Data   AttemptStatisticsData `json:"data"`
}

// AttemptStatisticsData has one number for each period, oldest first.
type AttemptStatisticsData struct {
	SuccessCount  []int64 `json:"successCount"`
	FailureCount  []int64 `json:"failureCount"`
	CanceledCount []int64 `json:"canceledCount"`
}

// MessageAttemptHeadersOut is what was sent and answered in an attempt, as far as it can be told.
type MessageAttemptHeadersOut struct {
	SentHeaders map[string]string `json:"sentHeaders"`
	// ResponseHeaders are pairs of name and value; null without an answer.
	ResponseHeaders [][]string `json:"responseHeaders"`
	// Sensitive are names of headers whose values are withheld.
	Sensitive []string `json:"sensitive"`
}

// MessageRawPayloadOut is a message's body as text.
type MessageRawPayloadOut struct {
	// Payload holds the stored bytes; base64 where they are not UTF-8.
	Payload string `json:"payload"`
}

// MessageSearchIn asks for messages of an application, as the list does in its query.
type MessageSearchIn struct {
	Limit       *int64     `json:"limit,omitempty"`
	Iterator    *string    `json:"iterator,omitempty"`
	Channel     *string    `json:"channel,omitempty"`
	Before      *time.Time `json:"before,omitempty"`
	After       *time.Time `json:"after,omitempty"`
	WithContent bool       `json:"with_content,omitzero"`
	Tag         *string    `json:"tag,omitempty"`
	EventTypes  []string   `json:"event_types,omitempty"`
}

// MessageEventsOut is a stretch of the log of messages, oldest first.
type MessageEventsOut struct {
	Data []MessageOut `json:"data"`
	// Iterator is where to read on, also when Data is empty.
	Iterator string `json:"iterator"`
	// Done: there is nothing more now.
	Done bool `json:"done"`
}

// SeriesOut counts and times attempts by period.
type SeriesOut struct {
	// Period is minute, 5min or hour.
	Period string `json:"period"`
	// Since and Until bound the begin of the periods: Since <= t < Until. Both are rounded
	// down to a period.
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
	// Data has one entry for each period, oldest first, also where nothing happened.
	Data  []SeriesPoint `json:"data"`
	Total SeriesCounts  `json:"total"`
}

// SeriesPoint is one period of a series.
type SeriesPoint struct {
	// At is when the period begins.
	At time.Time `json:"at"`
	SeriesCounts
}

// SeriesCounts are attempts that began in a span of time.
type SeriesCounts struct {
	Success int64 `json:"success"`
	// Failed counts all that were no success, Final those of them after which no attempt is scheduled.
	Failed int64 `json:"failed"`
	Final  int64 `json:"final"`
	// Reasons counts the failures by class.
	Reasons map[string]int64 `json:"reasons"`
	// Latency is null where nothing was timed.
	Latency *LatencyOut `json:"latency"`
}

// LatencyOut is how long the attempts took that got an answer or ran into their deadline,
// in milliseconds. Percentiles come from a histogram and are within a factor of 1.67 (above
// 15 s: 2) of the true ones; Mean and Max are exact.
type LatencyOut struct {
	Count  int64   `json:"count"`
	P50MS  float64 `json:"p50Ms"`
	P95MS  float64 `json:"p95Ms"`
	P99MS  float64 `json:"p99Ms"`
	MeanMS float64 `json:"meanMs"`
	MaxMS  float64 `json:"maxMs"`
	// Buckets is there with with_buckets=true.
	Buckets []LatencyBucketOut `json:"buckets,omitempty"`
}

// LatencyBucketOut counts the attempts that took less than a bound and not less than the
// bound before it.
type LatencyBucketOut struct {
	// BelowMS is null for the last bucket, which has no bound.
	BelowMS *float64 `json:"belowMs"`
	Count   int64    `json:"count"`
}

// FailuresOut lists the classes of failures of a span of time, the most frequent first.
type FailuresOut struct {
	// Period is how exact the times in it are: minute or hour.
	Period string       `json:"period"`
	Since  time.Time    `json:"since"`
	Until  time.Time    `json:"until"`
	Data   []FailureOut `json:"data"`
}

// FailureOut is a class of failures with the endpoints that had it.
type FailureOut struct {
	ReasonOut
	Count int64 `json:"count"`
	// Endpoints is how many endpoints had it; Top are those that had it most, at most 10.
	Endpoints int64             `json:"endpoints"`
	Top       []FailingEndpoint `json:"top"`
}

// FailingEndpoint counts an endpoint's failures of one class.
type FailingEndpoint struct {
	AppID      string `json:"appId"`
	EndpointID string `json:"endpointId"`
	Count      int64  `json:"count"`
	// FirstAt and LastAt are the begin of the first and last periods
	// with such a failure in the asked time.
	FirstAt time.Time `json:"firstAt"`
	LastAt  time.Time `json:"lastAt"`
}

// ReasonList lists the classes of failures.
type ReasonList struct {
	Data []ReasonOut `json:"data"`
}

// ReasonOut explains a class of failures.
type ReasonOut struct {
	Reason string `json:"reason"`
	// Words say what it means, NextStep what helps.
	Words    string `json:"words"`
	NextStep string `json:"nextStep"`
	// IsError is false for what somebody decided.
	IsError bool `json:"isError"`
}

// QueueOut is how many deliveries wait, by when they are due.
type QueueOut struct {
	// Approximated: counting stopped at a limit, there are more.
	Approximated bool       `json:"approximated"`
	Total        QueueDepth `json:"total"`
	// Applications are those with most deliveries waiting, at most 20.
	Applications []QueueApplication `json:"applications"`
	// Others is how many more applications have deliveries waiting.
	Others int64 `json:"others"`
}

// QueueDepth counts deliveries by when they are due; each bound excludes those before it.
type QueueDepth struct {
	// Held is due, and waits for the end of a hold.
	Held    int64 `json:"held"`
	Now     int64 `json:"now"`
	Minute  int64 `json:"under1m"`
	Minutes int64 `json:"under5m"`
	Hour    int64 `json:"under1h"`
	Hours   int64 `json:"under6h"`
	Day     int64 `json:"under24h"`
	Later   int64 `json:"later"`
	Total   int64 `json:"total"`
}

// QueueApplication is the queue of one application.
type QueueApplication struct {
	AppID string `json:"appId"`
	QueueDepth
}

// SearchOut is what an id or a name means.
type SearchOut struct {
	Data []SearchHit `json:"data"`
	// Complete is false where looking further would have taken too long.
	Complete bool `json:"complete"`
}

// SearchHit is one thing that was found.
type SearchHit struct {
	// Kind is application, endpoint, message, attempt, source, event_type, task, token or environment.
	Kind string `json:"kind"`
	ID   string `json:"id"`
	// By says what matched: id, uid, eventId or name.
	By string `json:"by"`
	// AppID is null for what is of no application, or of operational webhooks.
	AppID *string `json:"appId"`
	// MsgID is the message of an attempt.
	MsgID *string `json:"msgId,omitempty"`
	Name  *string `json:"name,omitempty"`
	// Path reads it with the API; null where no operation does.
	Path *string `json:"path"`
}

// WhyOut says in plain words what became of something and why.
type WhyOut struct {
	// Kind is message, attempt or endpoint.
	Kind  string `json:"kind"`
	ID    string `json:"id"`
	AppID string `json:"appId"`
	// Verdict is one sentence, NextStep what helps; null where nothing is to be done.
	Verdict  string  `json:"verdict"`
	NextStep *string `json:"nextStep"`
	// Reason is the class behind the verdict; absent without a failure.
	Reason string `json:"reason,omitempty"`
	// Facts are the numbers behind the verdict, most important first.
	Facts []WhyFact `json:"facts"`
	// Deliveries are those of a message, by endpoint.
	Deliveries []WhyDelivery `json:"deliveries,omitempty"`
	// Attempt is the attempt that the verdict is about, without its answer's body.
	Attempt *MessageAttemptOut `json:"attempt,omitempty"`
	// Failures are an endpoint's classes of failures of the last 24 hours.
	Failures []FailureOut `json:"failures,omitempty"`
}

// WhyFact is one number or text behind a verdict.
type WhyFact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// WhyDelivery is what became of a message at one endpoint.
type WhyDelivery struct {
	EndpointID string `json:"endpointId"`
	URL        string `json:"url"`
	// State is pending, delivered, exhausted, cancelled or held.
	State       string     `json:"state"`
	Attempts    int        `json:"attempts"`
	NextAttempt *time.Time `json:"nextAttempt"`
	Reason      string     `json:"reason,omitempty"`
	// Note says more about the reason: which clause of the endpoint's filter decided.
	Note     string  `json:"note,omitempty"`
	Verdict  string  `json:"verdict"`
	NextStep *string `json:"nextStep"`
	// LastAttemptID is the newest attempt; absent before the first.
	LastAttemptID string `json:"lastAttemptId,omitempty"`
}

// TailEvent is one event of the live stream: an attempt that ended, or a message that was
// accepted. It is the data of an SSE event whose name is Kind.
type TailEvent struct {
	// Kind is attempt or message.
	Kind  string    `json:"kind"`
	At    time.Time `json:"at"`
	AppID string    `json:"appId"`
	MsgID string    `json:"msgId"`

	EventType string  `json:"eventType"`
	EventID   *string `json:"eventId,omitempty"`

	// The rest is of attempts.
	AttemptID  string     `json:"attemptId,omitempty"`
	EndpointID string     `json:"endpointId,omitempty"`
	URL        string     `json:"url,omitempty"`
	N          int        `json:"n,omitzero"`
	Status     *int       `json:"status,omitempty"`
	StatusText string     `json:"statusText,omitempty"`
	HTTPStatus int        `json:"responseStatusCode,omitzero"`
	DurationMS *float64   `json:"durationMs,omitempty"`
	Reason     string     `json:"reason,omitempty"`
	Error      string     `json:"error,omitempty"`
	Next       *time.Time `json:"nextAttempt,omitempty"`
}

// TailMissed is the data of an SSE event named missed: the reader was too slow.
type TailMissed struct {
	Missed int64 `json:"missed"`
}

// TailGap is the data of an SSE event named gap: what happened between the place that the
// reader named (Last-Event-ID) and Until is not kept any more. Since is when that place was; it
// is null where the place is not understood.
type TailGap struct {
	Since *time.Time `json:"since"`
	Until time.Time  `json:"until"`
}

// SparklinesOut counts the attempts of many applications, or of many endpoints, in the last
// 24 periods.
type SparklinesOut struct {
	// Period is minute, 5min or hour.
	Period string `json:"period"`
	// Since is when the first period begins, Until when the last one ends. The last one is
	// the present one, so it is not over yet.
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
	// Data has one entry for each id that was asked for and names something, in that order.
	Data []Sparkline `json:"data"`
}

// Sparkline counts the attempts of one application or endpoint.
type Sparkline struct {
	ID     string `json:"id"`
	OK     int64  `json:"ok"`
	Failed int64  `json:"failed"`
	// Buckets has one entry for each of the 24 periods, oldest first.
	Buckets []SparklineBucket `json:"buckets"`
}

// SparklineBucket counts the attempts that began in one period.
type SparklineBucket struct {
	OK     int64 `json:"ok"`
	Failed int64 `json:"failed"`
}
