package sqlite

import (
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// planBytes estimates the memory of a plan: the sizes of the structs with their parts, and the long texts.
func planBytes(p *store.Plan) int {
	n := 1024
	for k, v := range p.Application.Metadata {
		n += 64 + len(k) + len(v)
	}
	for name, policy := range p.RetryPolicies {
		n += 96 + len(name) + 8*len(policy)
	}
	for name := range p.Retentions {
		n += 64 + len(name)
	}
	for name := range p.Archived {
		n += 48 + len(name)
	}
	for name := range p.Checked {
		n += 64 + len(name)
	}
	for name := range p.Redactions {
		n += 2048 + len(name)
	}
	for _, e := range p.Endpoints {
		if s := e.Shape; s != nil {
			n += 256 + 16*len(s.Success) + 8*len(s.RetryPolicy)
			if s.Token != nil {
				n += len(s.Token.Name) + len(s.Token.Value)
			}
		}
		n += featureBytes(&e.Features)
		n += 512 + len(e.URL) + len(e.Description) + 128*len(e.Secrets)
		for _, list := range [][]string{e.EventTypes, e.Channels} {
			for _, s := range list {
				n += 16 + len(s)
			}
		}
		for _, m := range []map[string]string{e.Metadata, e.Headers} {
			for k, v := range m {
				n += 64 + len(k) + len(v)
			}
		}
	}
	return n
}

// featureBytes estimates the memory of an endpoint's features. TestPlanBytesSeesEveryText keeps it
// complete.
func featureBytes(f *hook.Features) int {
	n := scriptBytes(f.Transformation)
	if f.Filter != nil {
		n += 1024 + 16*len(f.Filter.Text) // compiled, about
	}
	if u := f.Connector; u != nil {
		n += 256 + len(u.Ready) + mapBytes(u.Variables) + scriptBytes(u.Script)
		for _, a := range u.Answers {
			n += 64 + len(a.Body)
		}
	}
	if f.Order != nil {
		n += 64 + len(f.Order.Key)
	}
	if f.Latest != nil {
		n += 64 + len(f.Latest.Key)
	}
	if f.Hold != nil {
		n += 128 + len(f.Hold.Note)
	}
	if c := f.Consent; c != nil {
		n += 256 + len(c.Method) + len(c.VerifiedURL) + len(c.Error)
	}
	return n + credentialBytes(f.Credentials)
}

func credentialBytes(c *hook.Credentials) int {
	if c == nil {
		return 0
	}
	n := 256 + len(c.Bearer) + len(c.Identity) + len(c.CA) + len(c.SourceAddress)
	if b := c.Basic; b != nil {
		n += 64 + len(b.Username) + len(b.Password)
	}
	if k := c.APIKey; k != nil {
		n += 64 + len(k.Name) + len(k.Value)
	}
	if h := c.HMAC; h != nil {
		n += 256 + len(h.Secret) + len(h.KeyEncoding) + len(h.Algorithm) + len(h.Encoding) + len(h.Content) + len(h.Header) + len(h.Value) + len(h.TimestampHeader)
	}
	if p := c.Proxy; p != nil {
		n += 128 + len(p.URL) + len(p.Username) + len(p.Password)
	}
	if o := c.OAuth2; o != nil {
		n += 512 + len(o.Grant) + len(o.AuthMethod) + len(o.ClientID) + len(o.ClientSecret) + len(o.TokenURL) + len(o.RefreshToken) +
			mapBytes(o.ExtraParams) + mapBytes(o.ExtraHeaders)
		for _, s := range o.Scopes {
			n += 16 + len(s)
		}
		if o.JWT != nil {
			n += 64 + len(o.JWT.Key) + len(o.JWT.KeyID)
		}
	}
	return n
}

// scriptBytes is of a script; nil is none.
func scriptBytes(t *hook.Transformation) int {
	if t == nil {
		return 0
	}
	return 512 + len(t.Code) + mapBytes(t.Variables)
}

func mapBytes(m map[string]string) (n int) {
	for k, v := range m {
		n += 128 + len(k) + len(v)
	}
	return n
}
