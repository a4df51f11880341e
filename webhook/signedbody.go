package webhook

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Some providers put the signature of a few values into the same JSON body (AWS SNS,
// Adyen). A body that parsers read in different ways would let a forger keep the signed
// value for us and add his own for the next reader: a name twice, where the last may
// count, or in other letters, as encoding/json takes it. Such a body is refused.

// maxMembers bounds the members of one object.
const maxMembers = 2000

// signedObject returns the members of a JSON object, each name only once in any case. The
// names that matter must be written as they are here, or be left out.
func signedObject(value []byte, what string, names ...string) (map[string][]byte, error) {
	if len(value) == 0 || value[0] != '{' {
		return nil, malformed("body", what+" is a JSON object")
	}
	members := make(map[string][]byte)
	folded := make(map[string]bool)
	all := jsonMembers(value, func(key, member []byte) bool {
		var name string
		if json.Unmarshal(key, &name) != nil {
			return false
		}
		fold := foldName(name)
		ok := !folded[fold] && len(folded) < maxMembers && !slices.ContainsFunc(names, func(n string) bool { return n != name && foldName(n) == fold })
		folded[fold], members[name] = true, member
		return ok
	})
	if !all {
		return nil, malformed("body", what+" has a name twice, in other letters, or too many")
	}
	return members, nil
}

// foldName is the same for names that encoding/json takes for one. Upper case comes first:
// it is what brings the long s to S.
func foldName(name string) string { return strings.ToLower(strings.ToUpper(name)) }

// signedText returns a string of an object; a missing or an empty one is refused.
func signedText(members map[string][]byte, name string) (string, error) {
	value := members[name]
	if len(value) == 0 || value[0] != '"' {
		return "", fmt.Errorf("%w: body %s", ErrMissingHeader, name)
	}
	text := jsonText(value)
	if text == "" {
		return "", fmt.Errorf("%w: body %s", ErrMissingHeader, name)
	}
	return text, nil
}
