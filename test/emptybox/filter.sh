# Filters: by command, by API, for messages and for received webhooks. Part of run.sh, after transform.sh.

say "A filter is asked here first, then set: what it does not want is not sent, and why says which clause decided"
echo '{"payload": {"total": {"$gte": 100}}}' | in_tmp large.json
echo '{"total": 12}' | in_tmp twelve.json
refused 6 'hookloft filter test --file /tmp/large.json /tmp/twelve.json'
echo '{"headers": {"x-event": "push"}, "query": {"env": "prod"}, "channels": "eu", "eventType": "push", "metadata": {"tier": "gold"}}' | in_tmp push.json
show 'hookloft filter test --file /tmp/push.json /tmp/twelve.json --header "X-Event: push" --query env=prod --channel eu --event-type push --metadata tier=gold'
echo '{"payload": {"total": {"$above": 1}}}' | in_tmp above.json
refused 1 'hookloft filter set forge/billing /tmp/above.json'
show 'hookloft filter set forge/billing /tmp/large.json'
SMALL=$(publish order.paid '{"total":12}' ',"eventId":"small"')
LARGE=$(publish order.paid '{"total":100.0}')
await 10 received billing2 "$LARGE"
show 'hookloft why "$SMALL"'
! received billing2 "$SMALL" || fail "the filter did not hold"
refused 6 'hookloft filter test --file /tmp/large.json --message "$SMALL"'
refused 6 'hookloft filter test --file /tmp/large.json --message small --app forge'
show 'hookloft filter get forge/billing'
show 'hookloft filter remove forge/billing'
refused 3 'hookloft filter set forge/nobody /tmp/large.json'

say "The same by API: endpoints, endpoints of sources, destinations, and the question alone"
api 200 POST /x/v1/filter/test '{"filter":{"payload":{"n":{"$lt":9007199254740993}}},"payload":{"n":9007199254740992}}' | holds '.matches'
api 200 POST /x/v1/filter/test '{"filter":{"payload":{"n":{"$lt":9007199254740993}}},"payload":{"n":9007199254740993}}' | holds '.matches == false and .clause.path == "payload.n" and .clause.operator == "$lt"'
api 422 POST /x/v1/filter/test '{"filter":{"payload":{"n":{"$lt":[]}}},"payload":{}}' | jq -c '.detail[0]'
api 422 POST /x/v1/filter/test '{"payload":{}}' | holds '.detail[0].loc == ["body", "filter"]'
F=$GX/endpoint/billing/filter
api 200 GET $F | holds '.filter == null'
api 200 PUT $F '{"filter":{"eventType":{"$startsWith":"order."}}}' | holds '.filter.eventType["$startsWith"] == "order."'
api 422 PUT $F '{"filter":{"payload":{"a":{"$regex":"("}}}}' | jq -c '.detail[0]'
api 204 DELETE $F
api 404 GET $GX/endpoint/nobody/filter >/dev/null
F=$GS/gate/filter
api 200 PUT $F '{"filter":{"headers":{"x-event":"push"},"query":{"env":"prod"}}}' >/dev/null
api 200 GET $F | holds '.filter.query.env == "prod"'
before=$(count_of gate)
for query in env=test env=prod; do is 200 curl -sS -o /dev/null -w '%{http_code}' "$GATE?$query" -H 'X-Event: push' -H 'Content-Type: application/json' -d '{"q":"'$query'"}'; done
await 10 got gate $((before + 1))
same '{"q":"env=prod"}' cat "$(newest gate).body"
same $((before + 1)) count_of gate
api 422 PUT $F '{"filter":[]}' | jq -c '.detail[0]'
api 204 DELETE $F
