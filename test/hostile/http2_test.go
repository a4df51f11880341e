//go:build unix

package hostile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// playHTTP2 speaks the frames of a script after the client's preface (RFC 9113).
func (p *player) playHTTP2(frames []string) error {
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(p.in, preface); err != nil {
		return err
	}
	if string(preface) != http2.ClientPreface {
		return errors.New("no HTTP/2 preface")
	}
	framer := http2.NewFramer(p.conn, p.in)
	framer.AllowIllegalWrites = true
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	var stream uint32
	for _, f := range frames {
		var err error
		switch {
		case f == "settings":
			err = framer.WriteSettings()
		case f == "settings max_concurrent_streams=0":
			err = framer.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 0})
		case f == "read_headers":
			stream, err = p.readHeaders(framer)
		case f == "goaway last=0 code=11":
			err = framer.WriteGoAway(0, http2.ErrCodeEnhanceYourCalm, nil)
		case f == "close":
			p.fin()
			return errScriptOver
		case f == "hang":
			p.drain(framer, stream == 0)
			return errScriptOver
		case f == "headers no END_HEADERS", f == "headers :status=200":
			var block bytes.Buffer
			if err := hpack.NewEncoder(&block).WriteField(hpack.HeaderField{Name: ":status", Value: "200"}); err != nil {
				return err
			}
			err = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block.Bytes(),
				EndHeaders: !strings.HasPrefix(f, "headers no")})
		case f == "loop: continuation 16KiB":
			go p.drain(framer, false)
			block := continuation()
			for err == nil {
				err = framer.WriteContinuation(stream, false, block)
				p.written += int64(len(block))
			}
		case f == "loop: ping":
			go p.drain(framer, false)
			for err == nil {
				err = framer.WritePing(false, [8]byte{1})
				p.written += 17
			}
		case f == "rst CANCEL":
			err = framer.WriteRSTStream(stream, http2.ErrCodeCancel)
		default:
			return fmt.Errorf("a frame that this stub does not know: %q", f)
		}
		if err != nil {
			return err
		}
	}
	p.drain(framer, false)
	return nil
}

// readHeaders reads frames until a request begins, and returns its stream.
func (p *player) readHeaders(framer *http2.Framer) (uint32, error) {
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return 0, err
		}
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				if err := framer.WriteSettingsAck(); err != nil {
					return 0, err
				}
			}
		case *http2.MetaHeadersFrame:
			p.addHTTP2(f)
			return f.StreamID, nil
		}
	}
}

func (p *player) addHTTP2(f *http2.MetaHeadersFrame) {
	header := textproto.MIMEHeader{}
	for _, field := range f.Fields {
		header.Add(field.Name, field.Value)
	}
	p.add(request{at: time.Now(), header: header})
}

// drain reads until the sender closes, counts further requests, and says nothing; ack
// is for the case in which the settings must be acknowledged first.
func (p *player) drain(framer *http2.Framer, ack bool) {
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return
		}
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			if ack && !f.IsAck() {
				_ = framer.WriteSettingsAck()
			}
		case *http2.MetaHeadersFrame:
			p.addHTTP2(f)
		}
	}
}

// continuation is 16 KiB of header fields (RFC 7541 section 6.2.2: literal, not indexed).
func continuation() []byte {
	var block bytes.Buffer
	for block.Len() < 16<<10-200 {
		block.WriteByte(0)
		block.WriteByte(1)
		block.WriteByte('x')
		block.WriteByte(100)
		block.WriteString(strings.Repeat("a", 100))
	}
	return block.Bytes()
}
