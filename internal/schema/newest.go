package schema

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Newest returns, of an object from version to schema, the greatest version with its
// schema; "" and nil for none. Versions are usually numbers, of which the longer one is greater.
func Newest(schemas []byte) (version string, text []byte) {
	if schemas == nil {
		return "", nil
	}
	versions := map[string]jsontext.Value{}
	if json.Unmarshal(schemas, &versions) != nil {
		return "", nil // what is stored was checked
	}
	version = NewestVersion(versions)
	return version, versions[version]
}

// NewestVersion returns the greatest version, "" for none.
func NewestVersion(versions map[string]jsontext.Value) (newest string) {
	for v := range versions {
		if len(v) > len(newest) || len(v) == len(newest) && v > newest {
			newest = v
		}
	}
	return newest
}
