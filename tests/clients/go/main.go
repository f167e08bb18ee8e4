// The grpc-go client of the end-to-end tests: main TARGET CA CERT KEY, one channel. What it is told on standard input and what it says on standard
// output: tests/clients/README.md.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log"
	"math"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

type order struct {
	ID, Kind, Method, Token, Text string
	Size, Count                   int
	Timeout                       float64
}

type report map[string]interface{}

// A message as its bytes.
type codec struct{}

func (codec) Name() string                               { return "" }
func (codec) Marshal(v interface{}) ([]byte, error)      { return *v.(*[]byte), nil }
func (codec) Unmarshal(data []byte, v interface{}) error { *v.(*[]byte) = data; return nil }

var output sync.Mutex

func say(id, event string, more report) {
	line := report{"id": id, "event": event}
	for name, value := range more {
		line[name] = value
	}
	text, _ := json.Marshal(line)
	output.Lock()
	defer output.Unlock()
	os.Stdout.Write(append(text, '\n'))
}

func text(message []byte) string {
	if len(message) > 200 {
		return ""
	}
	return string(message)
}

// codeName is the code as the other libraries write it: grpc-go says DeadlineExceeded.
func codeName(name string) string {
	if name == "OK" {
		return name
	}
	out := ""
	for at, letter := range name {
		if at > 0 && letter >= 'A' && letter <= 'Z' {
			out += "_"
		}
		out += string(letter)
	}
	return strings.ToUpper(out)
}

func call(channel *grpc.ClientConn, o order) {
	began, sent, received, last := time.Now(), 0, 0, []byte(nil)
	err := exchange(channel, o, &sent, &received, &last)
	if err == io.EOF {
		err = nil
	}
	say(o.ID, "ended", report{"code": codeName(status.Code(err).String()), "details": status.Convert(err).Message(), "sent": sent,
		"received": received, "text": text(last), "seconds": time.Since(began).Seconds()})
}

// exchange ends with io.EOF when all is well.
func exchange(channel *grpc.ClientConn, o order, sent, received *int, last *[]byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(o.Timeout*float64(time.Second)))
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", o.Token)
	stream, err := channel.NewStream(ctx, &grpc.StreamDesc{ClientStreams: o.Kind == "upload", ServerStreams: o.Kind == "download"}, o.Method)
	if err != nil {
		return err
	}
	say(o.ID, "started", nil)
	message := []byte(o.Text)
	if o.Size > 0 {
		message = make([]byte, o.Size)
	}
	for ; *sent < o.Count; *sent++ {
		if err := stream.SendMsg(&message); err == io.EOF {
			break // the answer is there already: RecvMsg has it
		} else if err != nil {
			return err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	for {
		var answer []byte
		if err := stream.RecvMsg(&answer); err != nil {
			return err
		}
		*received, *last = *received+1, answer
		if o.Kind != "download" {
			return nil
		}
		say(o.ID, "message", nil)
	}
}

func main() {
	target, ca, cert, key := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	pem, err := os.ReadFile(ca)
	if err != nil {
		log.Fatal(err)
	}
	own, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		log.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	channel, err := grpc.NewClient(target, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: roots, Certificates: []tls.Certificate{own}})),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(codec{}), grpc.MaxCallRecvMsgSize(math.MaxInt32), grpc.MaxCallSendMsgSize(math.MaxInt32)))
	if err != nil {
		log.Fatal(err)
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var o order
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			log.Fatal(err)
		}
		go call(channel, o)
	}
}
