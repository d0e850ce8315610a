package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

const (
	// net/http, and so the API server, sends what fits its 4 KiB buffer first and then 32 KiB at a time. On TLS each
	// of these writes is at least one record, so the sizes are part of the work a server has to do.
	firstWrite = 4 << 10
	nextWrites = 32 << 10

	dialLimit   = 5 * time.Second
	answerLimit = 30 * time.Second // far above any answer; ends a run against a server that hangs
)

// exchange is the one request that is sent over and over, and the answer every one of them must get.
type exchange struct {
	address string
	writes  [][]byte
	want    []byte
}

func newExchange(address, path string, body, want []byte) *exchange {
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: kube-apiserver-admission\r\n"+
		"Content-Length: %d\r\nAccept: application/json, */*\r\nContent-Type: application/json\r\n"+
		"Accept-Encoding: gzip\r\n\r\n", path, address, len(body))
	rest := append([]byte(head), body...)
	e := &exchange{address: address, want: want}
	for size := firstWrite; len(rest) > 0; size = nextWrites {
		size = min(size, len(rest))
		e.writes = append(e.writes, rest[:size])
		rest = rest[size:]
	}
	return e
}

// conn is one keep-alive connection. It is used by one goroutine at a time.
type conn struct {
	*exchange
	net  *tls.Conn
	in   *bufio.Reader
	body []byte
}

func (e *exchange) dial() (*conn, error) {
	// The server was verified before; who it is does not matter here.
	trust := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}
	c, err := tls.DialWithDialer(&net.Dialer{Timeout: dialLimit}, "tcp", e.address, trust)
	if err != nil {
		return nil, err
	}
	return &conn{exchange: e, net: c, in: bufio.NewReaderSize(c, 64<<10), body: make([]byte, len(e.want))}, nil
}

// roundTrip sends the request and compares the answer.
func (c *conn) roundTrip() error {
	if err := c.net.SetDeadline(time.Now().Add(answerLimit)); err != nil {
		return err
	}
	for _, part := range c.writes {
		if _, err := c.net.Write(part); err != nil {
			return err
		}
	}
	length, err := c.readHead()
	if err != nil {
		return err
	}
	if length != len(c.want) {
		return fmt.Errorf("the answer has %d bytes, the verified one had %d", length, len(c.want))
	}
	if _, err := io.ReadFull(c.in, c.body); err != nil {
		return err
	}
	if !bytes.Equal(c.body, c.want) {
		return errors.New("the answer is not the verified one")
	}
	return nil
}

// readHead reads status line and headers and returns the length of the body.
func (c *conn) readHead() (int, error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
		return 0, fmt.Errorf("the server answered %q", strings.TrimSpace(string(line)))
	}
	length := -1
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, err
			}
		}
	}
	if length < 0 {
		return 0, errors.New("the answer has no Content-Length")
	}
	return length, nil
}
