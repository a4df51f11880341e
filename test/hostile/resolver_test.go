//go:build unix

package hostile

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/hookloft/hookloft/test/rig"
)

// answers are the records of one name. With Seq, successive look-ups get successive
// entries, and the last one repeats. Mode is a way to misbehave instead.
type answers struct {
	A, AAAA []string
	CNAME   string
	Seq     []answers
	Mode    string // servfail, timeout, empty_answer
}

// resolver is the name server that the binary finds in /etc/resolv.conf. It answers
// with TTL 0, and NXDOMAIN for names that it does not have.
type resolver struct {
	mu    sync.Mutex
	zone  map[string]answers
	asked map[string]int // name and type → look-ups so far
}

func startResolver(t *testing.T) *resolver {
	t.Helper()
	c, err := net.ListenPacket("udp", rig.ResolverAddr)
	if err != nil {
		t.Fatal(err)
	}
	r := &resolver{zone: map[string]answers{}, asked: map[string]int{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for {
			n, from, err := c.ReadFrom(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue
			}
			if reply := r.reply(buf[:n]); reply != nil {
				_, _ = c.WriteTo(reply, from)
			}
		}
	}()
	t.Cleanup(func() {
		c.Close()
		<-done
	})
	return r
}

// set replaces the records of names and forgets how often they were looked up.
func (r *resolver) set(names map[string]answers) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, a := range names {
		r.zone[name] = a
		delete(r.asked, name+" A")
		delete(r.asked, name+" AAAA")
	}
}

// skip counts one look-up of each name that has a sequence and was not looked up
// yet: the one at creation, which the binary does not make.
func (r *resolver) skip(names map[string]answers) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name := range names {
		r.asked[name+" A"] = max(r.asked[name+" A"], 1)
		r.asked[name+" AAAA"] = max(r.asked[name+" AAAA"], 1)
	}
}

// reply returns the answer to one query, or nil for silence.
func (r *resolver) reply(query []byte) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	name := strings.ToLower(strings.TrimSuffix(q.Name.String(), "."))
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	r.mu.Lock()
	a, known := r.zone[name]
	key := name + " " + strings.TrimPrefix(q.Type.String(), "Type")
	n := r.asked[key]
	r.asked[key]++
	r.mu.Unlock()
	switch {
	case !known:
		m.RCode = dnsmessage.RCodeNameError
	case a.Mode == "servfail":
		m.RCode = dnsmessage.RCodeServerFailure
	case a.Mode == "timeout":
		return nil
	}
	if len(a.Seq) > 0 {
		a = a.Seq[min(n, len(a.Seq)-1)]
	}
	owner := q.Name
	if a.CNAME != "" {
		target := dnsmessage.MustNewName(a.CNAME + ".")
		m.Answers = append(m.Answers, record(owner, &dnsmessage.CNAMEResource{CNAME: target}))
		owner = target
	}
	list := a.A
	if q.Type == dnsmessage.TypeAAAA {
		list = a.AAAA
	}
	for _, text := range list {
		ip := netip.MustParseAddr(text)
		if ip.Is4() {
			m.Answers = append(m.Answers, record(owner, &dnsmessage.AResource{A: ip.As4()}))
		} else {
			m.Answers = append(m.Answers, record(owner, &dnsmessage.AAAAResource{AAAA: ip.As16()}))
		}
	}
	out, err := m.Pack()
	if err != nil {
		return nil
	}
	return out
}

func record(owner dnsmessage.Name, body dnsmessage.ResourceBody) dnsmessage.Resource {
	return dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: owner, Class: dnsmessage.ClassINET}, Body: body}
}
