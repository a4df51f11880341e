package webhook

import (
	"crypto"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// generic is for every sender that has no preset: its settings describe the scheme.
var generic = provider{
	Preset: Preset{
		Name: "generic", Title: "Any other sender", Family: "hmac",
		Summary: "What the settings say: HMAC or ed25519 over a template, a token, Basic or Bearer authentication, or, said explicitly, nothing.",
		Secret:  "the key or token; for ed25519 the public key; for basic user:password",
		// With mode none.
		SecretOptional: true,
		Settings: append([]Setting{
			{Name: "mode", Words: []string{"hmac", "ed25519", "basic", "bearer", "header", "query", "none"},
				Summary: "what is checked: a signature (hmac, ed25519), Basic or Bearer authentication, a secret in a header or query parameter; none: whoever knows the URL may send"},
			{Name: "header", Summary: "header with the signature (hmac, ed25519) or the secret (header)"},
			{Name: "query_param", Summary: "query parameter with the secret (query); token when it is not set"},
			{Name: "algorithm", Words: []string{"sha256", "sha1", "sha384", "sha512"}, Summary: "the hash of hmac"},
			{Name: "encoding", Words: []string{"hex", "base64", "base64url"}, Summary: "how the signature is written; letter case of hex and padding of base64 do not matter"},
			{Name: "prefix", Summary: "what stands before each signature, such as sha256="},
			{Name: "separator", Summary: "what stands between several signatures in the header, of which one must match; with signature_pair between its pairs, a comma when it is not set"},
			{Name: "template", Summary: "what is signed: text with {body}, {timestamp}, {url}, {method}, {path}, {query}, {header:NAME}, {lf}; {{ and }} are braces; {body} when it is not set"},
			{Name: "unsigned_body", Words: []string{"refuse", "accept"}, Summary: "accept: the template may leave {body} out; whoever sees one request can then send any body with its signature"},
			{Name: "time_header", Summary: "header with the signed time, which is {timestamp}"},
			{Name: "time_pair", Summary: "name of the signed time in a signature header of pairs, such as t in t=1,v1=ab"},
			{Name: "signature_pair", Summary: "name of the signatures in such a header, such as v1"},
			{Name: "time_unit", Words: []string{"s", "ms"}, Summary: "unit of the signed time, which is Unix time"},
			{Name: "key_encoding", Words: []string{"text", "hex", "base64"}, Summary: "how the secret is written; a public key with text is 64 hexadecimal digits or base64"},
		}, foundBy()...),
		Methods:    []string{"POST", "PUT", "PATCH", "DELETE", "GET"},
		ID:         "settings id_header, id_path; else the request itself, so that a sender who says the same twice needs an id",
		Confidence: Confidence{Docs, Docs, Docs, Docs},
	},
	open:    openGeneric,
	factsBy: factsBySettings,
}

// genericUses says whether a mode looks at a setting, beside those of foundBy. One that
// would be without effect is refused: whoever set it believes that it is checked.
func genericUses(mode, setting string) bool {
	switch setting {
	case "mode":
		return true
	case "header":
		return mode == "hmac" || mode == "ed25519" || mode == "header"
	case "query_param":
		return mode == "query"
	case "algorithm":
		return mode == "hmac"
	}
	return mode == "hmac" || mode == "ed25519"
}

func openGeneric(s *settings) (scheme, error) {
	mode := s.get("mode")
	for name := range s.Settings {
		isFact := slices.ContainsFunc(foundBy(), func(known Setting) bool { return known.Name == name })
		if !isFact && !genericUses(mode, name) {
			return nil, invalidSetting("%s is of no use with mode %s", name, mode)
		}
	}
	for _, name := range []string{"id_header", "type_header", "time_header"} {
		if text, set := s.Settings[name]; set {
			if err := headerName(name, text); err != nil {
				return nil, err
			}
		}
	}
	switch mode {
	case "none":
		if len(s.Secrets) > 0 {
			return nil, invalidSetting("mode none looks at no secret, and one is given")
		}
		return openURL{}, nil
	case "basic":
		return newTokenScheme(s, basicToken())
	case "bearer":
		return newTokenScheme(s, bearerToken())
	case "query":
		name, set := s.Settings["query_param"]
		if !set {
			name = defaultTokenParameter
		}
		if name == "" {
			return nil, invalidSetting("query_param is the name of a query parameter")
		}
		return newTokenScheme(s, queryToken(name))
	}
	if _, err := s.texts(); err != nil { // before a header is asked for
		return nil, err
	}
	if err := headerName("header", s.Settings["header"]); err != nil {
		return nil, err
	}
	if mode == "header" {
		return newTokenScheme(s, headerToken(s.Settings["header"]))
	}
	envelope, err := openEnvelope(s)
	if err != nil {
		return nil, err
	}
	if mode == "ed25519" {
		return openEd25519(s, envelope)
	}
	g := &genericHMAC{envelope, &hmacScheme{
		hash: map[string]crypto.Hash{"sha1": crypto.SHA1, "sha256": crypto.SHA256, "sha384": crypto.SHA384, "sha512": crypto.SHA512}[s.get("algorithm")],
		// Candidates are decoded and written anew before they are compared.
		encode: hexText, signatures: envelope.signatures, text: envelope.template.pieces, tolerance: envelope.tolerance,
	}}
	if envelope.timed() {
		g.hmac.at = envelope.timestamp
	}
	for i, text := range s.Secrets {
		key, err := genericKey(s.get("key_encoding"), text)
		if err != nil {
			return nil, invalidKey("secret %d is not %s", i+1, s.get("key_encoding"))
		}
		if len(key) == 0 {
			return nil, invalidKey("secret %d is empty", i+1)
		}
		g.hmac.keys = append(g.hmac.keys, key)
	}
	return g, nil
}

// genericKey decodes a secret.
func genericKey(encoding, text string) ([]byte, error) {
	switch encoding {
	case "hex":
		return hex.DecodeString(text)
	case "base64":
		return decodeBase64(text)
	}
	return []byte(text), nil
}

// decodeBase64 takes both alphabets of RFC 4648, with and without padding: what it
// decodes is compared or used as a key, so there is nothing to gain from another spelling.
func decodeBase64(text string) ([]byte, error) {
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	return base64.RawStdEncoding.DecodeString(text)
}

// genericHMAC is an hmacScheme that writes time and signature as the settings say.
type genericHMAC struct {
	*envelope
	hmac *hmacScheme
}

func (g *genericHMAC) verify(r *Request, now time.Time) (time.Time, error) {
	return g.hmac.verify(r, now)
}

func (g *genericHMAC) sign(r *Request, now time.Time) error {
	at := g.stamp(r, now)
	if err := g.template.check(r); err != nil {
		return err
	}
	sum, err := hex.DecodeString(g.hmac.signature(g.hmac.keys[0], g.template.pieces(r, at)))
	if err != nil {
		return err
	}
	g.put(r, sum, at)
	return nil
}

// envelope is how a sender by settings writes signature and time, and what it signs.
type envelope struct {
	header, prefix, separator string
	timeHeader                string // "" when it is in the pairs, or there is none
	timePair, signaturePair   string // "" when header is not of pairs
	millis                    bool
	encoding                  string
	template                  template
	tolerance                 time.Duration
}

func openEnvelope(s *settings) (*envelope, error) {
	e := &envelope{
		header: http.CanonicalHeaderKey(s.Settings["header"]), prefix: s.Settings["prefix"], separator: s.Settings["separator"],
		timeHeader: http.CanonicalHeaderKey(s.Settings["time_header"]), timePair: s.Settings["time_pair"], signaturePair: s.Settings["signature_pair"],
		millis: s.get("time_unit") == "ms", encoding: s.get("encoding"), tolerance: s.tolerance(),
	}
	text, set := s.Settings["template"]
	if !set {
		text = "{body}"
	}
	var err error
	if e.template, err = parseTemplate(text); err != nil {
		return nil, err
	}
	switch {
	case e.timePair != "" && e.signaturePair == "":
		return nil, invalidSetting("time_pair goes with signature_pair")
	case e.timePair != "" && e.timeHeader != "":
		return nil, invalidSetting("the time is either in time_header or in time_pair")
	case e.timed() && !e.template.has("timestamp"):
		return nil, invalidSetting("template leaves {timestamp} out, so that the time would not be signed")
	case !e.timed() && e.template.has("timestamp"):
		return nil, invalidSetting("template has {timestamp}: time_header or time_pair says where it is")
	case !e.timed() && s.Settings["tolerance_s"] != "":
		return nil, invalidSetting("tolerance_s is of no use without a signed time")
	case !e.template.has("body") && s.get("unsigned_body") == "refuse":
		return nil, invalidSetting("template leaves {body} out, so that any body would be taken; unsigned_body=accept if this is meant")
	}
	if e.signaturePair != "" && e.separator == "" {
		e.separator = ","
	}
	if e.tolerance == 0 {
		e.tolerance = DefaultTolerance
	}
	return e, nil
}

// timed reports whether a time is signed.
func (e *envelope) timed() bool { return e.timeHeader != "" || e.timePair != "" }

func (e *envelope) timestamp(r *Request) (timestamp, error) {
	name := e.timeHeader
	var text string
	var err error
	if name != "" {
		text, err = single(r.Header, name)
	} else {
		name = e.header
		var found []string
		if found, err = e.pairs(r, e.timePair); err == nil && len(found) != 1 {
			err = malformed(name, "there is one "+e.timePair+"=")
		}
		if err == nil {
			text = found[0]
		}
	}
	if err != nil {
		return timestamp{}, err
	}
	if !e.millis {
		return unixTimestamp(name, text)
	}
	// As parseTimestamp, to the same year.
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ms < 0 || len(text) > 14 || strconv.FormatInt(ms, 10) != text {
		return timestamp{}, malformed(name, "a timestamp is a whole number of milliseconds")
	}
	return timestamp{text, time.UnixMilli(ms).UTC()}, nil
}

// signatures returns the candidates, decoded, as hex.
func (e *envelope) signatures(r *Request) ([]string, error) {
	if err := e.template.check(r); err != nil {
		return nil, err
	}
	var list []string
	if e.signaturePair != "" {
		var err error
		if list, err = e.pairs(r, e.signaturePair); err != nil {
			return nil, err
		}
	} else {
		value, err := single(r.Header, e.header)
		if err != nil {
			return nil, err
		}
		list = []string{value}
		if e.separator != "" {
			list = strings.SplitN(value, e.separator, maxSignatures+1)
		}
	}
	if len(list) > maxSignatures {
		return nil, malformed(e.header, "there are more than 32 signatures")
	}
	var sums []string
	for _, text := range list {
		encoded, ok := strings.CutPrefix(strings.TrimSpace(text), e.prefix)
		if !ok || encoded == "" {
			continue // the next one may be right
		}
		if sum, err := e.decode(encoded); err == nil {
			sums = append(sums, hexText(sum))
		}
	}
	if len(sums) == 0 {
		return nil, malformed(e.header, "a signature is "+e.encoding+" behind "+strconv.Quote(e.prefix))
	}
	return sums, nil
}

// pairs returns the values of a name in a header of pairs.
func (e *envelope) pairs(r *Request, name string) ([]string, error) {
	value, err := single(r.Header, e.header)
	if err != nil {
		return nil, err
	}
	var found []string
	for pair := range strings.SplitSeq(value, e.separator) {
		have, text, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok {
			return nil, malformed(e.header, "each part is name=value")
		}
		if have == name && text != "" {
			found = append(found, text)
		}
	}
	if len(found) == 0 {
		return nil, malformed(e.header, "there is no "+name+"=")
	}
	return found, nil
}

func (e *envelope) decode(text string) ([]byte, error) {
	if e.encoding == "hex" {
		return hex.DecodeString(text)
	}
	return decodeBase64(text)
}

func (e *envelope) encode(sum []byte) string {
	switch e.encoding {
	case "base64":
		return base64.StdEncoding.EncodeToString(sum)
	case "base64url":
		return base64.URLEncoding.EncodeToString(sum)
	}
	return hexText(sum)
}

// stamp makes now the signed time. The header is set before the text is made, which may hold it.
func (e *envelope) stamp(r *Request, now time.Time) timestamp {
	at := timestamp{strconv.FormatInt(now.Unix(), 10), now}
	if e.millis {
		at.text = strconv.FormatInt(now.UnixMilli(), 10)
	}
	if e.timeHeader != "" {
		r.Header.Set(e.timeHeader, at.text)
	}
	return at
}

// put writes the signature.
func (e *envelope) put(r *Request, sum []byte, at timestamp) {
	value := e.prefix + e.encode(sum)
	if e.signaturePair != "" {
		value = e.signaturePair + "=" + value
		if e.timePair != "" {
			value = e.timePair + "=" + at.text + e.separator + value
		}
	}
	r.Header.Set(e.header, value)
}
