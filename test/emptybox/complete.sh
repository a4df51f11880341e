# Compares what the binary offers with what was run. Part of run.sh.
missing=0 NL=$'\n'
lacks() {
	echo "never run: $*" >&2
	missing=$((missing + 1))
}

flags() { "$BINARY" "$@" --help | sed -n '/^Flags/,$s/^ *\(-[a-zA-Z], \)\?--\([a-z0-9-]*\).*/\2/p' | grep -v '^help$'; }
commands() { "$BINARY" "$@" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p'; }

# Settings are flags of many commands; they are the server's, so a run of serve counts.
settings=$(flags serve)
for setting in $settings; do
	grep -q -E -- "^serve .*--$setting( |=|$)" "$WORK/commands" || [ "$setting" = config ] || lacks "serve --$setting"
done
grep -q -- '--config ' "$WORK/commands" || lacks "--config"
# So are the flags that all commands share that call a server: once for all of them.
shared=$(comm -12 <(flags app list | sort) <(flags why | sort))
for flag in $shared; do
	grep -qx -- "$flag" <<<"$settings" || grep -q -E -- "^([^s]|s[^e]|se[^r]).* --$flag( |=|$)" "$WORK/commands" || lacks "--$flag"
done
check() { # check COMMAND...: it was run, and so was each of its own flags
	grep -q -- "^$*\( \|$\)" "$WORK/commands" || lacks "$*"
	for flag in $(flags "$@"); do
		grep -qx -- "$flag" <<<"$settings$NL$shared" || grep -q -E -- "^$* (.* )?--$flag( |=|$)" "$WORK/commands" || lacks "$* --$flag"
	done
}
count=0
for command in $(commands); do
	below=$(commands "$command")
	for sub in ${below:-''}; do
		[ "$sub" = "''" ] && sub=
		check "$command" ${sub:+"$sub"}
		count=$((count + 1))
	done
done

# Operations: each path and method of the documents that the server itself serves.
operations=$(jq -r '.paths | to_entries[] | .key as $path | .value | to_entries[]
	| select(.key | IN("get", "post", "put", "patch", "delete")) | "\(.key | ascii_upcase) \($path)"' "$WORK/openapi.json" "$WORK/openapi-x.json" | sort -u)
while read -r operation; do
	grep -q -x -E "$(sed 's/[.]/\\./g; s/{[^}]*}/[^\/]+/g' <<<"$operation")" "$WORK/calls" || lacks "$operation"
done <<<"$operations"

echo "$count commands, $(wc -w <<<"$settings") settings, $(wc -l <<<"$operations") operations, $(wc -l <"$WORK/calls") calls"
[ "$missing" = 0 ] || fail "$missing parts without a run"
