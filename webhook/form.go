package webhook

import (
	"bytes"
	"encoding/hex"
	"io"
	"mime"
	"mime/multipart"
	"strings"
)

// maxFormFields bounds the work of one form; Twilio sends about 40 fields.
const maxFormFields = 1000

// formField is one field of a form, decoded. Where nothing had to be decoded it is a part
// of the body.
type formField struct{ name, value []byte }

// formFields returns the fields of an urlencoded form in the order of the body. A form
// that decoders might read in different ways is refused.
func formFields(body []byte) ([]formField, error) {
	if len(body) == 0 {
		return nil, nil
	}
	if bytes.Count(body, []byte{'&'}) >= maxFormFields {
		return nil, malformed("body", "the form has more than 1000 fields")
	}
	var list []formField
	for pair := range bytes.SplitSeq(body, []byte{'&'}) {
		if len(pair) == 0 {
			continue
		}
		name, value, _ := bytes.Cut(pair, []byte{'='})
		name, errName := formText(name)
		value, errValue := formText(value)
		if errName != nil || errValue != nil {
			return nil, malformed("body", "the form is not percent-encoded as it should be")
		}
		list = append(list, formField{name, value})
	}
	return list, nil
}

// formText decodes as url.QueryUnescape does, without a copy where there is nothing to decode.
func formText(text []byte) ([]byte, error) {
	if !bytes.ContainsAny(text, "%+") {
		return text, nil
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '+':
			out = append(out, ' ')
		case '%':
			if i+2 >= len(text) {
				return nil, hex.ErrLength
			}
			var decoded [1]byte
			if _, err := hex.Decode(decoded[:], text[i+1:i+3]); err != nil {
				return nil, err
			}
			out = append(out, decoded[0])
			i += 2
		default:
			out = append(out, c)
		}
	}
	return out, nil
}

// formValue returns the first value of a field of an urlencoded form, "" when it is not there.
func formValue(body []byte, field string) string {
	for pair := range bytes.SplitSeq(body, []byte{'&'}) {
		name, value, _ := bytes.Cut(pair, []byte{'='})
		if name, err := formText(name); err != nil || string(name) != field {
			continue
		}
		if value, err := formText(value); err == nil {
			return string(value)
		}
	}
	return ""
}

// multipartFields returns those fields of a multipart form that are named. None may be
// longer than 1 KiB, or be there twice.
func multipartFields(contentType string, body []byte, names ...string) (map[string]string, error) {
	_, parameters, err := mime.ParseMediaType(contentType)
	if err != nil || parameters["boundary"] == "" {
		return nil, malformed("Content-Type", "a multipart form has a boundary")
	}
	found := make(map[string]string, len(names))
	reader := multipart.NewReader(bytes.NewReader(body), parameters["boundary"])
	for range maxFormFields {
		part, err := reader.NextRawPart()
		if err == io.EOF {
			return found, nil
		}
		if err != nil {
			return nil, malformed("body", "the multipart form cannot be read")
		}
		name := part.FormName()
		wanted := false
		for _, n := range names {
			wanted = wanted || n == name
		}
		if !wanted {
			continue
		}
		if _, twice := found[name]; twice {
			return nil, malformed("body", "a field of the form is there twice")
		}
		const maxBytes = 1 << 10
		value, err := io.ReadAll(io.LimitReader(part, maxBytes+1))
		if err != nil || len(value) > maxBytes {
			return nil, malformed("body", "the multipart form cannot be read")
		}
		found[name] = string(value)
	}
	return nil, malformed("body", "the form has more than 1000 fields")
}

// isContent reports whether the body is of a media type, whatever its parameters.
func isContent(r *Request, mediaType string) bool {
	text, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(text), mediaType)
}

const (
	formContent      = "application/x-www-form-urlencoded"
	multipartContent = "multipart/form-data"
)
