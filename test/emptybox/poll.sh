# Polling endpoints and streams. Part of run.sh, after order.sh.

say "Fetching instead of being called"
show 'hookloft destination create forge --uid feed --event-type book.written'
for n in 1 2 3 4; do publish book.written '{"n":'$n'}' ',"channels":["shelf"]' >/dev/null; done
show 'hookloft poll forge feed --consumer books --from earliest --lease 10s --count 2 --duration 20s --output ndjson --jq .payload'
show 'hookloft poll forge feed --consumer books --count 2 --duration 20s --output ndjson --jq .payload # goes on where it stopped'
refused 2 'hookloft poll forge feed --from middle'
refused 3 'hookloft poll forge nothing'
P=/api/v1/auth/app/forge/poller/feed/token
FEED_KEY=$(api 200 GET $P | jq -r .token)
ROTATED=$(api 201 POST $P/rotate '{"oldTokenExpiry":0}' | jq -r .token)
api 422 POST $P/rotate '{"expiry":0}' | holds '.detail[0].loc == ["body", "expiry"]'
TOKEN=$FEED_KEY api 401 GET $G/poller/feed >/dev/null
OPERATOR=$TOKEN TOKEN=$ROTATED # which fetches from here, and nothing else
api 403 GET $G >/dev/null
K=$G/polling-endpoint/feed/consumer/leased
GOT=$(api 200 GET "$K?limit=2&lease_duration_ms=60000")
holds '[.data[].payload.n] == [1, 2] and .data[0].offset < .data[1].offset' <<<"$GOT"
api 200 GET "$K?limit=2" | holds '.data == [] and .done' # while what was handed out is not committed
api 204 POST $K/commit '{"offset":'"$(jq '.data[1].offset' <<<"$GOT")"'}'
api 200 GET "$K?limit=2" | holds '[.data[].payload.n] == [3, 4]'
api 422 POST $K/commit '{"offset":9007199254740990}' | holds '.detail[0].loc == ["body", "offset"]'
api 400 GET "$K?lease_duration_ms=x" >/dev/null
K=$G/poller/feed
api 200 GET "$K?after=2020-01-01T00:00:00Z&limit=3&event_type=book.written&channel=shelf" | holds '[.data[].payload.n] == [1, 2, 3] and (.iterator | length > 0)'
api 200 GET $K | holds '.data == [] and .done'
K=$G/poller/feed/consumer/old
AT_THREE=$(api 200 GET "$K?limit=2")
holds '[.data[].payload.n] == [1, 2]' <<<"$AT_THREE"
api 200 GET "$K?limit=2" | holds '[.data[].payload.n] == [1, 2]' # not done with
api 200 GET "$K?iterator=$(jq -r .iterator <<<"$AT_THREE")&wait=1" | holds '[.data[].payload.n] == [3, 4]'
api 200 POST $K/seek '{"after":"2020-01-01T00:00:00Z"}' | holds '.iterator | length > 0'
api 200 GET "$K?limit=1" | holds '[.data[].payload.n] == [1]'
api 422 POST $K/seek '{"after":"yesterday"}' | holds '.detail[0].loc == ["body", "after"]'
TOKEN=$OPERATOR
api 200 GET $GX/polling-endpoint/feed/consumer | holds '[.data[].id] == ["books", "leased", "old"]'
api 204 DELETE $GX/polling-endpoint/feed/consumer/old
api 404 DELETE $GX/polling-endpoint/feed/consumer/old >/dev/null
! grep -q -e "$FEED_KEY" -e "$ROTATED" "$WORK/log" || fail "a poller token stands in the log"
api 204 DELETE $G/destination/feed

say "A page that stays open: server-sent events, and a token for the browser that can nothing else"
# streamed PATH FILE [CURL OPTIONS...] reads a stream for three seconds.
streamed() {
	local path=$1 file=$2
	shift 2
	echo "GET ${path%%\?*}" >>"$WORK/calls"
	curl -sSN --cacert "$WORK/ca.pem" --max-time 3 "$@" "$URL$path" >"$file" 2>"$WORK/error" || true
}
SINCE=$(date -u -d '-1 minute' +%FT%TZ)
PASS=$(api 201 POST $GX/stream/token '{"eventTypes":["comment.*"],"channel":"post-1","expiry":60}')
api 422 POST $GX/stream/token '{"expiry":1}' | holds '.detail[0].loc == ["body", "expiry"]'
FIRST_COMMENT=$(publish comment.new '{"text":"first"}' ',"channels":["post-1"]')
publish comment.new '{"text":"elsewhere"}' ',"channels":["post-2"]' >/dev/null
publish comment.new '{"text":"second"}' ',"channels":["post-1"]' >/dev/null
PASS_TOKEN=$(jq -r .token <<<"$PASS")
streamed "/x/v1/app/forge/stream?token=$PASS_TOKEN&since=$SINCE" "$WORK/events"
show 'sed -n "s/^data: //p" "$WORK/events" | jq -c "[.eventType, .payload]"'
same "first second" eval 'echo $(sed -n "s/^data: //p" "$WORK/events" | jq -r .payload.text)'
streamed "/x/v1/app/forge/stream?token=$PASS_TOKEN" "$WORK/events" -H "Last-Event-ID: $FIRST_COMMENT"
same second eval 'sed -n "s/^data: //p" "$WORK/events" | jq -r .payload.text'
TOKEN=$PASS_TOKEN api 403 GET $G >/dev/null
! grep -q -e "$PASS_TOKEN" "$WORK/log" || fail "a stream token stands in the log"
api 404 GET /x/v1/app/nobody/stream >/dev/null
GATE_PASS=$(api 201 POST /x/v1/source/gate/stream/token | jq -r .token)
is 200 curl -sS -o /dev/null -w '%{http_code}' "$GATE" -H 'Content-Type: application/json' -d '{"seen":"on a page"}'
streamed "/x/v1/source/gate/stream?token=$GATE_PASS&since=$SINCE" "$WORK/events"
grep -q '"seen": *"on a page"' "$WORK/events" || fail "what a source received is not in its stream"
