"""Servers under measurement: how each is started, on which core, and what it uses.

All serve TLS 1.3 on 127.0.0.1 with the same certificate. Mode http: GET / answers 200 with the
13 bytes `Hello, World!`, GET /big and GET /50m files of zeros; logs are off, keep-alive is
endless. Mode echo sends back every byte; plain does so without TLS; busy and brisk likewise,
beside four actors of the same process that never rest, with long and with short messages.
"""
import contextlib
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time

BIG_BYTES = 256 << 20
STALL_BYTES = 50_000_000
FILES = 40_000
HERE = os.path.dirname(os.path.abspath(__file__))


class Site:
    """Certificates and files, made once in the results folder."""

    def __init__(self, folder):
        self.folder = folder
        self.www = os.path.join(folder, "www")
        os.makedirs(self.www, exist_ok=True)
        with open(os.path.join(self.www, "index.txt"), "w", encoding="utf-8") as f:
            f.write("Hello, World!")
        for name, size in (("big", BIG_BYTES), ("50m", STALL_BYTES)):
            with open(os.path.join(self.www, name), "wb") as f:
                f.truncate(size)

    def certificate(self, kind):
        """Paths of certificate and key. kind: ec, rsa2048 or rsa4096."""
        cert, key = (os.path.join(self.folder, f"{kind}.{end}") for end in ("crt", "key"))
        algorithm = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "ec" else \
            [f"rsa:{kind[3:]}"]
        if not os.path.exists(cert):
            subprocess.run(["openssl", "req", "-x509", "-newkey", *algorithm, "-nodes", "-days",
                            "3650", "-keyout", key, "-out", cert, "-subj", "/CN=localhost",
                            "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
                           stderr=subprocess.DEVNULL, check=True)
        return cert, key


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


# ---- how each is started; {} is filled in by Server ----

NGINX = """
daemon off; {user} worker_processes {workers}; pid {run}/pid; error_log stderr crit;
worker_rlimit_nofile {files};
events {{ worker_connections {connections}; }}
http {{
  access_log off; server_tokens off; sendfile on; keepalive_timeout 600s;
  keepalive_requests 1000000000; client_header_timeout 600s; send_timeout 600s;
  client_body_temp_path {run}/b; proxy_temp_path {run}/p; fastcgi_temp_path {run}/f;
  uwsgi_temp_path {run}/u; scgi_temp_path {run}/s; open_file_cache max=100;
  ssl_protocols TLSv1.3; ssl_certificate {cert}; ssl_certificate_key {key};
  server {{
    listen 127.0.0.1:{port} ssl {reuse} backlog=4096;
    location = / {{ default_type text/plain; return 200 "Hello, World!"; }}
    location / {{ root {www}; }}
  }}
}}
"""

H2O = """
{user}
num-threads: {workers}
max-connections: {connections}
pid-file: {run}/pid
error-log: /dev/null
http1-request-timeout: 600
listen:
  host: 127.0.0.1
  port: {port}
  ssl: {{certificate-file: {cert}, key-file: {key}, neverbleed: OFF}}
hosts:
  default:
    paths:
      "/":
        file.dir: {www}
        file.index: ["index.txt"]
"""

FOAL = "{program} --port 0 --cert {cert} --key {key} --root {www} --workers {workers} " \
    "--idle-timeout-ms 3600000 --header-timeout-ms 3600000"
ECHO = "{build}/bench/bench_echo --workers {workers}"
YARDSTICK = "{program} --workers {workers}"
NODE = "{program} {here}/peer_node.js {port} {cert} {key} {www} {workers} {mode}"
GO = "env GOMAXPROCS={workers} {program} {port} {cert} {key} {www} {mode}"
USOCKETS = "{program} {port} {cert} {key} {mode}"
TLS = " --cert {cert} --key {key}"


class Kind:
    """A kind of server: its program, and how it is started in each mode it has."""

    def __init__(self, program, configuration=None, names_port=False, **commands):
        self.program = program
        self.configuration = configuration
        self.names_port = names_port  # it takes any free one and tells which
        self.commands = commands


KINDS = {
    "foal": Kind("{build}/examples/https", names_port=True, http=FOAL, echo=ECHO + TLS,
                 plain=ECHO, busy=ECHO + " --busy 4",
                 brisk=ECHO + " --busy 4 --busy-us 1"),
    "foal, from memory": Kind("{build}/bench/bench_source", names_port=True,
                              http="{program} --workers {workers}" + TLS),
    "foal, 1 ticket": Kind("{build}/examples/https", names_port=True, http=FOAL + " --tickets 1"),
    "yardstick": Kind("{build}/bench/bench_yardstick", names_port=True, http=YARDSTICK + TLS,
                      echo=YARDSTICK + TLS + " --mode echo", plain=YARDSTICK + " --mode echo"),
    "usockets": Kind("{build}/bench/bench_usockets", http=USOCKETS, echo=USOCKETS,
                     plain=USOCKETS),
    "nginx": Kind("nginx", NGINX, http="{program} -p {run} -e stderr -c {run}/conf"),
    "h2o": Kind("h2o", H2O, http="{program} -m worker -c {run}/conf"),
    "go": Kind("{build}/bench/bench_go", http=GO, echo=GO, plain=GO),
    "node": Kind("node", http=NODE, echo=NODE, plain=NODE),
}
OURS = ("foal", "foal, 1 ticket", "foal, from memory", "yardstick")
PEERS = tuple(name for name in KINDS if name not in OURS)


def program_of(name, build):
    """Path of the program, or None."""
    path = KINDS[name].program.format(build=build)
    found = shutil.which(path, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    return os.path.abspath(found) if found else None


def raise_file_limit():
    """As many open files as one may have; gives back how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        hard = FILES
    for wanted in (max(hard, FILES), hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
            return wanted
        except (ValueError, OSError):
            continue
    return hard


GROUP = "/proc/self/autogroup"  # as "/autogroup-7 nice 0"; proc(5)


def group_nice(path=GROUP):
    """The priority of this session beside others, or None where it has none of its own: the
    kernel has no such file, or it is empty since no ancestor has ever begun a session."""
    try:
        with open(path, encoding="utf-8") as f:
            words = f.read().split()
    except OSError:
        return None
    return int(words[-1]) if words else None


def set_group_nice(nice, path=GROUP):
    try:
        with open(path, "w", encoding="utf-8") as f:
            f.write(str(nice))
    except OSError:
        pass  # the kernel may refuse; the session then has the priority of any other


class Server:
    """A running server; use it in a with statement."""

    def __init__(self, name, site, build, workers=1, pinned=True, kind="ec", mode="http"):
        self.name = name
        self.site = site
        self.build = build
        self.workers = workers
        self.cores = {0} if pinned and (os.cpu_count() or 1) > 1 else None
        self.mode = mode
        self.certificate = site.certificate(kind)
        self.process = None
        self.port = None
        self.run = None

    def __enter__(self):
        self.begin()
        return self

    def begin(self):
        last = None
        for _ in range(3):  # a port that was free a moment ago may be taken
            try:
                self.start()
                return
            except RuntimeError as why:
                last = why
                self.stop()
        raise last

    def begin_anew(self):
        """Where the kernel puts a program makes it quicker or slower until it ends."""
        self.stop()
        self.begin()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        kind = KINDS[self.name]
        program = program_of(self.name, self.build)
        if program is None:
            raise RuntimeError(f"{self.name} is not installed")
        self.run = tempfile.mkdtemp(prefix="foal-bench-")
        files = raise_file_limit()
        self.port = None if kind.names_port else free_port()
        cert, key = ("-", "-") if self.mode == "plain" else self.certificate
        words = dict(
            program=program, build=self.build, here=HERE, run=self.run, www=self.site.www,
            port=self.port, workers=self.workers, cert=cert, key=key, files=files,
            connections=files - 64, mode="echo" if self.mode == "plain" else self.mode,
            reuse="reuseport" if self.workers > 1 else "", user="")
        if os.geteuid() == 0:
            words["user"] = {"nginx": "user root;", "h2o": "user: root"}.get(self.name, "")
        if kind.configuration:
            with open(os.path.join(self.run, "conf"), "w", encoding="utf-8") as f:
                f.write(kind.configuration.format(**words))
        self.log = open(os.path.join(self.run, "log"), "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [part.format(**words) for part in kind.commands[self.mode].split()], stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=self.log, preexec_fn=self.before_start)
        self.wait_ready()

    def before_start(self):
        nice = group_nice()
        os.setsid()
        if nice:
            set_group_nice(nice)  # a session has a priority of its own, which begins anew
        if self.cores:
            os.sched_setaffinity(0, self.cores)

    def wait_ready(self):
        """Until it has named its port, or takes connections."""
        end = time.monotonic() + 20
        while self.process.poll() is None and time.monotonic() < end:
            self.log.seek(0)
            text = self.log.read()
            match = re.search(r"listening on \S*:(\d+)", text)
            if self.port is None and match:
                self.port = int(match.group(1))
            if self.port is not None:
                with socket.socket() as s:
                    if s.connect_ex(("127.0.0.1", self.port)) == 0:
                        return
            time.sleep(0.02)
        self.log.seek(0)
        raise RuntimeError(f"{self.name} did not start: {self.log.read()[-400:].strip()}")

    def stop(self):
        if self.process is None:
            return
        for sig, patience_s in ((signal.SIGTERM, 2), (signal.SIGKILL, 5)):
            for pid in self.pids():
                try:
                    os.kill(pid, sig)
                except ProcessLookupError:
                    pass
            end = time.monotonic() + patience_s
            while self.pids() and time.monotonic() < end:
                self.process.poll()
                time.sleep(0.02)
            if not self.pids():
                break
        self.process.wait()
        self.process = None
        self.log.close()
        shutil.rmtree(self.run, ignore_errors=True)

    def threads(self):
        """Ids of all threads of all processes."""
        found = []
        for pid in self.pids():
            with contextlib.suppress(OSError):
                found += map(int, os.listdir(f"/proc/{pid}/task"))
        return found

    def hurry(self, hurries):
        """Before (or again beside) all ordinary programs. False: that is not allowed here."""
        policy = (os.SCHED_FIFO, os.sched_param(1)) if hurries else \
            (os.SCHED_OTHER, os.sched_param(0))
        try:
            for thread in self.threads():
                with contextlib.suppress(ProcessLookupError):
                    os.sched_setscheduler(thread, *policy)
        except PermissionError:
            return False
        return True

    def move_to(self, cores):
        """Everything it has onto these cores."""
        for thread in self.threads():
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(thread, cores)

    # ---- what it uses ----

    def pids(self):
        """All living processes of its session."""
        found = []
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as f:
                    state, _, _, session = f.read().rsplit(")", 1)[1].split()[:4]
            except OSError:
                continue
            if int(session) == self.process.pid and state != "Z":
                found.append(int(name))
        return sorted(found)

    def memory_bytes(self):
        """Heap, stacks and shared segments, pages of several processes counted once. Pages of
        files are not in it: their share changes whenever another program starts."""
        total = 0
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError, FileNotFoundError), \
                    open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as f:
                total += sum(int(kib) * 1024 for kib in
                             re.findall(r"^Pss_(?:Anon|Shmem):\s+(\d+)", f.read(), re.M))
        return total

    def cpu_s(self):
        """CPU time of all threads of all processes, to the nanosecond."""
        return sum(time.clock_gettime(~pid << 3 | 2) for pid in self.pids())

    def wakeups(self):
        """How often its threads went to sleep of their own accord."""
        total = 0
        for pid in self.pids():
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/status", encoding="utf-8") as f:
                    total += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", f.read(),
                                           re.M).group(1))
        return total
