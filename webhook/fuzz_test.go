package webhook

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// FuzzJSONFind: no text makes it panic, and in JSON it finds what encoding/json finds.
func FuzzJSONFind(f *testing.F) {
	for _, data := range []string{
		`{"a":{"b":[1,{"c":"d"}]}}`, `[[],{},"x",null,true,1e3]`, ` { "a" : 1 , "a" : 2 } `, `{"a":"\u00e9\"}"}`, `"x"`, `{"a":`, `{"a" 1}`, `[1,,2]`, `]`, `{"a":"`,
		strings.Repeat("[", 600) + strings.Repeat("]", 600),
	} {
		f.Add([]byte(data), "a.b.1.c")
		f.Add([]byte(data), "0")
		f.Add([]byte(data), "a")
	}
	f.Fuzz(func(t *testing.T, data []byte, path string) {
		names := strings.Split(path, ".")
		got := jsonText(jsonFind(data, names))
		if !json.Valid(data) || jsonDepth(data) > maxJSONDepth {
			return
		}
		if want := decodedText(t, data, names); got != want {
			t.Errorf("%q, encoding/json says %q", got, want)
		}
	})
}

// decodedText is jsonText(jsonFind(data, names)) done with encoding/json. data is valid.
func decodedText(t *testing.T, data []byte, names []string) string {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if len(names) == 0 {
		var v any
		if err := d.Decode(&v); err != nil {
			return "" // a lone number out of float64's range is still valid
		}
		switch v := v.(type) {
		case string:
			return v
		case json.Number:
			return v.String()
		case bool:
			return strconv.FormatBool(v)
		}
		return ""
	}
	token, err := d.Token()
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; d.More(); i++ {
		var name string
		switch token {
		case json.Delim('{'):
			key, err := d.Token()
			if err != nil {
				t.Fatal(err)
			}
			name = key.(string)
		case json.Delim('['):
			name = strconv.Itoa(i)
			if n, err := strconv.Atoi(names[0]); err == nil && n == i {
				name = names[0] // "01" is an index as well
			}
		default:
			return ""
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			t.Fatal(err)
		}
		if name == names[0] {
			return decodedText(t, value, names[1:])
		}
	}
	return ""
}

// jsonDepth is how deep valid JSON nests.
func jsonDepth(data []byte) (deepest int) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	depth := 0
	for {
		token, err := d.Token()
		if err != nil {
			return deepest
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
			deepest = max(deepest, depth)
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
}

// FuzzFormValue: where net/url can read a form, it finds the same.
func FuzzFormValue(f *testing.F) {
	for _, body := range []string{"a=1&b=2", "a=%7B%22x%22%3A1%7D", "a=1&a=2", "a", "=x", "&&a=+", "%zz=1&a=%zz&a=3", "a;b=1"} {
		f.Add([]byte(body), "a")
	}
	f.Fuzz(func(t *testing.T, body []byte, field string) {
		got := formValue(body, field)
		values, err := url.ParseQuery(string(body))
		if err != nil || field == "" { // an empty pair has no field for net/url
			return
		}
		if want := values.Get(field); got != want {
			t.Errorf("%q, net/url says %q", got, want)
		}
	})
}

// FuzzParseTime: a time that is found is UTC and survives being written and read again.
func FuzzParseTime(f *testing.F) {
	for _, text := range []string{
		"1763668800", "1763668800.5", "1763668800123", "1e9", "NaN", "-1", "99999999999999999999", "0x1p31", "", "2025-11-20T20:00:00Z",
		"2025-11-20T15:00:00-05:00", "2019-03-01T10:37:14+0100", "2025-11-20T20:00:00.000", "2025-11-20 20:00:00", "Thu, 20 Nov 2025 20:00:00 GMT", "9999-12-31T23:59:59-23:59",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at := parseTime(text)
		if at.Location() != time.UTC {
			t.Errorf("%v is not UTC", at)
		}
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && n >= 1e8 && n < 1e11 && at.Unix() != n {
			t.Errorf("%d seconds are read as %d", n, at.Unix())
		}
		if year := at.Year(); year < 0 || year > 9999 { // RFC 3339 ends there
			return
		}
		if again := parseTime(at.Format(time.RFC3339Nano)); !again.Equal(at) {
			t.Errorf("%v is %v when it is read again", at, again)
		}
	})
}

// FuzzListHeader: what is accepted is one canonical time and a bounded number of
// signatures, each a whole part of the header.
func FuzzListHeader(f *testing.F) {
	for _, value := range []string{"t=1763668800,v1=ab,v1=cd", "t=1;v1=a", "t=01,v1=a", "v1=,t=", "t=1,t=2,v1=a", ",", "=", "t", "v1=a=b, t=5", strings.Repeat("v1=a,", 40) + "t=1"} {
		f.Add(value)
	}
	number := regexp.MustCompile(`^(0|[1-9][0-9]{0,10})$`)
	f.Fuzz(func(t *testing.T, value string) {
		for _, list := range []listHeader{
			{name: "X-Signature", separator: ",", time: "t", signature: "v1"},
			{name: "X-Signature", separator: ";", time: "ts", signature: "h1"},
		} {
			r := &Request{Header: http.Header{"X-Signature": {value}}}
			at, err := list.timestamp(r)
			if err == nil && (!number.MatchString(at.text) || strconv.FormatInt(at.time.Unix(), 10) != at.text) {
				t.Errorf("time %q is accepted as %v", at.text, at.time)
			}
			signatures, err := list.signatures(r)
			if err == nil && (len(signatures) == 0 || len(signatures) > maxSignatures) {
				t.Errorf("%d signatures are accepted", len(signatures))
			}
			for _, s := range signatures {
				if s == "" || strings.Contains(s, list.separator) || !strings.Contains(value, list.signature+"="+s) {
					t.Errorf("signature %q is not in the header", s)
				}
			}
		}
	})
}

// FuzzHMACProviders: no request makes a provider panic, none is genuine by chance, and no
// handshake hands over a second secret or can be read as a page.
func FuzzHMACProviders(f *testing.F) {
	f.Add("POST", "", "sha256=", `{"verification_token":"x"}`)
	f.Add("GET", "?crc_token=a&challenge=%3Cb%3E&hub.mode=subscribe&hub.challenge=c&hub.verify_token=v&hub.topic=t", "", "")
	f.Add("HEAD", "?%zz", "v0=x", "webhook_id=1")
	f.Add("POST", "", "t=1763668800,v1=00", `{"event":"endpoint.url_validation","payload":{"plainToken":"p"}}`)
	f.Add("POST", "", "v1=00", `{"object":"page","entry":[{"changes":[1,{}],"messaging":[null]}],"x_events":[1,{"id":2}]}`)
	now := time.Unix(1763668800, 0)
	var verifiers []*ProviderVerifier
	var names [][]string
	for _, name := range hmacProviders {
		v := openProvider(f, name, hmacSecret)
		_, headers := signedBy(f, name, now)
		verifiers, names = append(verifiers, v), append(names, append(headers, asanaSecret, "X-Event-Key"))
	}
	f.Fuzz(func(t *testing.T, method, query, value, text string) {
		for i, v := range verifiers {
			r := Request{Method: method, URL: "https://in.example.test/in/x" + query, Header: http.Header{}, Body: []byte(text)}
			for _, name := range names[i] {
				r.Header.Set(name, value)
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if _, err := v.Verify(r, now); err == nil {
				t.Errorf("%s: accepted", v.Preset().Name)
			}
			answer, err := v.Handshake(r, now)
			switch {
			case err != nil && answer != nil:
				t.Errorf("%s: an answer and an error", v.Preset().Name)
			case answer != nil && (answer.Secret != "" && answer.Refused == "" || answer.Status < 200 || answer.Visit != ""):
				t.Errorf("%s: answer %+v", v.Preset().Name, answer)
			case answer != nil && len(answer.Body) > 0 && !strings.HasPrefix(answer.Header.Get("Content-Type"), "text/plain") && answer.Header.Get("Content-Type") != "application/json":
				t.Errorf("%s: a body of %q", v.Preset().Name, answer.Header.Get("Content-Type"))
			}
			// What a genuine request says is read from whatever it holds.
			var out Verified
			v.facts.read(&r, &out)
		}
	})
}
