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
serve "${PLAIN[@]}" --main-secret-file /secret.txt --api-rate 5 --max-clients 200 --drain 2s --drain-delay 5s --max-payload 2KiB
# All of them by one program, because a machine may need longer to start one than the rate asks for.
limited() { curl -sS -o "$WORK/limited" -w '%{http_code}\n' -H "Authorization: Bearer $TOKEN" "$URL/api/v1/app?limit=[1-40]"; }
limited >"$WORK/statuses"
sort "$WORK/statuses" | uniq -c
grep -q 429 "$WORK/statuses"
cat "$WORK/limited" && echo
kill -TERM "$SERVER"
await 2 is 503 curl -sS -o "$WORK/readyz" -w '%{http_code}' "$URL/readyz"
cat "$WORK/readyz" && echo
is 200 curl -sS -o /dev/null -w '%{http_code}' "$URL/livez"
wait "$SERVER"
SERVER=

PAGE=sending
say "JWTs of another server, by a secret from a file, by one given, and by a public key; a bound on disk"
segment() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
CLAIMS='{"iss":"svix-server","sub":"org_23rb8YdGqMT0qIzpgGwdXfHirMu","iat":'$(date +%s)',"exp":'$(($(date +%s) + 600))'}'
unsigned() { printf '%s.%s' "$(printf '{"typ":"JWT","alg":"%s"}' "$1" | segment)" "$(printf %s "$CLAIMS" | segment)"; }
hmac() { # hmac ALGORITHM SECRET makes a JWT
	printf '%s.%s' "$(unsigned "$1")" "$(printf %s "$(unsigned "$1")" | openssl dgst "-sha${1#HS}" -mac HMAC -macopt "key:$2" -binary | segment)"
}
echo "the JWT secret of the other server" >"$BOX/jwt.txt" && chmod 644 "$BOX/jwt.txt"
serve "${PLAIN[@]}" --main-secret-file /secret.txt --jwt-secret-file /jwt.txt --retention-bytes 256MiB
TOKEN=$(hmac HS256 "the JWT secret of the other server") api 200 GET /api/v1/app | jq -c .
TOKEN=$(hmac HS256 "some other secret of another server") api 401 GET /api/v1/app >/dev/null
TOKEN=$(hmac HS512 "the JWT secret of the other server") api 401 GET /api/v1/app >/dev/null # one algorithm, and it is ours
TOKEN=$(unsigned none). api 401 GET /api/v1/app >/dev/null
stop TERM
serve "${PLAIN[@]}" --main-secret-file /secret.txt --jwt-algorithm HS512 --jwt-secret "the JWT secret of the other server"
TOKEN=$(hmac HS512 "the JWT secret of the other server") api 200 GET /api/v1/app >/dev/null
stop TERM
openssl genpkey -algorithm ed25519 -out "$WORK/jwt.key" 2>/dev/null
openssl pkey -in "$WORK/jwt.key" -pubout -out "$BOX/jwt.pem" && chmod 644 "$BOX/jwt.pem"
serve "${PLAIN[@]}" --main-secret-file /secret.txt --jwt-algorithm EdDSA --jwt-public-key /jwt.pem
printf %s "$(unsigned EdDSA)" >"$WORK/jwt.unsigned"
TOKEN=$(cat "$WORK/jwt.unsigned").$(openssl pkeyutl -sign -inkey "$WORK/jwt.key" -rawin -in "$WORK/jwt.unsigned" | segment) api 200 GET /api/v1/app >/dev/null
TOKEN=$(hmac HS256 "$(cat "$BOX/jwt.pem")") api 401 GET /api/v1/app >/dev/null # the public key is no secret
stop TERM
refused 2 'hookloft config check --retention-bytes 1MiB'
refused 2 'hookloft config check --jwt-algorithm none'
PAGE=receiving

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

say "A lively store to look at: dev --seed; a store is seeded once"
echo "dev --listen --data --seed --seed-rate" >>"$WORK/commands"
in_box dev --listen "127.0.0.1:$PORT" --data /tmp/lively --seed --seed-rate 5 >"$WORK/seeded" 2>>"$WORK/log" &
SERVER=$!
await 60 grep -q -s '^hookloft seeded: ' "$WORK/seeded"
grep '^hookloft seeded: ' "$WORK/seeded"
TOKEN=$(sed -n 's/^  token   //p' "$WORK/seeded")
URL=http://127.0.0.1:$PORT api 200 GET "/x/v1/issue?limit=100" | holds '[.data[].reason] | contains(["server", "redirect", "auth", "connect_refused"])'
stop TERM
if (in_box dev --listen "127.0.0.1:$PORT" --data /tmp/lively --seed) >"$WORK/seeded" 2>"$WORK/error"; then fail "a store was seeded twice"; else tail -n 1 "$WORK/error"; fi
rm -rf "$BOX/tmp/lively"
