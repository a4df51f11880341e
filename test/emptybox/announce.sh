# What Hookloft itself tells: operational webhooks, broadcasts, the live stream, listeners;
# and what it forgets. Part of run.sh, after access.sh.

say "Operational webhooks: a receiver is told, signed, that an endpoint was made"
O=/api/v1/operational-webhook/endpoint
api 201 POST $O '{"url":"'"$HTTPS"'/pager","uid":"pager","eventTypes":["endpoint.created","background_task.finished"]}' | holds '.uid == "pager"'
api 422 POST $O '{"url":"'"$HTTPS"'/pager","eventTypes":["no.such"]}' | jq -c '.detail[0].loc'
api 200 GET $O | holds '.data | length == 1'
api 200 GET $O/pager | holds '.disabled == false'
api 200 PUT $O/pager '{"url":"'"$HTTPS"'/pager","uid":"pager","eventTypes":["endpoint.created","background_task.finished"],"description":"on call"}' | holds '.description == "on call"'
api 204 PUT $O/pager/headers '{"headers":{"X-Team":"on-call","Authorization":"Bearer pager"}}'
api 200 GET $O/pager/headers | holds '.headers == {"X-Team":"on-call"} and .sensitive == ["Authorization"]'
api 204 POST $O/pager/secret/rotate '{"gracePeriodSeconds":0}'
PAGER_KEY=$(api 200 GET $O/pager/secret | jq -r .key)
api 404 GET $O/nobody >/dev/null
MADE=$(api 201 POST $B/endpoint '{"url":"'"$HTTPS"'/made","uid":"made"}' | jq -r .id)
told() { grep -l -s -e "$1" "$WORK"/received/pager/*.body >"$WORK/told"; }
await 20 told "\"endpointId\":\"$MADE\""
TOLD=$(basename "$(head -n 1 "$WORK/told")" .1.body)
verified pager "$TOLD" "$PAGER_KEY"
same on-call header "$WORK/received/pager/$TOLD.1.headers" x-team
jq -e '.type == "endpoint.created" and .data.appUid == "bakery" and .data.endpointUid == "made"' "$WORK/received/pager/$TOLD.1.body" >/dev/null
await 10 eval 'api 200 GET "/api/v1/events?limit=100" | jq -e --arg id "$TOLD" "any(.data[]; .id == \$id)" >/dev/null'
api 422 GET "/api/v1/events?limit=0" >/dev/null

say "A broadcast comes to every application"
before=$(count_of good)
CAST=$(api 202 POST /api/v1/msg/broadcast '{"eventType":"bread.ready","payload":{"closed":"today"}}' | jq -r .id)
await 15 ended_well "$CAST"
api 200 GET "/x/v1/task/$CAST" | holds '.failed == 0 and .done >= 1'
await 10 got good $((before + 1))
same '{"closed":"today"}' cat "$(newest good).body"
await 20 told "$CAST"
api 422 POST /api/v1/msg/broadcast '{"eventType":"bread.ready"}' | jq -c '.detail[0].loc'
api 204 DELETE $O/pager
api 404 DELETE $O/pager >/dev/null

say "The live stream: what is published and tried while it is open"
echo "GET /x/v1/tail" >>"$WORK/calls"
curl -sSN --max-time 20 -H "Authorization: Bearer $TOKEN" "$URL/x/v1/tail?app_id=bakery&status=0" >"$WORK/tail" 2>"$WORK/error" &
TAIL=$!
# It is open once it has said something, be it that it lives.
await 15 test -s "$WORK/tail"
SEEN=$(api 202 POST $B/msg '{"eventType":"bread.ready","payload":{"seen":true}}' | jq -r .id)
# whole: the events that have come to their end; the last one may be cut.
whole() { awk '{ event = event $0 "\n" } /^$/ { printf "%s", event; event = "" }' "$WORK/tail"; }
# showed MESSAGE: an event of it has come.
showed() { whole | grep "^data: .*$1" >/dev/null; }
await 15 showed "$SEEN"
kill "$TAIL" && wait "$TAIL" 2>/dev/null || true
whole | sed -n 's/^data: //p' | tail -n 1 | jq -e --arg id "$SEEN" '.msgId == $id and .kind == "attempt" and .responseStatusCode == 200' >/dev/null
whole | sed -n 's/^data: //p' | jq -r .attemptId | sort >"$WORK/seen"
# Who comes back with the last id gets what happened meanwhile, be it to the same message, and
# no attempt again that was seen.
LAST=$(whole | sed -n 's/^id: //p' | tail -n 1)
AGAIN=$(api 202 POST $B/msg '{"eventType":"bread.ready","payload":{"seen":"later"}}' | jq -r .id)
curl -sSN --max-time 20 -H "Authorization: Bearer $TOKEN" -H "Last-Event-ID: $LAST" "$URL/x/v1/tail?app_id=bakery&status=0" >"$WORK/tail" 2>"$WORK/error" &
TAIL=$!
await 15 showed "$AGAIN"
kill "$TAIL" && wait "$TAIL" 2>/dev/null || true
! grep -q "^event: gap" "$WORK/tail" || fail "something is said to be missing"
whole | sed -n 's/^data: //p' | jq -r .attemptId | sort | comm -12 - "$WORK/seen" >"$WORK/twice"
! test -s "$WORK/twice" || fail "what was seen comes again: $(cat "$WORK/twice")"
api 400 GET "/x/v1/tail?kind=event" | jq -c .

say "Listeners: the upgrade to WebSocket, what was published while nobody listened, their secret, their end"
# listening PATH: what the server says on a WebSocket within two seconds, frames and all.
listening() {
	echo "GET ${1%%\?*}" >>"$WORK/calls"
	curl -sSN --http1.1 --max-time 2 -i -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' \
		-H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' -H "Authorization: Bearer $TOKEN" --output "$WORK/socket" "$URL$1" 2>"$WORK/error" || true
	head -n 1 "$WORK/socket" | tr -d '\r'
}
L="listen?name=laptop"
same "HTTP/1.1 101 Switching Protocols" listening "$BX/$L"
grep -a -i -q '^sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=' "$WORK/socket" # RFC 6455, section 1.3
ASLEEP=$(api 202 POST $B/msg '{"eventType":"bread.ready","payload":{"while":"asleep"}}' | jq -r .id)
same "HTTP/1.1 101 Switching Protocols" listening "$BX/$L"
# heard: it has come by now; a listener that confirms nothing gets it each time.
heard() { grep -a -q "$ASLEEP" "$WORK/socket" || { listening "$BX/$L" >/dev/null; false; }; }
await 5 heard
api 200 GET $BX/listener | holds '[.data[].name] == ["laptop"]'
api 200 GET $BX/listener/laptop/secret | holds '.key | startswith("whsec_")'
api 204 DELETE $BX/listener/laptop
api 404 GET $BX/listener/laptop/secret >/dev/null
same "HTTP/1.1 101 Switching Protocols" listening "/x/v1/source/bell/$L"
api 200 GET /x/v1/source/bell/listener | holds '[.data[].name] == ["laptop"]'
api 200 GET /x/v1/source/bell/listener/laptop/secret | holds '.key | startswith("whsec_")'
api 204 DELETE /x/v1/source/bell/listener/laptop
api 404 GET /x/v1/app/nobody/listener >/dev/null

say "Expunge: some messages, all about a data subject, all of an application"
api 200 POST $B/msg/bulk-expunge '{"ids":["'"$SEEN"'","msg_nothing"]}' | jq -c '.results | map_values(.)' | sed "s/$SEEN/SEEN/"
api 200 GET "$B/msg/$SEEN" | holds '.payload == {"expired": true}'
api 422 POST $B/msg/bulk-expunge '{"ids":"all"}' | jq -c '.detail[0].loc'
TASK=$(api 202 POST /x/v1/expunge '{"tag":"jane","application":"bakery"}' | jq -r .id)
await 20 ended_well "$TASK"
api 200 GET "/x/v1/task/$TASK" | holds '.result.messagesPurged == 1'
api 200 GET "$B/msg/$BREAD" | holds '.tags == ["jane"] and (.payload | tostring | contains("loaves") | not)'
api 422 POST /x/v1/expunge '{}' | jq -c '.detail[0].loc'
api 200 GET "$B/msg/$ASLEEP" | holds '.payload.while == "asleep"'
TASK=$(api 202 POST $B/msg/expunge-all-contents | jq -r .id)
await 20 ended_well "$TASK"
api 200 GET "$B/msg/$ASLEEP" | holds '.payload | tostring | contains("asleep") | not'
api 404 POST /api/v1/app/nobody/msg/expunge-all-contents >/dev/null
api 200 PATCH $S '{"retryPolicy":[2,2,2]}' >/dev/null
