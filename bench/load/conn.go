//go:build unix

package main

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"strconv"
	"time"
)

// conn is one kept HTTP/1.1 connection that posts message after message.
type conn struct {
	addr    string
	head    []byte // request line and headers up to the idempotency key's digits
	tail    []byte // rest of the headers, and the body before the payload
	end     []byte // the body after the payload
	buf     []byte
	key     uint64 // next idempotency key
	netConn net.Conn
	r       *bufio.Reader
	mac     hash.Hash // signs webhooks; nil to publish
}

// answerTimeout bounds one publish; beyond it the message counts as unanswered.
const answerTimeout = 30 * time.Second

// dial opens a connection. Payloads of the plan's size may be posted on it.
func dial(p plan) (*conn, error) {
	if p.webhookSecret != "" {
		return dialWebhook(p)
	}
	before := `{"eventType":"` + p.eventType + `","payload":`
	after := `}`
	length := len(before) + p.size + len(after)
	c := &conn{addr: p.addr, end: []byte(after)}
	c.head = fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n"+
		"Accept: application/json\r\nUser-Agent: hookloft-bench\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"+
		"Idempotency-Key: auto_", p.path, p.addr, p.token, length)
	c.tail = []byte("\r\n\r\n" + before)
	return c, c.redial()
}

// dialWebhook opens a connection that sends webhooks as GitHub signs them: the body is
// the payload alone, and the delivery's id is a header.
func dialWebhook(p plan) (*conn, error) {
	c := &conn{addr: p.addr, mac: hmac.New(sha256.New, []byte(p.webhookSecret))}
	c.head = fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: GitHub-Hookshot/bench\r\nAccept: */*\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\nX-GitHub-Event: push\r\nX-GitHub-Delivery: ", p.path, p.addr, p.size)
	return c, c.redial()
}

// redial replaces a broken connection.
func (c *conn) redial() error {
	c.close()
	n, err := net.DialTimeout("tcp", c.addr, 5*time.Second)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	c.netConn, c.r = n, bufio.NewReaderSize(n, 8<<10)
	c.key = uint64(time.Now().UnixNano()) // unlike any other connection's range
	return nil
}

func (c *conn) close() {
	if c.netConn != nil {
		c.netConn.Close()
	}
}

// post sends one message and returns the status of the answer; 0 and an error
// when none came, after which the connection must be redialled.
func (c *conn) post(payload []byte) (int, error) {
	c.buf = append(c.buf[:0], c.head...)
	c.buf = appendKey(c.buf, c.key, c.localPort())
	c.key++
	if c.mac != nil {
		c.mac.Reset()
		c.mac.Write(payload)
		c.buf = append(c.buf, "\r\nX-Hub-Signature-256: sha256="...)
		c.buf = hex.AppendEncode(c.buf, c.mac.Sum(nil))
		c.buf = append(c.buf, "\r\n\r\n"...)
	}
	c.buf = append(c.buf, c.tail...)
	c.buf = append(c.buf, payload...)
	c.buf = append(c.buf, c.end...)
	_ = c.netConn.SetDeadline(time.Now().Add(answerTimeout))
	if _, err := c.netConn.Write(c.buf); err != nil {
		return 0, fmt.Errorf("send: %w", err)
	}
	return readAnswer(c.r)
}

func (c *conn) localPort() uint64 {
	return uint64(c.netConn.LocalAddr().(*net.TCPAddr).Port)
}

// appendKey makes 32 hexadecimal digits with dashes, in the form of a UUID as SDKs
// send it, unique by time and connection.
func appendKey(to []byte, key, port uint64) []byte {
	const digits = "0123456789abcdef"
	for i := range 32 {
		if i == 8 || i == 12 || i == 16 || i == 20 {
			to = append(to, '-')
		}
		n := port
		if i >= 16 {
			n = key
		}
		to = append(to, digits[n>>(60-4*(i%16))&15])
	}
	return to
}

var errAnswer = errors.New("not an answer that this tool understands")

// readAnswer reads one answer with its body, of a known length or in chunks
// (RFC 9112 sections 6.2 and 7.1), and returns its status.
func readAnswer(r *bufio.Reader) (int, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return 0, fmt.Errorf("read answer: %w", err)
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return 0, errAnswer
	}
	status, err := strconv.Atoi(string(line[9:12]))
	if err != nil {
		return 0, errAnswer
	}
	length, chunked := 0, false
	for {
		line, err = r.ReadSlice('\n')
		if err != nil {
			return 0, fmt.Errorf("read answer: %w", err)
		}
		if len(line) <= 2 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case bytes.EqualFold(name, []byte("content-length")):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, errAnswer
			}
		case bytes.EqualFold(name, []byte("transfer-encoding")):
			chunked = true
		}
	}
	if !chunked {
		_, err = r.Discard(length)
		return status, err
	}
	for {
		line, err = r.ReadSlice('\n')
		if err != nil {
			return 0, fmt.Errorf("read answer: %w", err)
		}
		size, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 32)
		if err != nil {
			return 0, errAnswer
		}
		if _, err := io.CopyN(io.Discard, r, size+2); err != nil { // the chunk and its CRLF
			return 0, fmt.Errorf("read answer: %w", err)
		}
		if size == 0 {
			return status, nil
		}
	}
}
