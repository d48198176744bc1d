// go_server.go - HTTPS and echo as one writes them with Go's own library.
//
//    go_server PORT CERT KEY WWW http|echo      "-" as CERT and KEY: plain
package main

import (
    "crypto/tls"
    "log"
    "net"
    "net/http"
    "os"
    "path/filepath"
)

func echo(c net.Conn) {
    defer c.Close()
    bytes := make([]byte, 64*1024)
    for {
        n, err := c.Read(bytes)
        if n > 0 {
            if _, failed := c.Write(bytes[:n]); failed != nil {
                return
            }
        }
        if err != nil {
            return
        }
    }
}

func serveEcho(l net.Listener) {
    for {
        c, err := l.Accept()
        if err != nil {
            log.Fatal(err)
        }
        go echo(c)
    }
}

func answer(www string) http.HandlerFunc {
    hello := []byte("Hello, World!")
    return func(w http.ResponseWriter, r *http.Request) {
        if r.URL.Path != "/" {
            http.ServeFile(w, r, filepath.Join(www, filepath.Base(r.URL.Path)))
            return
        }
        w.Header().Set("Content-Type", "text/plain")
        w.Header().Set("Content-Length", "13")
        w.Write(hello)
    }
}

func main() {
    if len(os.Args) != 6 {
        log.Fatal("usage: go_server PORT CERT KEY WWW http|echo")
    }
    port, cert, key, www, mode := os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]
    l, err := net.Listen("tcp", "127.0.0.1:"+port)
    if err != nil {
        log.Fatal(err)
    }
    if cert != "-" {
        pair, err := tls.LoadX509KeyPair(cert, key)
        if err != nil {
            log.Fatal(err)
        }
        l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{pair},
            MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"}})
    }
    if mode == "echo" {
        serveEcho(l)
    }
    log.Fatal((&http.Server{Handler: answer(www)}).Serve(l))
}
