# Order and batches: ordered endpoints, and the contract's destinations. Part of run.sh, after credentials.sh.

# taken PATH prints the field n of what came there with status 200 or not, in the order of coming.
taken() { ls -tr "$WORK/received/$1"/*.body | xargs -r jq -c 'if type == "array" then map(.n) else .n end' | tr '\n' ' '; }

say "In order: 2 fails at first, and 3 waits for it; another key does not"
show 'hookloft endpoint create forge "$HTTPS/erp" --uid erp --event-type order.changed'
show 'hookloft endpoint order forge/erp --key order.id --skip-after 9'
changed() { publish order.changed '{"order":{"id":"'"$1"'"},"n":'"$2"'}'; }
ONE=$(changed o_1 1)
await 10 received erp "$ONE"
echo 503 >"$WORK/received/erp/status"
TWO=$(changed o_1 2) THREE=$(changed o_1 3) FOUR=$(changed o_2 4)
await 10 received erp "$TWO"
await 10 received erp "$FOUR"
! received erp "$THREE" || fail "3 did not wait for 2"
echo 200 >"$WORK/received/erp/status"
await 20 received erp "$THREE"
show 'hookloft api GET "/api/v1/app/forge/attempt/endpoint/erp" --jq ".data[] | [.msgId, .statusText]" | grep -c success'
[ "$WORK/received/erp/$THREE.1.body" -nt "$(ls -tr "$WORK/received/erp/$TWO".*.body | tail -n 1)" ] || fail "3 came before 2"
refused 1 'hookloft endpoint order forge/erp --key a..b'
show 'hookloft endpoint order forge/erp --batch 3 --max-wait 1 --lines'
show 'hookloft endpoint order forge/erp --off'

say "A destination of the contract: batches of a line, one request and one outcome for all"
show 'hookloft destination create forge "$HTTPS/mirror" --uid mirror --batch 3 --max-wait 60 --event-type step.done --header "X-Team: mirror"'
for n in 1 2 3; do publish step.done '{"n":'$n'}' >/dev/null; done
await 10 got mirror 1
show 'cat "$(newest mirror).body" && echo'
same '[{"n":1},{"n":2},{"n":3}]' jq -c . "$(newest mirror).body"
same mirror header "$(newest mirror).headers" x-team
verified mirror "$(header "$(newest mirror).headers" webhook-id)" "$(api 200 GET $G/destination/mirror/secret | jq -r .key)"
show 'hookloft destination list forge'
show 'hookloft destination order forge/mirror --key "" --batch 1 --skip-after 8 --max-wait 0'
echo 503 >"$WORK/received/mirror/status"
FIVE=$(publish step.done '{"n":5}') SIX=$(publish step.done '{"n":6}')
await 10 eval 'api 200 GET $G/destination/mirror | jq -e ".status == \"retrying\"" >/dev/null'
show 'hookloft destination get forge/mirror'
show 'hookloft destination retry forge/mirror'
show 'hookloft destination skip forge/mirror'
api 200 GET $G/destination/mirror/next-event | holds '.payload == "{\"n\":6}"'
show 'hookloft destination skip forge/mirror --until "$SIX"'
refused 1 'hookloft destination skip forge/mirror --until nonsense'
await 10 eval 'api 404 GET $G/destination/mirror/next-event >/dev/null 2>&1'
echo 200 >"$WORK/received/mirror/status"
SEVEN=$(publish step.done '{"n":7}')
await 10 eval '[ "$(jq -c . "$(newest mirror).body")" = "[{\"n\":7}]" ]'
show 'hookloft destination order forge/mirror --lines --batch 2'
show 'hookloft destination delete forge/mirror --yes'
refused 3 'hookloft destination get forge/mirror'

say "The same by API: destinations"
D=$G/destination
api 201 POST $D '{"type":"fifoEndpoint","uid":"line","batchSize":2,"eventTypes":["line.step"],"config":{"url":"'"$HTTPS"'/line"}}' | holds '(.id | startswith("sink_")) and .status == "enabled" and .batchSize == 2'
api 422 POST $D '{"type":"fifoEndpoint","batchSize":0,"config":{"url":"'"$HTTPS"'/line"}}' | holds '.detail[0].loc == ["body", "batchSize"]'
api 501 POST $D '{"type":"bigQuery","config":{}}' | jq -c .
api 404 GET $G/endpoint/line >/dev/null
api 200 GET $D | holds '[.data[].uid] == ["line"]'
api 200 PUT $D/line '{"type":"fifoEndpoint","uid":"line","batchSize":4,"eventTypes":["line.step"],"config":{"url":"'"$HTTPS"'/line"}}' | holds '.batchSize == 4'
api 200 PATCH $D/line '{"type":"fifoEndpoint","batchSize":2,"maxWaitSecs":60}' | holds '.batchSize == 2 and .maxWaitSecs == 60'
api 200 GET $D/line | holds '.currentIterator == ""'
api 200 PATCH $D/line/headers '{"headers":{"X-Line":"1"}}' | holds '.headers["X-Line"] == "1"'
api 200 GET $D/line/headers | holds '.headers == {"X-Line":"1"}'
LINE_KEY=$(api 200 GET $D/line/secret | jq -r .key)
api 200 POST $D/line/secret/rotate '{"gracePeriodSeconds":0}' >/dev/null
[ "$(api 200 GET $D/line/secret | jq -r .key)" != "$LINE_KEY" ]
api 200 PATCH $D/line/transformation '{"code":"function handler({events}) { return {requestBody: events.map(e => e.payload.n).join(\"+\")} }"}' >/dev/null
api 422 PATCH $D/line/transformation '{"code":"function nothing() { return 1 }"}' | holds '.detail[0].loc == ["body", "code"]'
api 200 GET $D/line/transformation | holds '.enabled and (.code | contains("requestBody"))'
publish line.step '{"n":1}' >/dev/null
LAST=$(publish line.step '{"n":2}')
await 10 got line 1
same 1+2 cat "$(newest line).body"
same 1 header "$(newest line).headers" x-line
await 10 eval 'api 200 GET $D/line/attempt | jq -e ".data | length == 1" >/dev/null'
BATCH=$(api 200 GET $D/line/attempt | jq -r '.data[0].id')
api 200 GET $D/line/attempt/"$BATCH" | holds --arg last "$LAST" '.numEvents == 2 and .statusText == "success" and .lastMsgId == $last and (.id | startswith("sinkatmpt_"))'
api 404 GET $D/line/attempt/sinkatmpt_nothing >/dev/null
api 200 GET $D/line/last-acked-event | holds '.payload == "{\"n\":2}"'
api 204 POST $D/line/force-retry
api 204 POST $D/line/skip
api 422 POST $D/line/skip '{"iterator":"nonsense"}' | jq -c '.detail[0].loc'
api 200 POST $GX/destination/line/transformation/simulate '{"payload":{"n":3}}' | holds '.data[0].outcome == "sent"'
Q=$GX/destination/line
api 200 GET $Q/order | holds '.batchSize == 2'
api 200 PUT $Q/order '{"key":"n","batchSize":1}' | holds '.key == "n"'
api 204 POST $Q/order/retry
api 204 POST $Q/order/skip
api 422 PUT $Q/order '{"skipAfter":-1}' | holds '.detail[0].loc == ["body", "skipAfter"]'
api 200 PUT $Q/filter '{"filter":{"payload":{"n":{"$gt":3}}}}' >/dev/null
api 200 GET $Q/filter | holds '.filter.payload.n["$gt"] == 3'
api 422 PUT $Q/filter '{"filter":{"payload":{"n":{"$gt":true}}}}' | jq -c '.detail[0]'
api 204 DELETE $Q/filter
api 200 PUT $Q/credentials '{"apiKey":{"in":"header","name":"X-Key","value":"canary"}}' | holds '.apiKey.isSet'
api 200 GET $Q/credentials | holds '.apiKey.name == "X-Key" and (tostring | contains("canary") | not)'
api 422 PUT $Q/credentials '{"apiKey":{"in":"cookie","name":"X","value":"x"}}' | jq -c '.detail[0].loc'
api 204 DELETE $Q/credentials
for at in $GX/endpoint/erp $GS/gate; do
	api 404 GET $at/order >/dev/null
	api 200 PUT $at/order '{"key":"channel","skipAfter":3}' | holds '.key == "channel"'
	api 200 GET $at/order | holds '.skipAfter == 3'
	api 204 POST $at/order/retry
	api 204 POST $at/order/skip
	api 422 PUT $at/order '{"batchSize":1001}' | holds '.detail[0].loc == ["body", "batchSize"]'
	api 204 DELETE $at/order
done
