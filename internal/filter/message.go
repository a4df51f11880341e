package filter

import (
	"net/url"
	"strings"
)

// Message is what filters are asked about. Set the exported fields, then ask any number of
// filters, one at a time: the payload is parsed when the first of them asks for it, and once.
// What the fields point to must not change meanwhile.
type Message struct {
	// Payload is the content. What is not JSON is content of which nothing can be asked but
	// whether it is JSON; nil is none.
	Payload []byte
	// Header is the headers of the provider's request, name and value by turns; nil for a
	// message that was published. A name that occurs more than once is a list.
	Header []string
	// Query is the raw query of the provider's request. A name that occurs more than once is a list.
	Query string
	// Metadata is that of the application, or of the source.
	Metadata map[string]string
	// EventType is "" for none.
	EventType string
	Channels  []string

	doc      document
	isParsed bool
	isJSON   bool
	query    url.Values // nil until it is asked for
}

// value is a value of a message: a node of its payload, or one of its other sections.
type value struct {
	kind    kind
	at      uint32   // of JSON
	isJSON  bool     // at counts, and text and list do not
	text    string   // of a text
	list    []string // of a list
	section string   // of kindNames
}

func textValue(s string) value { return value{kind: kindText, text: s} }

// listValue is missing without texts, and one text is not a list.
func listValue(list []string) value {
	switch len(list) {
	case 0:
		return value{}
	case 1:
		return textValue(list[0])
	}
	return value{kind: kindList, list: list}
}

// section returns a section of the message.
func (m *Message) section(name string) value {
	switch name {
	case "payload":
		return m.payload()
	case "eventType":
		if m.EventType == "" {
			return value{}
		}
		return textValue(m.EventType)
	case "channels":
		if len(m.Channels) == 0 {
			return value{}
		}
		return value{kind: kindList, list: m.Channels}
	case "headers":
		if len(m.Header) == 0 {
			return value{}
		}
	case "query":
		if m.Query == "" {
			return value{}
		}
	case "metadata":
		if len(m.Metadata) == 0 {
			return value{}
		}
	}
	return value{kind: kindNames, section: name}
}

func (m *Message) payload() value {
	if m.Payload == nil {
		return value{}
	}
	if !m.isParsed {
		m.isParsed, m.isJSON = true, m.doc.parse(m.Payload)
	}
	if !m.isJSON {
		return value{kind: kindOpaque}
	}
	return m.node(0)
}

func (m *Message) node(at uint32) value {
	return value{kind: m.doc.nodes[at].kind, at: at, isJSON: true}
}

// named returns what a section has under a name.
func (m *Message) named(section, name string) value {
	switch section {
	case "headers":
		var list []string
		for i := 0; i+1 < len(m.Header); i += 2 {
			if strings.EqualFold(m.Header[i], name) {
				list = append(list, m.Header[i+1])
			}
		}
		return listValue(list)
	case "query":
		if m.query == nil {
			m.query, _ = url.ParseQuery(m.Query) // what cannot be read is left out
		}
		return listValue(m.query[name])
	}
	if text, ok := m.Metadata[name]; ok {
		return textValue(text)
	}
	return value{}
}

// characters returns those of a text.
func (m *Message) characters(v value) []byte {
	if v.isJSON {
		return m.doc.characters(v.at)
	}
	return []byte(v.text)
}

// length is about how long the text of a value is.
func (m *Message) length(v value) int {
	if v.isJSON {
		n := m.doc.nodes[v.at]
		return int(n.end - n.start)
	}
	return len(v.text)
}
