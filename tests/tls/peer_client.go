// peer_client.go - the client of Go for matrix_test.py: go run peer_client.go PLAN
//
// Each line of PLAN has fields with a tab between: ANSWER PORT VERSION CA CERT KEY P12 REQUEST.
// For each, two connections with one configuration, the second to resume the first; what came
// is written to ANSWER.1 and ANSWER.2, or ANSWER.error says what happened. CERT "-": none.
package main

import (
  "crypto/tls"
  "crypto/x509"
  "fmt"
  "io"
  "net"
  "os"
  "strings"
  "time"
)

const timeout = 30 * time.Second

var versions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

func configure(field []string) (*tls.Config, error) {
  pem, err := os.ReadFile(field[3])
  if err != nil {
    return nil, err
  }
  made := &tls.Config{
    RootCAs:            x509.NewCertPool(),
    ServerName:         "localhost",
    MinVersion:         versions[field[2]],
    MaxVersion:         versions[field[2]],
    ClientSessionCache: tls.NewLRUClientSessionCache(0),
  }
  if !made.RootCAs.AppendCertsFromPEM(pem) {
    return nil, fmt.Errorf("%s: no certificate", field[3])
  }
  if field[4] != "-" {
    own, err := tls.LoadX509KeyPair(field[4], field[5])
    if err != nil {
      return nil, err
    }
    made.Certificates = []tls.Certificate{own}
  }
  return made, nil
}

func ask(config *tls.Config, port string, request []byte) ([]byte, error) {
  conn, err := tls.DialWithDialer(&net.Dialer{Timeout: timeout}, "tcp", "127.0.0.1:"+port, config)
  if err != nil {
    return nil, err
  }
  defer conn.Close()
  if err = conn.SetDeadline(time.Now().Add(timeout)); err != nil {
    return nil, err
  }
  if _, err = conn.Write(request); err != nil {
    return nil, err
  }
  return io.ReadAll(conn)
}

func cell(field []string) error {
  config, err := configure(field)
  if err != nil {
    return err
  }
  request, err := os.ReadFile(field[7])
  if err != nil {
    return err
  }
  for i := 1; i <= 2; i++ {
    answer, err := ask(config, field[1], request)
    if err != nil {
      return err
    }
    if err = os.WriteFile(fmt.Sprintf("%s.%d", field[0], i), answer, 0o600); err != nil {
      return err
    }
  }
  return nil
}

func main() {
  plan, err := os.ReadFile(os.Args[1])
  if err != nil {
    fmt.Fprintln(os.Stderr, err)
    os.Exit(1)
  }
  for _, line := range strings.Split(strings.TrimSpace(string(plan)), "\n") {
    field := strings.Split(line, "\t")
    if err := cell(field); err != nil {
      _ = os.WriteFile(field[0]+".error", []byte(err.Error()), 0o600)
    }
  }
}
