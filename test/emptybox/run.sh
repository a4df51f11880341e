#!/usr/bin/env bash
# Hookloft in an empty box: a root directory that holds the static binary, a CA file,
# /tmp and a data directory, and an unprivileged user. Everything that the server and its
# commands do is done here once, over TLS, by programs that are not ours: curl, openssl
# and Python. At the end, the list of options, commands and operations that the binary
# itself gives is compared with what was run: one without a run is a failure.
#
#   test/emptybox/run.sh                      builds the binary, or takes the one of HOOKLOFT_BIN
#   test/emptybox/run.sh --transcript docs    also writes what was shown, as pages for people
#
# Needs bash, curl, openssl, python3 and jq; as root it uses chroot(8), else unshare(1).
set -euo pipefail
shopt -s inherit_errexit
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ $# = 0 ] || { [ $# = 2 ] && [ "$1" = --transcript ]; } || { echo "usage: run.sh [--transcript FOLDER]" >&2 && exit 2; }
TRANSCRIPT=${2-}
WORK=$(mktemp -d) SERVER='' RECEIVERS='' AT='' MAIN_SECRET='' BOX_HOME=''
PAGE=receiving # what is shown stands in the transcript of receiving, sending, or shaping
exec 3>&1 4>&2 # what is shown is redirected, also when the run ends in the middle of it
chmod 755 "$WORK"
# shellcheck source=box.sh
. "$HERE/box.sh"
cleanup() {
	local code=$?
	exec 1>&3 2>&4
	cat "$WORK/shown" 2>/dev/null || true
	for pid in $SERVER $RECEIVERS; do kill -9 "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done || true
	[ "$code" = 0 ] || { echo "${AT:+ended by $AT; }the end of the server's log:" && tail -n 15 "$WORK/log" || true; } >&2
	rm -rf "$WORK"
}
trap cleanup EXIT
set -E # a command that fails without a word is named
trap 'AT=${BASH_SOURCE[0]##*/}:$LINENO:\ $BASH_COMMAND' ERR

if [ "$(id -u)" = 0 ]; then
	JAIL=root
elif unshare -r true 2>/dev/null; then
	JAIL=user
	echo "not root: the box is made with unshare -r"
else
	echo "SKIP: neither root nor user namespaces: no box can be made here"
	exit 77
fi

say "The binary is static: it needs nothing of the machine but its kernel"
BINARY=${HOOKLOFT_BIN:-$WORK/hookloft}
[ -n "${HOOKLOFT_BIN:-}" ] || (cd "$HERE/../.." && CGO_ENABLED=0 go build -o "$BINARY" ./cmd/hookloft)
show 'ldd "$BINARY" || true'
{ ldd "$BINARY" 2>&1 || true; } | grep -E 'not a dynamic executable|statically linked' >/dev/null || fail "$BINARY is not static"

say "A throw-away authority, a certificate for the server and one for a receiver"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=throw-away" \
	-addext keyUsage=critical,keyCertSign -keyout "$WORK/ca.key" -out "$WORK/ca.pem" 2>/dev/null
certificate server && certificate renewed && certificate receiver

say "The box, and all that is in it"
BOX=$WORK/box
new_box "$BOX"
cp "$WORK/server.pem" "$BOX/tls/cert.pem" && cp "$WORK/server.key" "$BOX/tls/key.pem" && chmod 644 "$BOX"/tls/*
show '(cd "$BOX" && find . | sort)'

say "Which program is this, and what would it do?"
hookloft version
hookloft version --json | jq -e '.version' >/dev/null
hookloft openapi | jq -e '.paths["/api/v1/app"]' >/dev/null
hookloft openapi --extensions | jq -e '.paths["/x/v1/search"]' >/dev/null
hookloft config print >"$WORK/settings.toml"
grep -E '^#? ?max-payload' "$WORK/settings.toml"
printf 'max-payload = "64KiB"\ndrain = "5s"\n' >"$BOX/hookloft.toml"
hookloft config check --config /hookloft.toml
if hookloft config check --listen nonsense 2>"$WORK/error"; then fail "a wrong setting was accepted"; else cat "$WORK/error"; fi

say "Two receivers: one over http, one over https"
mkdir "$WORK/received"
receivers "$(unused_port)" "$(unused_port)"
HTTP=http://127.0.0.1:$(cat "$WORK/port.http") HTTPS=https://127.0.0.1:$(cat "$WORK/port.https")

say "The server: TLS, deliveries to this machine allowed because the receivers are here"
PORT=$(unused_port) METRICS=127.0.0.1:$(unused_port) URL=https://127.0.0.1:$PORT
MAIN=(--listen "127.0.0.1:$PORT" --data /data --tls-cert /tls/cert.pem --tls-key /tls/key.pem
	--public-url "https://localhost:$PORT" --egress-allow 127.0.0.0/8,::1/128 --allow-http --allow-internal-names
	--egress-sources 127.0.0.1,127.0.0.2 --portal-origins https://shop.example --config /hookloft.toml)
BOX_OF_RUN=$BOX PORT_OF_RUN=$PORT # faults.sh and options.sh have others
serve "${MAIN[@]}" --metrics-listen "$METRICS" --egress-nat64 64:ff9b::/96 --trusted-proxies 127.0.0.1/32 \
	--max-in-flight 64 --transform-time 60ms --log-format json --log-level debug
show 'cat "$WORK/ready"'
show 'ps -o user:8=,args= -p "$SERVER"'

say "Environments and a token"
hookloft environment create --data /data production
hookloft environment create --data /data scratch
TOKEN=$(hookloft token create --data /data --environment production --name emptybox)
hookloft environment delete --data /data scratch --yes
hookloft environment list --data /data
! hookloft environment list --data /data | grep -q scratch || fail "scratch is still there"

say "Health, the API's own description, who am I"
api 204 GET /api/v1/health
api 204 GET /api/v1/health/ping
api 200 GET /api/v1/openapi.json >"$WORK/openapi.json"
api 200 GET /x/v1/openapi.json >"$WORK/openapi-x.json"
jq -r '"\(.openapi): \(.paths | length) paths"' "$WORK/openapi.json" "$WORK/openapi-x.json"
api 200 GET /api/v1/auth/whoami | jq -c .

. "$HERE/job.sh"
. "$HERE/receive.sh"
. "$HERE/sources.sh"
. "$HERE/operations.sh"
. "$HERE/access.sh"
. "$HERE/users.sh"
. "$HERE/announce.sh"
. "$HERE/commands.sh"
. "$HERE/transform.sh"
. "$HERE/filter.sh"
. "$HERE/connector.sh"
. "$HERE/credentials.sh"
. "$HERE/order.sh"
. "$HERE/poll.sh"
. "$HERE/rules.sh"
. "$HERE/hold.sh"
. "$HERE/faults.sh"
. "$HERE/options.sh"

say "Nothing that the binary offers was left out"
. "$HERE/complete.sh"
[ -z "$TRANSCRIPT" ] || write_transcripts
echo "all runs passed"
