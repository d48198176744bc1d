// talks.go - few actors and many messages; buffers; too much at once, and nothing for a long time.
package main

import (
  "bufio"
  "os/exec"
  "sort"
  "strconv"
  "strings"
  "time"
)

const (
  mailbox   = 1000
  producers = 8
  ring      = 1000
  window    = 16
  takes     = 100 * time.Nanosecond
)

func pingpong(r *round) {
  a, b, done := make(chan struct{}, 1), make(chan struct{}, 1), make(chan struct{})
  player := func(in, out chan struct{}, left uint64) {
    for range in {
      if left == 0 {
        r.finish(0)
        close(out)
        close(done)
        return
      }
      left--
      out <- struct{}{}
    }
  }
  go player(a, b, r.ops/2)
  go player(b, a, r.ops/2)
  r.start()
  a <- struct{}{}
  <-done
}

type count struct {
  amount uint64
  last   bool
}

func countWith(r *round, producers uint64) {
  to, done := make(chan count, mailbox), make(chan struct{})
  go func() {
    var total uint64
    for left := producers; left > 0; {
      m := <-to
      total += m.amount
      if m.last {
        left--
      }
    }
    r.finish(total)
    close(done)
  }()
  r.start()
  for p := uint64(0); p < producers; p++ {
    go func() {
      for i := uint64(0); i < r.ops/producers; i++ {
        to <- count{amount: 1}
      }
      to <- count{last: true}
    }()
  }
  <-done
}

func counting(r *round) { countWith(r, 1) }
func fanin(r *round)    { countWith(r, producers) }

func threadring(r *round) {
  var all [ring]chan uint64
  done := make(chan struct{})
  for i := range all {
    all[i] = make(chan uint64, 1)
  }
  for i := range all {
    go func(in, out chan uint64) {
      for hops := range in {
        if hops <= 1 {
          r.finish(0)
          close(done)
          break
        }
        out <- hops - 1
      }
      close(out)
    }(all[i], all[(i+1)%ring])
  }
  r.start()
  all[0] <- r.ops
  <-done
}

// ---- buffers ----

func throwIt(r *round, size int) {
  a, b, done := make(chan []byte, 1), make(chan []byte, 1), make(chan struct{})
  catcher := func(in, out chan []byte, left uint64) {
    for buf := range in {
      if left == 0 {
        r.finish(0)
        close(out)
        close(done)
        return
      }
      left--
      out <- buf
    }
  }
  go catcher(a, b, r.ops/2)
  go catcher(b, a, r.ops/2)
  buf := make([]byte, size)
  r.start()
  a <- buf
  <-done
}

func pour(r *round, size int) {
  to, more := make(chan []byte, mailbox), make(chan struct{}, mailbox)
  go func() {
    taken := 0
    for range to {
      if taken++; taken%window == 0 {
        more <- struct{}{}
      }
    }
  }()
  r.start()
  more <- struct{}{}
  for left := r.ops; ; left -= window {
    <-more
    if left == 0 {
      break
    }
    for i := 0; i < window; i++ {
      to <- make([]byte, size)
    }
  }
  r.finish(0)
  close(to)
}

func iso1k(r *round)    { throwIt(r, 1024) }
func iso64k(r *round)   { throwIt(r, 65536) }
func fresh1k(r *round)  { pour(r, 1024) }
func fresh64k(r *round) { pour(r, 65536) }

// ---- edges ----

func tooFast(r *round) {
  to, done := make(chan uint64, mailbox), make(chan struct{})
  go func() {
    for left := r.ops; left > 0; left-- {
      if <-to != left {
        fail("a message out of order")
      }
      workFor(takes)
    }
    r.finish(0)
    close(done)
  }()
  r.start()
  go func() {
    for left := r.ops; left > 0; left-- {
      to <- left
    }
  }()
  <-done
}

// The other process writes the time into a pipe.
func silence(r *round) {
  command := exec.Command(args.ticker, "--tick", strconv.FormatUint(r.ops, 10), "--silence-ms",
    strconv.FormatUint(args.silenceMs, 10))
  out, err := command.StdoutPipe()
  if err != nil {
    fail(err.Error())
  }
  done := make(chan []uint64)
  r.start()
  if err := command.Start(); err != nil {
    fail(err.Error())
  }
  go func() {
    var took []uint64
    for lines := bufio.NewReader(out); ; {
      line, err := lines.ReadString('\n')
      now := uint64(time.Now().UnixNano())
      if err != nil {
        done <- took
        return
      }
      sent, _ := strconv.ParseUint(strings.TrimSpace(line), 10, 64)
      took = append(took, now-sent)
    }
  }()
  took := <-done
  command.Wait()
  if uint64(len(took)) != r.ops {
    fail("the ticker did not tick")
  }
  sort.Slice(took, func(i, k int) bool { return took[i] < took[k] })
  r.finish(took[len(took)/2])
}
