# The options that the runs before did not show. Part of run.sh.

say "A main secret from a file or the environment, in place of main.key; a wrong one is refused"
BOX=$WORK/secret
new_box "$BOX"
echo "a main secret of more than thirty-two characters" >"$BOX/secret.txt"
chmod 644 "$BOX/secret.txt"
PORT=$(unused_port) URL=http://127.0.0.1:$PORT
PLAIN=(--listen "127.0.0.1:$PORT" --data /data)
TOKEN=$(hookloft token create --data /data --main-secret-file /secret.txt)
[ ! -e "$BOX/data/main.key" ]
if hookloft serve "${PLAIN[@]}" --main-secret "another secret of more than thirty-two characters" 2>"$WORK/error"; then
	fail "a store opened with a wrong secret"
else
	tail -n 1 "$WORK/error"
fi
MAIN_SECRET=$(cat "$BOX/secret.txt")
serve "${PLAIN[@]}"
api 200 GET /api/v1/app | jq -c .
stop TERM
MAIN_SECRET=

say "A rate for each token, and a stop that load balancers notice first"
serve "${PLAIN[@]}" --main-secret-file /secret.txt --api-rate 5 --max-clients 200 --drain 2s --drain-delay 2s --max-payload 2KiB
limited() { curl -sS -o "$WORK/limited" -w '%{http_code}\n' -H "Authorization: Bearer $TOKEN" "$URL/api/v1/app"; }
for _ in $(seq 20); do limited; done | sort | uniq -c
is 429 limited
cat "$WORK/limited" && echo
kill -TERM "$SERVER"
await 2 is 503 curl -sS -o "$WORK/readyz" -w '%{http_code}' "$URL/readyz"
cat "$WORK/readyz" && echo
is 200 curl -sS -o /dev/null -w '%{http_code}' "$URL/livez"
wait "$SERVER"
SERVER=

say "To try things: dev, in its temporary directory"
echo "dev --listen" >>"$WORK/commands"
in_box dev --listen "127.0.0.1:$PORT" >"$WORK/dev" 2>>"$WORK/log" &
SERVER=$!
await 10 test -s "$WORK/dev"
hookloft healthcheck "$URL"
cat "$WORK/dev"
bash -c "$(grep '^curl ' "$WORK/dev")" | jq -c '{id, eventType}'
await 10 grep -q '"invoice":"in_1001"' "$WORK/dev"
tail -n 3 "$WORK/dev"
(cd "$WORK" && bash -c "$(grep '^F=.*sign' "$WORK/dev" | sed "s#/hookloft#$BINARY#")") >/dev/null 2>"$WORK/error"
await 10 grep -q '"type": "charge.succeeded"' "$WORK/dev"
stop TERM
[ -z "$(find "$BOX/tmp" -mindepth 1)" ] || fail "dev left something behind"
