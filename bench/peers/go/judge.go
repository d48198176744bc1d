// judge.go - the message benchmarks in Go, to stand beside those in Foal.
//
// Takes the arguments of messages.c, prints the same lines, and does the same work: see the
// head comments of msg_*.c, whose names are used here. An actor is a goroutine with a buffered
// channel, which holds as many messages as a mailbox of Foal before it stops its senders (one
// message where no more are ever on their way). What differs: goroutines cannot be bound to a
// worker, so nothing runs apart; and who is woken after a silence is told by another process.
package main

import (
  "fmt"
  "os"
  "runtime"
  "strconv"
  "strings"
  "syscall"
  "time"
  "unsafe"
)

// One round: begin may be set again when the actors are made; end is set by who finishes.
type round struct {
  ops        uint64
  began, end time.Time
  beganCPU   uint64
  result     uint64
}

func (r *round) start() {
  r.beganCPU = cpuNs()
  r.began = time.Now()
}

func (r *round) finish(result uint64) {
  r.end = time.Now()
  r.result = result
}

func fail(what string) {
  fmt.Fprintln(os.Stderr, "go:", what)
  os.Exit(1)
}

type bench struct {
  name, unit         string
  begin              func(*round)
  opsFirst, multiple uint64
  fixed, once        bool
  places             string
}

var benches = []bench{
  {"pingpong", "message", pingpong, 10000, 2, false, false, "1,2"},
  {"counting", "message", counting, 10000, 1, false, false, "1,2"},
  {"fanin", "message", fanin, 10000, producers, false, false, "1,2"},
  {"threadring", "hop", threadring, 10000, 1, false, false, "1,2"},
  {"fjthrput", "message", fjthrput, 6000, forks, false, false, "1,2"},
  {"big", "message", big, 24000, 2 * crowd, false, false, "1,2"},
  {"fjcreate", "actor", fjcreate, 10000, 1, false, false, "1,2"},
  {"skynet", "leaf", skynet, 1000000, 1, true, false, "1,2"},
  {"coarse", "message", coarse, coarsely, coarsely, false, false, "1,2"},
  {"memory", "actor", memory, 100000, 1, true, true, "1"},
  {"iso-1k", "buffer", iso1k, 10000, 2, false, false, "1,2"},
  {"iso-64k", "buffer", iso64k, 10000, 2, false, false, "1,2"},
  {"iso-fresh-1k", "buffer", fresh1k, 1600, window, false, false, "1,2"},
  {"iso-fresh-64k", "buffer", fresh64k, 1600, window, false, false, "1,2"},
  {"producer", "message", tooFast, 10000000, 1, true, true, "2"},
  {"silence", "wake-up", silence, 3, 1, true, true, "1"},
}

var args = struct {
  workers, ms, rounds, ops, silenceMs uint64
  ticker                              string
  which                               *bench
}{workers: 1, ms: 100, rounds: 5, silenceMs: 1500}

const processCPU = 2 // CLOCK_PROCESS_CPUTIME_ID

func cpuNs() uint64 {
  var t syscall.Timespec
  syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, processCPU, uintptr(unsafe.Pointer(&t)), 0)
  return uint64(t.Nano())
}

func statusBytes(field string) uint64 {
  text, _ := os.ReadFile("/proc/self/status")
  for _, line := range strings.Split(string(text), "\n") {
    if words := strings.Fields(line); len(words) > 1 && words[0] == field {
      kib, _ := strconv.ParseUint(words[1], 10, 64)
      return kib * 1024
    }
  }
  return 0
}

func report(r *round, resident uint64) {
  b, ops := args.which, float64(r.ops)
  elapsed := r.end.Sub(r.began).Nanoseconds()
  cpu := float64(cpuNs()-r.beganCPU) / ops
  value := float64(elapsed) / ops
  switch b.name {
  case "silence":
    value = float64(r.result)
  case "memory":
    value = float64(statusBytes("VmRSS:")-resident) / ops
  }
  fmt.Printf("bench=%s unit=%s workers=%d ops=%d elapsed_ns=%d value=%.3f cpu_ns=%.3f "+
    "peak_bytes=%d\n", b.name, b.unit, args.workers, r.ops, elapsed, value, cpu,
    statusBytes("VmHWM:"))
}

func runRound(ops uint64, counts bool) *round {
  b := args.which
  if ops -= ops % b.multiple; ops == 0 {
    ops = b.multiple
  }
  r := &round{ops: ops}
  resident := statusBytes("VmRSS:")
  b.begin(r)
  switch {
  case b.name == "skynet" && r.result != ops*(ops-1)/2:
    fail("a wrong sum of leaves")
  case (b.name == "counting" || b.name == "fanin") && r.result != ops:
    fail("a wrong count")
  }
  if counts {
    report(r, resident)
  }
  return r
}

func measure() {
  b, ops := args.which, args.ops
  if ops == 0 {
    ops = b.opsFirst
  }
  if b.once {
    runRound(ops, true)
    return
  }
  wanted := time.Duration(args.ms) * time.Millisecond
  for sized := b.fixed || args.ops > 0; !sized; {
    r := runRound(ops, false)
    took := r.end.Sub(r.began)
    if sized = took >= wanted/8; sized {
      ops = uint64(float64(r.ops) * float64(wanted) / float64(took))
    } else {
      ops = r.ops * 4
    }
  }
  runRound(ops, false)
  for i := uint64(0); i < args.rounds; i++ {
    runRound(ops, true)
  }
}

// ---- command line ----

func list() {
  for _, b := range benches {
    fixed := 0
    if b.fixed {
      fixed = 1
    }
    fmt.Printf("bench=%s places=%s fixed=%d\n", b.name, b.places, fixed)
  }
}

func readArguments(words []string) bool {
  numbers := map[string]*uint64{"--workers": &args.workers, "--ms": &args.ms,
    "--rounds": &args.rounds, "--ops": &args.ops, "--silence-ms": &args.silenceMs}
  for i := 0; i < len(words); i++ {
    number := numbers[words[i]]
    for k := range benches {
      if benches[k].name == words[i] {
        args.which = &benches[k]
      }
    }
    switch {
    case args.which != nil && words[i] == args.which.name:
    case i+1 == len(words):
      return false
    case words[i] == "--ticker":
      i++
      args.ticker = words[i]
    case number != nil:
      i++
      *number, _ = strconv.ParseUint(words[i], 10, 64)
    default:
      return false
    }
  }
  return args.which != nil
}

func main() {
  switch last := os.Args[len(os.Args)-1]; {
  case last == "--list":
    list()
    return
  case last == "--version":
    fmt.Println(strings.TrimPrefix(runtime.Version(), "go"))
    return
  case !readArguments(os.Args[1:]):
    fmt.Fprintln(os.Stderr, "usage: go [--workers N] [--ms N] [--rounds N] [--ops N] "+
      "[--silence-ms N] [--ticker FILE] NAME | --list | --version")
    os.Exit(2)
  }
  runtime.GOMAXPROCS(int(args.workers))
  measure()
}
