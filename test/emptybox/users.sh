# People who sign in: the first link, invitations, sessions, roles. Part of run.sh, after access.sh.

# person JAR WANT METHOD PATH [BODY] [CURL OPTIONS...] is api with the cookies of a file in
# place of a token.
person() {
	local jar=$WORK/jar.$1 want=$2 method=$3 path=$4 body=${5-} status out
	shift "$(($# < 5 ? $# : 5))"
	out=$(mktemp "$WORK/answer.XXXXXX")
	echo "$method ${path%%\?*}" >>"$WORK/calls"
	status=$(curl -sS --cacert "$WORK/ca.pem" --max-time 20 -o "$out" -w '%{http_code}' -X "$method" -b "$jar" -c "$jar" \
		-H "Hookloft-Environment: -" ${body:+-H "Content-Type: application/json" --data-binary "$body"} "$@" "$URL$path")
	[[ $status == $want ]] || fail "$method $path answers $status, want $want: $(head -c 500 "$out")"
	cat "$out"
	rm -f "$out"
}

say "The first owner comes by the link that the server printed"
FIRST=$(sed -n 's/.*\/claim#\(hl_ck_[0-9A-Za-z]*\).*/\1/p' "$WORK/log" | tail -n 1)
[ -n "$FIRST" ]
person ada 200 POST /x/v1/session/claim/look '{"token":"'"$FIRST"'"}' | holds '.purpose == "first" and .email == null'
person ada 422 POST /x/v1/session/claim '{"token":"'"$FIRST"'","email":"ada@example.com","password":"short"}' | jq -c '.detail[0].loc'
person ada 200 POST /x/v1/session/claim '{"token":"'"$FIRST"'","email":"ada@example.com","name":"Ada","password":"three grey geese"}' |
	holds '.user.role == "owner" and .scopes == null and (.environments | length) >= 1'
person eve 404 POST /x/v1/session/claim '{"token":"'"$FIRST"'","email":"eve@example.com","password":"three grey geese"}' | jq -c .
grep -q "#HttpOnly_.*TRUE.*hookloft_session" "$WORK/jar.ada" # not for scripts, and only over TLS
person ada 200 GET /x/v1/whoami | holds '.kind == "user" and .user.email == "ada@example.com"'
curl -sS --cacert "$WORK/ca.pem" -b "$WORK/jar.ada" "$URL/api/v1/app" | holds '.code == "authentication_failed"' # without the header
person ada 403 GET /api/v1/app '' -H 'Origin: https://evil.example' | jq -c .
person ada 403 GET /api/v1/app '' -H 'Sec-Fetch-Site: same-site' >/dev/null

say "Invitations, by the API and by the command line"
BOB=$(person ada 201 POST /x/v1/user '{"email":"bob@example.com","role":"support"}')
BOB_ID=$(jq -r .user.id <<<"$BOB")
person bob 200 POST /x/v1/session/claim '{"token":"'"$(jq -r '.url | split("#")[1]' <<<"$BOB")"'","password":"four green frogs"}' | holds '.user.role == "support"'
person bob 200 GET $B | holds '.uid == "bakery"'
person bob 403 PATCH $B '{"name":"mine"}' | jq -c .
person bob 403 POST /x/v1/user '{"email":"eve@example.com","role":"owner"}' >/dev/null
api 403 POST /x/v1/user '{"email":"eve@example.com","role":"owner"}' | jq -c . # no token makes people
api 200 GET /x/v1/user | holds 'any(.data[]; .email == "bob@example.com" and .hasPassword)'
person ada 200 PATCH "/x/v1/user/$BOB_ID" '{"role":"viewer"}' | holds '.role == "viewer"'
person bob 401 GET /x/v1/whoami >/dev/null # a new role signs out
person bob 200 POST /x/v1/session '{"email":"BOB@example.com","password":"four green frogs"}' | holds '.user.role == "viewer"'
person ada 200 POST "/x/v1/user/$BOB_ID/reset" | holds '.url | contains("/claim#hl_ck_")'
hookloft user invite cleo@example.com --role developer --environment production --name Cleo --data /data | grep -q '/claim#hl_ck_'
hookloft user role cleo@example.com viewer --environment production --data /data
hookloft user reset cleo@example.com --data /data | grep -q '/claim#hl_ck_'
hookloft user list --data /data | grep -q '^cleo@example.com *viewer@production *never$'
hookloft user remove cleo@example.com --yes --data /data
if hookloft user remove ada@example.com --yes --data /data 2>/dev/null; then fail "the last owner was removed"; fi

say "Sessions are listed and ended; a new password ends all others"
person ada 200 PATCH /x/v1/user/me '{"name":"Ada L."}' | holds '.name == "Ada L."'
person two 200 POST /x/v1/session '{"email":"ada@example.com","password":"three grey geese"}' >/dev/null
OTHER=$(person ada 200 GET /x/v1/session | jq -r '.data[] | select(.current | not) | .id' | head -n 1)
person ada 204 DELETE "/x/v1/session/$OTHER"
person two 401 GET /x/v1/whoami >/dev/null
person two 200 POST /x/v1/session '{"email":"ada@example.com","password":"three grey geese"}' >/dev/null
person ada 422 PATCH /x/v1/user/me '{"password":"five white foxes","oldPassword":"wrong wrong wrong"}' | jq -c '.detail[0].loc'
person ada 200 PATCH /x/v1/user/me '{"password":"five white foxes","oldPassword":"three grey geese"}' >/dev/null
person two 401 GET /x/v1/whoami >/dev/null
person two 401 POST /x/v1/session '{"email":"ada@example.com","password":"three grey geese"}' | jq -c .
person two 401 POST /x/v1/session '{"email":"nobody@example.com","password":"three grey geese"}' | jq -c .
api 200 GET "/x/v1/audit?noun=user" | holds 'any(.data[]; .actor.kind == "user" and .actor.name == "ada@example.com") and (tostring | contains("argon2id") | not)'
person ada 204 DELETE "/x/v1/user/$BOB_ID"
person ada 204 DELETE /x/v1/session
person ada 401 GET /x/v1/whoami >/dev/null
