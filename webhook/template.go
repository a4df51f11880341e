package webhook

import (
	"net/http"
	"slices"
	"strings"
)

// template is the text that a sender signs, made of literal text and parts of the request:
//
//	{body}         the body, byte for byte
//	{timestamp}    the signed time, as it was written
//	{url}          the URL as the sender knows it
//	{method}       POST
//	{path}         the URL's path as it is written, "/" when it is empty
//	{query}        what follows the URL's first "?"
//	{header:NAME}  the one value of a header
//	{lf}           a line feed, for where one is hard to type
//	{{ and }}      { and }
type template []templatePart

type templatePart struct {
	name string // "" for literal text, else the word in braces
	text string // the literal text, or the header's canonical name
}

// maxTemplateBytes is far beyond what any sender signs.
const maxTemplateBytes = 4096

func parseTemplate(text string) (template, error) {
	if len(text) > maxTemplateBytes {
		return nil, invalidSetting("template is longer than %d bytes", maxTemplateBytes)
	}
	var t template
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			t = append(t, templatePart{text: literal.String()})
			literal.Reset()
		}
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c != '{' && c != '}':
			literal.WriteByte(c)
			continue
		case i+1 < len(text) && text[i+1] == c:
			literal.WriteByte(c)
			i++
			continue
		case c == '}':
			return nil, invalidSetting("template has a } without its {; a literal one is written }}")
		}
		length := strings.IndexByte(text[i:], '}')
		if length < 0 {
			return nil, invalidSetting("template has a { without its }; a literal one is written {{")
		}
		part, err := parsePart(text[i+1 : i+length])
		if err != nil {
			return nil, err
		}
		i += length
		if part.name == "lf" {
			literal.WriteByte('\n')
			continue
		}
		flush()
		t = append(t, part)
	}
	flush()
	return t, nil
}

func parsePart(word string) (templatePart, error) {
	switch word {
	case "body", "timestamp", "url", "method", "path", "query", "lf":
		return templatePart{name: word}, nil
	}
	if name, ok := strings.CutPrefix(word, "header:"); ok {
		if err := headerName("{header:NAME}", name); err != nil {
			return templatePart{}, err
		}
		return templatePart{"header", http.CanonicalHeaderKey(name)}, nil
	}
	return templatePart{}, invalidSetting("template knows {body}, {timestamp}, {url}, {method}, {path}, {query}, {header:NAME} and {lf}")
}

// has reports whether a part of this name is in t.
func (t template) has(name string) bool {
	return slices.ContainsFunc(t, func(p templatePart) bool { return p.name == name })
}

// check finds the headers that t needs.
func (t template) check(r *Request) error {
	for _, p := range t {
		if p.name != "header" {
			continue
		}
		if _, err := single(r.Header, p.text); err != nil {
			return err
		}
	}
	return nil
}

// pieces are the text of a request that check has passed.
func (t template) pieces(r *Request, at timestamp) [][]byte {
	pieces := make([][]byte, len(t))
	for i, p := range t {
		path, query := splitURL(r.URL)
		switch p.name {
		case "":
			pieces[i] = []byte(p.text)
		case "body":
			pieces[i] = r.Body
		case "timestamp":
			pieces[i] = []byte(at.text)
		case "url":
			pieces[i] = []byte(r.URL)
		case "method":
			pieces[i] = []byte(r.Method)
		case "path":
			pieces[i] = []byte(path)
		case "query":
			pieces[i] = []byte(query)
		case "header":
			pieces[i] = []byte(r.Header.Get(p.text))
		}
	}
	return pieces
}

// splitURL returns path and query as they are written; net/url would write some characters anew.
func splitURL(rawURL string) (path, query string) {
	rawURL, _, _ = strings.Cut(rawURL, "#")
	rawURL, query, _ = strings.Cut(rawURL, "?")
	if _, rest, ok := strings.Cut(rawURL, "://"); ok {
		rawURL = rest
		if slash := strings.IndexByte(rawURL, '/'); slash >= 0 {
			rawURL = rawURL[slash:]
		} else {
			rawURL = ""
		}
	}
	if rawURL == "" {
		rawURL = "/"
	}
	return rawURL, query
}
