package eventhubs

import (
	"encoding/binary"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// connection is one client's; it belongs to one goroutine.
type connection struct {
	namespace      *Namespace
	client, server net.Conn
}

// request is one as it came.
type request struct {
	// frame is the whole without its length.
	frame       []byte
	key         int16
	version     int16
	correlation int32
	// body is the part of frame after the header; nil if the version of the request is not known here.
	body kmsg.Request
}

// one serves a request; false ends the connection.
func (c *connection) one() bool {
	n := c.namespace
	if err := c.client.SetReadDeadline(time.Now().Add(n.config.Idle)); err != nil {
		return false
	}
	frame, tooLarge, err := readFrame(c.client, maxRequest)
	if tooLarge {
		n.refused("request size")
	}
	if err != nil || tooLarge {
		return false
	}
	req, ok := parse(frame)
	if !ok {
		return false
	}
	if _, _, known := n.versions(req.key); !known {
		n.refused("unknown API")
		return false
	}
	verdict := n.judge(req)
	switch {
	case verdict.cut:
		return false
	case verdict.silent:
		return true
	case verdict.answer != nil:
		return c.answer(req, verdict.answer) == nil
	}
	return c.pass(req) == nil
}

// pass asks the broker and gives the client its answer.
func (c *connection) pass(req request) error {
	if err := writeFrame(c.server, req.frame); err != nil {
		return err
	}
	if p, ok := req.body.(*kmsg.ProduceRequest); ok && p.Acks == 0 {
		return nil
	}
	frame, _, err := readFrame(c.server, maxAnswer)
	if err != nil {
		return err
	}
	if req.body == nil || len(frame) < 4 {
		return writeFrame(c.client, frame)
	}
	resp := req.body.ResponseKind()
	body := frame[4:]
	if resp.IsFlexible() && resp.Key() != apiVersions && len(body) > 0 {
		body = body[1:] // the broker sends no tags in headers
	}
	if err := resp.ReadFrom(body); err != nil || !c.namespace.rewrite(resp) {
		return writeFrame(c.client, frame)
	}
	return c.answer(req, resp)
}

func (c *connection) answer(req request, resp kmsg.Response) error {
	frame := binary.BigEndian.AppendUint32(nil, uint32(req.correlation))
	if resp.IsFlexible() && resp.Key() != apiVersions {
		frame = append(frame, 0)
	}
	return writeFrame(c.client, resp.AppendTo(frame))
}

// parse reads the header, and the body where franz-go knows the version.
func parse(frame []byte) (request, bool) {
	if len(frame) < 10 {
		return request{}, false
	}
	r := request{
		frame: frame, key: int16(binary.BigEndian.Uint16(frame)), version: int16(binary.BigEndian.Uint16(frame[2:])),
		correlation: int32(binary.BigEndian.Uint32(frame[4:])),
	}
	rest := frame[10:]
	if size := int16(binary.BigEndian.Uint16(frame[8:])); size > 0 {
		if int(size) > len(rest) {
			return request{}, false
		}
		rest = rest[size:]
	}
	body := kmsg.RequestForKey(r.key)
	if body == nil || r.version > body.MaxVersion() {
		return r, true
	}
	body.SetVersion(r.version)
	if body.IsFlexible() {
		if len(rest) == 0 || rest[0] != 0 {
			return r, true // tags in a header: nothing that a client of today sends
		}
		rest = rest[1:]
	}
	if err := body.ReadFrom(rest); err == nil {
		r.body = body
	}
	return r, true
}

// maxAnswer bounds what the broker may answer.
const maxAnswer = 256 << 20

// readFrame reads a message without its length. One of more than most bytes is not read.
func readFrame(from net.Conn, most uint32) (frame []byte, tooLarge bool, err error) {
	var size [4]byte
	if _, err := io.ReadFull(from, size[:]); err != nil {
		return nil, false, err
	}
	length := binary.BigEndian.Uint32(size[:])
	if length > most {
		return nil, true, nil
	}
	frame = make([]byte, length)
	_, err = io.ReadFull(from, frame)
	return frame, false, err
}

func writeFrame(to net.Conn, frame []byte) error {
	_, err := to.Write(append(binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(frame)), uint32(len(frame))), frame...))
	return err
}
