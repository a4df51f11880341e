# The operations beyond publishing and receiving, each once or more, with bad input for each
# group, by curl over TLS. Part of run.sh, after sources.sh.

# holds EXPRESSION: the JSON on standard input is as the jq expression says.
holds() {
	local body
	body=$(cat)
	jq -e "$@" <<<"$body" >/dev/null || fail "not so: ${*: -1}, of $(head -c 600 <<<"$body")"
}

# ended TASK STATUS: the background task has ended so.
ended() { api 200 GET "/x/v1/task/$1" | jq -e --arg status "$2" '.status == $status' >/dev/null; }

# count_of PATH prints how many requests the receiver has got there.
count_of() { { find "$WORK/received/$1" -name "*.body" 2>/dev/null || true; } | wc -l; }
got() { [ "$(count_of "$1")" -ge "$2" ]; }

# newest PATH prints the kept request that came last, without its ending.
newest() { ls -t "$WORK/received/$1"/*.body | head -n 1 | sed 's/\.body$//'; }

B=/api/v1/app/bakery BX=/x/v1/app/bakery
BEGAN=$(date -u -d '-1 minute' +%FT%TZ) SOON=$(date -u -d '+1 hour' +%FT%TZ)
mkdir -p "$WORK/received/bad" && echo 500 >"$WORK/received/bad/status"

say "An application with an endpoint that answers and one that fails, each at the first attempt for good"
api 200 PATCH $S '{"retryPolicy":[]}' >/dev/null
api 201 POST /api/v1/app '{"name":"Bakery","uid":"bakery"}' >/dev/null
api 201 POST $T '{"name":"bread.ready","description":"Bread is ready","schemas":{"1":{"type":"object","required":["loaves"],"examples":[{"loaves":3}]}}}' >/dev/null
GOOD=$(api 201 POST $B/endpoint '{"url":"'"$HTTPS"'/good","uid":"good"}' | jq -r .id)
BAD=$(api 201 POST $B/endpoint '{"url":"'"$HTTP"'/bad","uid":"bad","filterTypes":["bread.ready"]}' | jq -r .id)
BREAD=$(api 202 POST $B/msg '{"eventType":"bread.ready","eventId":"batch-1","tags":["jane"],"channels":["shop"],"payload":{"loaves":1.50}}' | jq -r .id)
failed() { api 200 GET "$B/msg/$BREAD/endpoint" | jq -e --arg id "$BAD" 'any(.data[]; .id == $id and .statusText == "fail")' >/dev/null; }
await 10 failed
await 10 received good "$BREAD"

say "Read the log in order, search it, read bytes and headers"
EVENTS=$(api 200 GET "$B/events?limit=1")
holds --arg id "$BREAD" '.data[0].id == $id and .done == true' <<<"$EVENTS"
api 200 GET "$B/events?iterator=$(jq -r .iterator <<<"$EVENTS")" | holds '.data == [] and (.iterator | length > 0)'
api 422 GET "$B/events?limit=0" | jq -c .
api 200 POST $B/msg/search '{"event_types":["bread.ready"],"tag":"jane","with_content":true}' | holds --arg id "$BREAD" '.data | length == 1 and .[0].id == $id and .[0].payload.loaves == 1.5'
api 200 POST $B/msg/search '{"tag":"joe"}' | holds '.data == []'
api 422 POST $B/msg/search '{"event_types":"bread.ready"}' | jq -c '.detail[0].loc'
api 200 GET "$B/msg/$BREAD/raw" | holds '.payload == "{\"loaves\":1.50}"' # the bytes as they came
api 404 GET "$B/msg/msg_nothing/raw" >/dev/null
api 200 GET "/x/v1/message?path=loaves&value=1.5" | holds --arg id "$BREAD" 'any(.data[]; .id == $id and .deliveries.fail == 1) and .examined > 0'
api 200 GET "$BX/message?status=2" | holds --arg id "$BREAD" '.data | length == 1 and .[0].id == $id'
api 422 GET "/x/v1/message?path=loaves" | jq -c '.detail[0].loc'
TRIED=$(api 200 GET "$B/attempt/msg/$BREAD?endpoint_id=good" | jq -r '.data[0].id')
api 200 GET "$B/msg/$BREAD/attempt/$TRIED/headers" | holds --arg id "$BREAD" '.sentHeaders | with_entries(.key |= ascii_downcase) | ."webhook-id" == $id'
api 404 GET "$B/msg/$BREAD/attempt/atmpt_nothing/headers" >/dev/null
CURL=$(api 200 POST "$BX/msg/$BREAD/endpoint/good/curl" | jq -r .command)
BEFORE=$(count_of good)
sh -c "${CURL/curl -i/curl -sS --cacert $WORK/ca.pem}" >/dev/null
await 10 got good $((BEFORE + 1))
api 404 POST "$BX/msg/$BREAD/endpoint/nobody/curl" | jq -c .

say "One message by hand: an example, and an attempt whose outcome is the answer"
EXAMPLE=$(api 202 POST $B/endpoint/good/send-example '{"eventType":"bread.ready"}' | jq -r .id)
await 10 received good "$EXAMPLE"
same '{"loaves":3}' cat "$WORK/received/good/$EXAMPLE.1.body"
api 404 POST $B/endpoint/good/send-example '{"eventType":"no.such"}' | jq -c .
api 201 POST $B/endpoint/good/msg/test-attempt '{"eventType":"bread.ready","payload":{"by":"hand"}}' | holds '.responseStatusCode == 200 and .status == 0'
api 201 POST $B/endpoint/bad/msg/test-attempt '{"eventType":"bread.ready","payload":{"by":"hand"}}' | holds '.responseStatusCode == 500 and .status == 2'
api 422 POST $B/endpoint/good/msg/test-attempt '{"eventType":"bread.ready"}' | jq -c '.detail[0].loc'

say "Counts and statistics of it"
api 200 GET "$B/attempt/endpoint/bad/count?status=2" | holds '.count == 2 and .approximated == false'
api 400 GET "$B/attempt/endpoint/bad/count?status=9" | jq -c .
api 400 GET "$B/stats/attempts" | jq -c .
api 200 GET "$B/stats/attempts?since=$BEGAN&until=$(date -u +%FT%TZ)" | holds '.total_success >= 3 and .total_failure == 2 and .by_event_type["bread.ready"] != null'
api 200 GET "/api/v1/stats/app/bakery/attempt?period=OneHour" | holds '(.data.failureCount | add) == 2'
api 200 GET /api/v1/app/stats/count-active | holds '.count >= 1'
api 200 GET /api/v1/stats/endpoint/count | holds '.active >= 2 and .disabled >= 0'
api 200 GET $B/endpoint/good/rate-limit-status | jq -c .
ended_well() { ended "$1" finished; }
USAGE=$(api 202 POST /api/v1/stats/usage/app '{"since":"'"$BEGAN"'","until":"'"$SOON"'","appIds":["bakery","nobody"]}')
holds '.unresolvedAppIds == ["nobody"]' <<<"$USAGE"
await 10 ended_well "$(jq -r .id <<<"$USAGE")"
api 200 GET "/x/v1/task/$(jq -r .id <<<"$USAGE")" | holds '.result.appStats | length == 1 and .[0].appUid == "bakery" and .[0].messageDestinations >= 3'
api 422 POST /api/v1/stats/usage/app '{"since":"yesterday"}' | jq -c '.detail[0].loc'
USAGE=$(api 202 PUT /api/v1/stats/usage/event-types | jq -r .id)
await 10 ended_well "$USAGE"
api 200 GET "/x/v1/task/$USAGE" | holds 'any(.result.event_types[]; .explicitlySubscribedEventTypes | index("bread.ready") != null)'
api 200 GET "/x/v1/stats/series?period=minute" | holds '.period == "minute" and .total.failed >= 2 and (.total.reasons.server // 0) >= 2'
api 200 GET "$BX/stats/series?period=hour&with_buckets=true" | holds '.total.failed == 2 and .total.success >= 3 and .total.latency != null'
api 200 GET "$BX/endpoint/bad/stats/series?reason=server" | holds '.total.failed == 2 and .total.success == 0'
api 400 GET "$BX/stats/series?period=week" | jq -c .
api 200 GET "/x/v1/stats/sparklines?app_ids=bakery,nobody" | holds '(.data | length == 1) and .data[0].failed == 2 and (.data[0].buckets | length == 24)'
api 200 GET "$BX/stats/sparklines?endpoint_ids=bad,good" | holds --arg id "$BAD" '.data[0].id == $id and .data[0].failed == 2 and .data[1].ok >= 3'
api 422 GET "/x/v1/stats/sparklines" | jq -c '.detail[0].loc'
api 200 GET /x/v1/stats/failures | holds '.data[] | select(.reason == "server") | .count >= 2 and (.words | length > 0)'
api 200 GET "$BX/stats/failures" | holds --arg id "$BAD" '.data[0].reason == "server" and .data[0].count == 2 and (.data[0].top | tostring | contains($id))'
api 404 GET /x/v1/app/nobody/stats/failures >/dev/null
is_issue() { api 200 GET "/x/v1/issue?app_id=bakery" | jq -e --arg id "$BAD" 'any(.data[]; .endpointId == $id and .reason == "server" and .failures >= 2)' >/dev/null; }
await 20 is_issue # it comes with the sums, which are saved every 10 s
ISSUE=/x/v1/issue/$(api 200 GET "/x/v1/issue?app_id=bakery&endpoint_id=bad" | jq -r '.data[] | select(.reason == "server") | .id')
api 200 GET "$ISSUE" | holds '.state == "open" and (.words | length > 0)'
api 200 PATCH "$ISSUE" '{"resolved":true,"assignee":"jo","note":"their disk was full"}' | holds '.state == "resolved" and .assignee == "jo"'
api 422 PATCH "$ISSUE" '{"mutedUntil":"2099-01-01T00:00:00Z"}' | jq -c '.detail[0].loc'
api 200 POST "$ISSUE/replay" '{"dryRun":true}' | holds '.count == 2 and .complete'
api 404 POST "/x/v1/issue/nothing/replay" >/dev/null
api 200 GET /x/v1/reason | holds '.data | length >= 15 and all(.words != "" and .reason != "")'
api 200 GET /x/v1/queue | holds '.total.total == .total.now + .total.under1m + .total.under5m + .total.under1h + .total.under6h + .total.under24h + .total.later'
api 200 GET /x/v1/system | holds '.readiness.ready and .store.kind == "sqlite" and .runtime.goroutines > 0 and ([.settings[] | select(.secret and .value != null)] == [])'
api 200 GET /x/v1/system/diagnostics >"$WORK/diagnostics.tar.gz"
tar -xzOf "$WORK/diagnostics.tar.gz" hookloft-diagnostics/system.json | holds '.queue.dueNow != null'
api 200 GET "/x/v1/why/$BREAD" | holds '.kind == "message" and (.verdict | length > 0) and (.deliveries | length == 2)'
api 404 GET /x/v1/why/msg_nothing >/dev/null
for id in "$BREAD" "$GOOD" bakery bread.ready batch-1 "$TRIED"; do
	api 200 GET "/x/v1/search?q=$id" | holds '.complete and (.data | length > 0)'
done
api 200 GET "/x/v1/search?q=nothing-like-it" | holds '.data == []'
api 422 GET /x/v1/search | jq -c .

say "Replays: counted first, paced, changed, paused, resumed, cancelled; each message once"
W=/x/v1/task
api 200 POST $BX/endpoint/bad/replay '{"since":"'"$BEGAN"'","dryRun":true}' | holds '.count == 2 and .complete'
api 422 POST $BX/endpoint/bad/replay '{"since":"'"$BEGAN"'","which":"some"}' | jq -c '.detail[0].loc'
REPLAY=$(api 202 POST $BX/endpoint/good/replay '{"since":"'"$BEGAN"'","which":"all","ratePerSecond":0.01}' | jq -r .id)
api 200 POST $W/$REPLAY/pause | holds '.status == "paused"'
api 200 PATCH $W/$REPLAY '{"ratePerSecond":0.02}' | holds '.ratePerSecond == 0.02'
api 422 PATCH $W/$REPLAY '{"ratePerSecond":-1}' | jq -c '.detail[0].loc'
api 200 POST $W/$REPLAY/resume | holds '.status == "running"'
api 200 POST $W/$REPLAY/cancel | holds '.status == "cancelled" and .done <= 3'
api 404 POST $W/qtask_nothing/cancel >/dev/null
echo 200 >"$WORK/received/bad/status"
before=$(count_of bad)
REPLAY=$(api 202 POST $B/endpoint/bad/bulk-replay '{"since":"'"$BEGAN"'","eventTypes":["bread.ready"],"status":2}' | jq -r .id)
await 15 ended_well "$REPLAY"
api 200 GET $W/$REPLAY | holds '.done == 2 and .total == 2 and .failed == 0'
await 10 got bad $((before + 2))
api 422 POST $B/endpoint/bad/bulk-replay '{}' | jq -c '.detail[0].loc'
api 201 POST $B/endpoint '{"url":"'"$HTTPS"'/late","uid":"late"}' >/dev/null
REPLAY=$(api 202 POST $B/endpoint/late/replay-missing '{"since":"'"$BEGAN"'"}' | jq -r .id)
await 15 ended_well "$REPLAY"
await 10 received late "$BREAD"
api 422 POST $B/endpoint/late/replay-missing '{"since":"2020-01-01T00:00:00Z"}' | jq -c '.detail[0].loc'
api 204 DELETE $B/endpoint/late

say "Schedules of an event type; what waits is taken back"
api 200 PUT $T/bread.ready/retry-schedule '{"retrySchedule":[{"secs":600,"nanos":0}]}' | holds '.retrySchedule[0].secs == 600'
api 200 GET $T/bread.ready/retry-schedule | holds '.retrySchedule | length == 1'
api 422 PUT $T/bread.ready/retry-schedule '{"retrySchedule":[{"secs":-1,"nanos":0}]}' | jq -c '.detail[0].loc'
echo 500 >"$WORK/received/bad/status"
STUCK=$(api 202 POST $B/msg '{"eventType":"bread.ready","payload":{"stuck":true}}' | jq -r .id)
await 10 received bad "$STUCK"
state_at_bad() { api 200 GET "$B/msg/$STUCK/endpoint" | jq -r --arg id "$BAD" '.data[] | select(.id == $id) | .statusText'; }
await 10 is sending state_at_bad
api 200 GET /x/v1/queue | holds '.total.under1h >= 1'
api 204 POST $B/endpoint/bad/cancel-msgs '{"createdBefore":"'"$(date -u -d '+2 seconds' +%FT%TZ)"'"}'
api 200 GET $B/endpoint/bad/stats | holds '.canceled == 1 and .sending == 0'
api 422 POST $B/endpoint/bad/cancel-msgs '{}' | jq -c '.detail[0].loc'
api 200 PUT $T/bread.ready/retry-schedule '{"retrySchedule":null}' | jq -c .
api 200 PUT /x/v1/event-type/bread.ready/retention '{"days":7}' | holds '.days == 7'
api 200 GET /x/v1/event-type/bread.ready/retention | holds '.days == 7 and .hours == 168'
api 422 PUT /x/v1/event-type/bread.ready/retention '{"days":7,"hours":2}' | jq -c .
api 200 PUT /x/v1/event-type/bread.ready/retention '{}' | holds '.days == null'

say "Requests of another shape: a PUT of XML, a form with a token, a GET"
R=$BX/endpoint/shaped/request
api 201 POST $B/endpoint '{"url":"'"$HTTPS"'/shaped?old=1","uid":"shaped"}' >/dev/null
shaped() { # shaped SHAPE: with it, the payload arrives as $WORK/shaped.headers and .body
	local n
	api 200 PUT $R "$1" >/dev/null
	n=$(count_of shaped)
	api 201 POST $B/endpoint/shaped/msg/test-attempt '{"eventType":"bread.ready","payload":{"n":1.10,"who":"a b"}}' | holds '.status == 0'
	[ "$(count_of shaped)" = $((n + 1)) ] || fail "the receiver got no request"
	n=$(newest shaped)
	cp "$n.body" "$WORK/shaped.body" && cp "$n.headers" "$WORK/shaped.headers"
	head -n 1 "$WORK/shaped.headers" && cat "$WORK/shaped.body" && echo
}
shaped '{"method":"PUT","body":"xml","xmlRoot":"order"}'
grep -q '^PUT ' "$WORK/shaped.headers"
same "1.10 a b" python3 -c 'import sys, xml.etree.ElementTree as E; o = E.parse(sys.argv[1]).getroot(); assert o.tag == "order"; print(o.find("n").text, o.find("who").text)' "$WORK/shaped.body"
shaped '{"body":"form","token":{"in":"body","name":"api_key","value":"the-shops-own-key"}}'
same "1.10 a b the-shops-own-key" python3 -c 'import sys, urllib.parse as U; f = dict(U.parse_qsl(open(sys.argv[1]).read(), strict_parsing=True)); print(f["n"], f["who"], f["api_key"])' "$WORK/shaped.body"
shaped '{"method":"GET"}'
grep -q '^GET /shaped?old=1&n=1.10&who=a+b HTTP' "$WORK/shaped.headers"
shaped '{"method":"PATCH"}'
same '{"n":1.10,"who":"a b"}' cat "$WORK/shaped.body"
echo 404 >"$WORK/received/shaped/status"
shaped '{"successStatuses":[404],"timeoutSeconds":5,"retrySchedule":[10,60]}'
api 200 GET $R | holds '.successStatuses == [404] and .timeoutSeconds == 5 and .retrySchedule == [10,60] and .method == "POST"'
api 422 PUT $R '{"method":"HEAD"}' | jq -c '.detail[0].loc'
api 204 DELETE $R
api 200 GET $R | holds '.timeoutSeconds == 15 and .token == null'
! grep -q the-shops-own-key "$WORK/log" || fail "a token stands in the log"
api 201 POST $I '{"name":"Bell","type":"generic-webhook","uid":"bell"}' >/dev/null
api 201 POST $I/bell/endpoint '{"url":"'"$HTTPS"'/bell","uid":"bell"}' >/dev/null
R=/x/v1/source/bell/endpoint/bell/request
api 200 PUT $R '{"timeoutSeconds":3}' | holds '.timeoutSeconds == 3'
api 200 GET $R | holds '.timeoutSeconds == 3'
api 422 PUT $R '{"body":"xml"}' | jq -c '.detail[0].loc'
api 204 DELETE $R
api 200 GET $R | holds '.timeoutSeconds == 15'

say "The environment as a file, event types as an OpenAPI document, messages as history"
EXPORT=$(api 200 POST /api/v1/environment/export)
holds 'any(.eventTypes[]; .name == "bread.ready") and .settings != null' <<<"$EXPORT"
api 200 POST "/x/v1/environment/import?dry_run=true" "$(jq -c '.eventTypes += [{"name":"bread.sold","description":"Sold"}]' <<<"$EXPORT")" |
	holds 'any(.eventTypes[]; .name == "bread.sold")'
api 404 GET $T/bread.sold >/dev/null
api 204 POST /api/v1/environment/import "$(jq -c '.eventTypes += [{"name":"bread.sold","description":"Sold"}]' <<<"$EXPORT")"
api 200 GET $T/bread.sold | holds '.description == "Sold"'
api 422 POST /api/v1/environment/import '{"version":1,"eventTypes":"all"}' | jq -c '.detail[0].loc'
SPEC='{"openapi":"3.1.0","info":{"title":"t","version":"1"},"webhooks":{"bread.eaten":{"post":{"requestBody":{"content":{"application/json":{"schema":{"type":"object"}}}}}}}}'
api 200 POST /api/v1/event-type/import/openapi '{"dryRun":true,"spec":'"$SPEC"'}' | holds '.data.to_modify | length == 1'
api 404 GET $T/bread.eaten >/dev/null
api 200 POST /api/v1/event-type/import/openapi '{"spec":'"$SPEC"'}' | holds '.data.modified == ["bread.eaten"]'
api 200 GET $T/bread.eaten | holds '.schemas["1"].type == "object"'
api 400 POST /api/v1/event-type/import/openapi '{"spec":{"openapi":"3.1.0"},"specRaw":"x"}' | jq -c .
api 200 GET "/x/v1/event-type/export?format=openapi" | holds '.webhooks["bread.eaten"] != null'
api 400 GET "/x/v1/event-type/export?format=postman" | jq -c .
TASK=$(api 202 POST /api/v1/event-type/export/openapi | jq -r .id)
await 10 ended_well "$TASK"
api 200 GET "/api/v1/background-task/$TASK" | holds '.data | tostring | contains("bread.eaten")'
before=$(count_of good)
PAST=$(api 202 POST $BX/msg/import '{"eventType":"bread.ready","payload":{"of":"last year"}}' | jq -r .id)
api 200 GET "$B/msg/$PAST" | holds '.payload.of == "last year"'
api 422 POST $BX/msg/import '{"eventType":"bread.ready"}' | jq -c '.detail[0].loc'
FRESH=$(api 202 POST $B/msg '{"eventType":"bread.ready","payload":{"of":"today"}}' | jq -r .id)
await 10 received good "$FRESH"
! received good "$PAST" || fail "history was delivered"
