// A backend made with grpc-go, for the end-to-end tests: one bidirectional method, /test.Backend/Echo, that returns every message as it came.
// It prints the address that it listens on, and one line for each call and for each message of at most 64 bytes. With -age it ends each connection
// after about that time, as grpc-go servers are told to by MaxConnectionAge: GOAWAY, and what is under way goes on.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

// A message as its bytes: what is in it is nobody's business here.
type raw struct{ bytes []byte }

type codec struct{}

func (codec) Name() string { return "proto" }
func (codec) Marshal(v interface{}) ([]byte, error) {
	return v.(*raw).bytes, nil
}
func (codec) Unmarshal(data []byte, v interface{}) error {
	v.(*raw).bytes = append([]byte(nil), data...)
	return nil
}

func echo(_ interface{}, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	fmt.Println("call", method)
	for {
		var message raw
		if err := stream.RecvMsg(&message); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if len(message.bytes) <= 64 {
			fmt.Printf("message %s\n", message.bytes)
		}
		if err := stream.SendMsg(&message); err != nil {
			return err
		}
	}
}

func main() {
	address := flag.String("listen", "127.0.0.1:0", "where to listen")
	age := flag.Duration("age", 0, "how long a connection may live")
	flag.Parse()
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	const most = 1 << 30
	server := grpc.NewServer(grpc.ForceServerCodec(codec{}), grpc.UnknownServiceHandler(echo), grpc.MaxRecvMsgSize(most), grpc.MaxSendMsgSize(most),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionAge: *age}))
	fmt.Println("listening", listener.Addr())
	log.Fatal(server.Serve(listener))
}
