"""Interoperation as a table: our server with everybody's clients, our client with everybody's
servers, TLS 1.2 and 1.3, ECDSA and RSA, with and without client certificates, new and resumed.

Each cell looks at the bytes that came, at version and certificate as both sides saw them, at the
client's identity as the server saw it, and at whether both say that the session was resumed. A peer
that is not installed is named and its row is left out; no cell is left out of a row. Run as the
other tests, see peer_kit.py; what follows the programs names the peers to be tried."""

import collections
import concurrent.futures
import itertools
import json
import os
import re
import shutil
import sys
import threading
import traceback

from peer_kit import (NODE_CLIENT, Answer, Folder, Listening, PeerServer, SClient, facts_of,
                      fingerprint, gnutls_serv, nginx, peer_client, post, s_server)
from programs import KINDS, TIMEOUT_S, VERSIONS, run

Cell = collections.namedtuple("Cell", "side peer version kind client resumed")

NEW = "not resumed, as the peer offers no ticket"
BODY = b"".join(os.urandom(499).hex().encode() + b"\n" for _ in range(40))
AT_ONCE = 3
# libcurl 7 offers no tickets under TLS 1.2, and Foal has no cache of sessions.
NO_TICKETS = {("curl", "1.2")}
HERE = os.path.dirname(os.path.abspath(__file__))
P12_PASSWORD = "foal"

NODE_SERVER = """
const https = require('https'), fs = require('fs');
const [cert, key, ca] = process.argv.slice(1);
const o = {cert: fs.readFileSync(cert), key: fs.readFileSync(key), minVersion: 'TLSv1.2'};
if (ca) Object.assign(o, {ca: fs.readFileSync(ca), requestCert: true, rejectUnauthorized: true});
const s = https.createServer(o, (request, answer) => {
  const t = request.socket, body = [];
  request.on('data', d => body.push(d));
  request.on('end', () => {
    answer.setHeader('X-Facts', [t.getProtocol(), t.getCipher().standardName,
      t.isSessionReused() ? 'r' : '.', (t.getPeerCertificate().subject || {}).CN].join('|'));
    answer.setHeader('Connection', 'close');
    answer.end(Buffer.concat(body));
  });
});
s.listen(0, '127.0.0.1', () => console.log('port ' + s.address().port));
"""


class Matrix:
    """The cells that were tried: None, or what was wrong; NEW: good, but not resumed."""

    def __init__(self, folder):
        self.folder = folder
        self.results = {}
        self.lock = threading.Lock()
        self.ca = folder.certificate("authority")[0]
        self.server, self.client, self.marks = {}, {}, {}
        for kind in KINDS:
            self.server[kind] = folder.certificate(f"server_{kind}", kind=kind, host="localhost")
            self.client[kind] = folder.certificate(f"client_{kind}", kind=kind, issuer="authority")
            folder.openssl("pkcs12", "-export", "-in", f"client_{kind}.pem", "-inkey",
                           f"client_{kind}.key", "-passout", f"pass:{P12_PASSWORD}", "-out",
                           f"client_{kind}.p12")
        for kind in KINDS:
            self.marks[kind] = fingerprint(self.server[kind][0])
            self.marks[f"client_{kind}"] = fingerprint(self.client[kind][0])
        self.request = folder.file("request", post(BODY))
        self.body = folder.file("body", BODY)

    def judge(self, cell, check):
        try:
            wrong = check()
        except Exception:  # shown in the table's notes
            wrong = traceback.format_exc()
        with self.lock:
            self.results[cell] = wrong

    def failed(self):
        return {cell: wrong for cell, wrong in self.results.items() if wrong not in (None, NEW)}

    def mark(self, cell):
        return {None: "+", NEW: "n"}.get(self.results.get(cell, "?"), "-")


def differences(**pairs):
    """What of name=(got, wanted) is not as wanted; None: all is."""
    wrong = [f"{name} is {got!r}, not {wanted!r}" for name, (got, wanted) in pairs.items()
             if got != wanted]
    return "; ".join(wrong) or None


def suite_fits(suite, cell):
    """TLS 1.2 names the kind of the certificate in its suites."""
    name = {"ec": "ECDSA", "rsa": "RSA"}[cell.kind]
    return cell.version == "1.3" and suite.startswith("TLS_AES") or f"ECDHE_{name}_" in suite \
        or f"ECDHE-{name}-" in suite


# ---- our server ----

def seen_by_us(matrix, cell, answer, theirs=None):
    """What our server answered, and what the client says of itself: resumed, and the fingerprint of
    the certificate that it got; others have verified it against the only one they trust."""
    name = f"client_{cell.kind}" if cell.client else "-"
    theirs = theirs or {}
    if cell.resumed and (cell.peer, cell.version) in NO_TICKETS and answer["resumed"] == "0":
        return seen_by_us(matrix, cell._replace(resumed=False), answer, theirs) or NEW
    return differences(
        complete=(answer.good, True), body_is_same=(answer.body == BODY, True),
        version=(answer["version"], f"TLSv{cell.version}"),
        suite=(suite_fits(answer["cipher"] or "", cell), True),
        subject=(answer["subject"], f"CN={name}" if cell.client else "-"),
        fingerprint=(answer["fingerprint"], matrix.marks.get(name, "-")),
        verified=(answer["verified"], str(int(cell.client))),
        resumed=(answer["resumed"], str(int(cell.resumed))),
        client_says_resumed=(theirs.get("resumed", answer["resumed"]), str(int(cell.resumed))),
        certificate=(theirs.get("fingerprint", matrix.marks[cell.kind]), matrix.marks[cell.kind]))


def of_openssl(matrix, port, cell, scratch):
    wish = ["-cert", matrix.client[cell.kind][0], "-key", matrix.client[cell.kind][1]]
    peer = SClient(port, "-tls" + cell.version.replace(".", "_"), "-CAfile",
                   matrix.server[cell.kind][0], "-verify_return_error", "-verify_hostname",
                   "localhost", "-servername", "localhost", *(wish if cell.client else []),
                   "-sess_in" if cell.resumed else "-sess_out", scratch, request=post(BODY))
    yield cell, peer.answer, {"resumed": str(int(bool(peer.resumed)))}


def of_gnutls_cli(matrix, port, cell, scratch):
    cert, key = matrix.client[cell.kind]
    wish = ["--x509certfile", cert, "--x509keyfile", key] if cell.client else []
    wish += ["--resume", "--waitresumption"] if cell.resumed else []
    peer = run("gnutls-cli", "--x509cafile", matrix.server[cell.kind][0], "-p", str(port), "localhost",
               "--priority", f"NORMAL:-VERS-ALL:+VERS-TLS{cell.version}", *wish, input=post(BODY),
               stdin=None)
    says = b"This is a resumed session" in peer.stdout
    yield cell, Answer(peer.stdout), {"resumed": str(int(says))}


def of_node(matrix, port, cell, scratch):
    wish = {"port": port, "servername": "localhost", "ca": matrix.server[cell.kind][0],
            "request": matrix.request, "minVersion": f"TLSv{cell.version}",
            "maxVersion": f"TLSv{cell.version}", "session" if cell.resumed else "keep": scratch}
    if cell.client:
        wish |= dict(zip(("cert", "key"), matrix.client[cell.kind]))
    peer = run("node", "-e", NODE_CLIENT, json.dumps(wish))
    theirs = facts_of(peer.stderr.decode())
    if cell.resumed:  # it keeps no certificates in sessions
        del theirs["fingerprint"]
    yield cell, Answer(peer.stdout), theirs


def of_curl(matrix, port, cell, scratch):
    """Both connections of one process: its sessions die with it."""
    if cell.resumed:
        return
    cert, key = matrix.client[cell.kind]
    url = f"https://localhost:{port}/"
    peer = run("curl", "-sSi", "--cacert", matrix.server[cell.kind][0], f"--tlsv{cell.version}",
               "--tls-max", cell.version, *(("--cert", cert, "--key", key) if cell.client else ()),
               "--data-binary", "@" + matrix.body, "--resolve", f"localhost:{port}:127.0.0.1",
               "-o", f"{scratch}.1", "-o", f"{scratch}.2", url, url)
    if peer.returncode != 0:
        raise RuntimeError(peer.stderr.decode())
    for i in (1, 2):
        with open(f"{scratch}.{i}", "rb") as file:
            yield cell._replace(resumed=i == 2), Answer(file.read()), None


CLIENTS = {"openssl": of_openssl, "gnutls-cli": of_gnutls_cli, "node": of_node, "curl": of_curl}
PLANNED = {"java": ("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
                    os.path.join(HERE, "peer_client.java")),
           "go": ("go", "run", os.path.join(HERE, "peer_client.go"))}


def row_of_client(matrix, ports, peer, kind, client):
    """All cells of one client at one server: each a process or two."""
    for version in VERSIONS:
        scratch = matrix.folder.file(f"{peer}_{version}_{kind}_{client}")
        for resumed in (False, True):
            cell = Cell("server", peer, version, kind, client, resumed)
            try:
                for each, answer, theirs in CLIENTS[peer](matrix, ports[kind, client], cell, scratch):
                    matrix.judge(each, lambda c=each, a=answer, t=theirs:
                                 seen_by_us(matrix, c, a, t))
            except Exception:
                matrix.judge(cell, traceback.format_exc)


def row_by_plan(matrix, ports, peer):
    """All cells of a client whose start is dear: one process."""
    folder, lines, cells = matrix.folder, [], {}
    for version, kind, client in itertools.product(VERSIONS, KINDS, (False, True)):
        path = folder.file(f"{peer}_{version}_{kind}_{client}")
        cells[path] = version, kind, client
        identity = [*matrix.client[kind], folder.file(f"client_{kind}.p12")] if client else "---"
        lines.append("\t".join([path, str(ports[kind, client]), version, matrix.server[kind][0],
                                *identity, matrix.request]))
    plan = folder.file(f"{peer}.plan", "\n".join([*lines, ""]).encode())
    done = run(*PLANNED[peer], plan, timeout=4 * TIMEOUT_S)

    def check(cell, path):
        if os.path.exists(f"{path}.error"):
            with open(f"{path}.error", encoding="utf-8") as file:
                return file.read()
        if done.returncode != 0:
            return done.stderr.decode()
        with open(f"{path}.{1 + cell.resumed}", "rb") as file:
            return seen_by_us(matrix, cell, Answer(file.read()))

    for (path, (version, kind, client)), resumed in itertools.product(cells.items(), (False, True)):
        cell = Cell("server", peer, version, kind, client, resumed)
        matrix.judge(cell, lambda c=cell, p=path: check(c, p))


# ---- our client ----

# What a server knows of its connection number `nth`: the answer that our client got has it, or what
# the server prints.

def of_s_server(_cell, _server, _nth, answer):
    """The page that s_server makes of a session."""
    page = answer.decode()
    found = re.search(r"^(New|Reused), (TLSv[0-9.]+), Cipher is ([-A-Z0-9_]+)", page, re.M)
    return {"complete": page.endswith("</pre></BODY></HTML>\r\n\r\n"), "version": found.group(2),
            "suite": found.group(3), "resumed": found.group(1) == "Reused",
            "subject": (re.search(r"Subject: (CN ?= ?\S+)", page) or [None, None])[1]}


def of_gnutls_serv(_cell, server, nth, answer):
    """Its page, and what it prints of its connection number `nth`."""
    page = answer.decode()
    said = server.wait_for(rf"(?s)\A(?:.*?^\* Accepted connection){{{nth + 1}}}(.*?)^- MAC: ").group(1)
    version = re.search(r"^- Version: TLS([0-9.]+)", said, re.M).group(1)
    suite = re.search(r"Ciphersuite</TD><TD>(\w+)<", page)
    return {"complete": page.rstrip().endswith("</BODY></HTML>"), "version": f"TLSv{version}",
            "suite": suite.group(1) if suite else "TLS_AES of TLS 1.3",
            "resumed": "This is a resumed session" in said,
            "subject": (re.search(r"Subject: (CN=\S+)", page) or [None, None])[1]}


def of_facts(cell, _server, _nth, answer):
    """nginx and Node put the same four facts into a field, and give back BODY."""
    head, _, body = answer.partition(b"\r\n\r\n")
    facts = re.search(r"X-Facts: (.*)\r?$", head.decode(), re.M).group(1).rstrip("\r")
    version, suite, resumed, subject = facts.split("|")
    return {"complete": body == BODY, "version": version,
            "suite": "TLS_AES" if cell.version == "1.3" else suite, "resumed": resumed == "r",
            "subject": subject or None}


def seen_by_them(matrix, cell, facts, theirs):
    """Our own facts, and the other's."""
    subject = theirs["subject"] and theirs["subject"].removeprefix("CN").lstrip(" =")
    return differences(
        complete=(theirs["complete"], True),
        version=((facts["version"], theirs["version"]), (f"TLSv{cell.version}",) * 2),
        suite=((suite_fits(facts["cipher"], cell), suite_fits(theirs["suite"], cell)), (True, True)),
        certificate=(facts["fingerprint"], matrix.marks[cell.kind]),
        verified=(facts["verified"], "1"),
        subject=(subject or None, f"client_{cell.kind}" if cell.client else None),
        resumed=((facts["resumed"], theirs["resumed"]), (str(int(cell.resumed)), cell.resumed)))


def serve_openssl(matrix, kind, client):
    wish = ("-Verify", "1", "-verify_return_error", "-CAfile", matrix.ca) if client else ()
    return s_server(matrix.server[kind], *wish)


def serve_gnutls(matrix, kind, client):
    wish = ("--require-client-cert", "--verify-client-cert", "--x509cafile", matrix.ca)
    return gnutls_serv(matrix.server[kind], *(wish if client else ("--disable-client-cert",)))


def serve_nginx(matrix, kind, client):
    wish = (f"ssl_client_certificate {matrix.ca}; ssl_verify_client on;",) if client else ()
    return nginx(matrix.folder, matrix.server[kind], "ssl_prefer_server_ciphers off;", *wish,
                 name=f"nginx_{kind}_{client}")


def serve_node(matrix, kind, client):
    return Listening("node", "-e", NODE_SERVER, *matrix.server[kind],
                     *((matrix.ca,) if client else ()), ready=r"^port (\d+)$")


SERVERS = {"openssl": (serve_openssl, of_s_server), "gnutls-serv": (serve_gnutls, of_gnutls_serv),
           "nginx": (serve_nginx, of_facts), "node": (serve_node, of_facts)}
GETS = ("openssl", "gnutls-serv", "nginx")  # which do not give back what they get


def row_of_server(matrix, peer, kind, client):
    """All cells of our client at one server: two connections of one process for each version."""
    serve, read = SERVERS[peer]
    cert, key = matrix.client[kind]
    wish = ["--cert", cert, key] if client else []
    request = matrix.folder.file("get") if peer in GETS else matrix.request
    with serve(matrix, kind, client) as server:
        for i, version in enumerate(VERSIONS):
            done, facts, got = peer_client(
                "localhost", server.port, "--trust", matrix.server[kind][0], "--versions", version,
                version, *wish, request=request, count=2,
                answers=matrix.folder.file(f"our_{peer}_{version}_{kind}_{client}"))

            def check(cell, before):
                if done.returncode != 0:
                    return f"{done.stdout.decode()} {done.stderr.decode()}"
                theirs = read(cell, server, before + cell.resumed, got[cell.resumed])
                return seen_by_them(matrix, cell, facts[cell.resumed], theirs)

            for resumed in (False, True):
                cell = Cell("client", peer, version, kind, client, resumed)
                matrix.judge(cell, lambda c=cell, n=2 * i: check(c, n))


# ---- the whole ----

def installed(peers):
    return [peer for peer in peers if shutil.which(peer)]


def fill(matrix, wanted):
    def chosen(peers):
        return installed([peer for peer in peers if not wanted or peer in wanted])

    ports, open_servers = {}, []
    for kind, client in itertools.product(KINDS, (False, True)):
        wish = ("--trust", matrix.ca, "--client-cert", "required") if client else ()
        server = PeerServer("--cert", *matrix.server[kind], *wish)
        open_servers.append(server)
        ports[kind, client] = server.port
    each = list(itertools.product(KINDS, (False, True)))
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        jobs = [pool.submit(row_by_plan, matrix, ports, peer) for peer in chosen(PLANNED)]
        jobs += [pool.submit(row_of_client, matrix, ports, peer, *one)
                 for peer in chosen(CLIENTS) for one in each]
        jobs += [pool.submit(row_of_server, matrix, peer, *one)
                 for peer in chosen(SERVERS) for one in each]
        for job in jobs:
            job.result()
    for server in open_servers:
        complaints = server.complaints()
        status = server.end()
        if status != 0 or complaints:
            matrix.results["our server", server.port] = f"status {status}, it said {complaints}"


def show(matrix):
    """A row for each peer, a column for each version and kind; in it four cells."""
    columns = list(itertools.product(VERSIONS, KINDS))
    print("\nnew, resumed | with a client certificate: new, resumed      + good, - not,"
          f"\nn {NEW}\n")
    for side, title in (("server", "our server with"), ("client", "our client with")):
        peers = sorted({cell.peer for cell in matrix.results
                        if isinstance(cell, Cell) and cell.side == side})
        print(f"{title:18}" + "".join(f"{f'{v} {k}':>14}" for v, k in columns))
        for peer in peers:
            row = ""
            for version, kind in columns:
                marks = []
                for client, resumed in itertools.product((False, True), (False, True)):
                    cell = Cell(side, peer, version, kind, client, resumed)
                    marks.append(matrix.mark(cell))
                row += f"{''.join(marks[:2]) + '|' + ''.join(marks[2:]):>14}"
            print(f"  {peer:16}{row}")
        print()


def missing(matrix):
    """Cells of a row that were not tried."""
    rows = {(cell.side, cell.peer) for cell in matrix.results if isinstance(cell, Cell)}
    every = itertools.product(VERSIONS, KINDS, (False, True), (False, True))
    return [Cell(*row, *rest) for row, rest in itertools.product(rows, every)
            if Cell(*row, *rest) not in matrix.results]


def main():
    folder = Folder()
    try:
        folder.file("get", b"GET / HTTP/1.0\r\n\r\n")
        folder.file("www/index.html", BODY)
        matrix = Matrix(folder)
        fill(matrix, sys.argv[1:])
    finally:
        folder.remove()
    show(matrix)
    for cell, wrong in matrix.failed().items():
        print(f"{cell}: {wrong}")
    for cell in missing(matrix):
        print(f"{cell}: was not tried")
    for peer in {**CLIENTS, **PLANNED, **SERVERS}:
        if not shutil.which(peer):
            print(f"SKIPPED: {peer} is not installed, none of its cells was tried")
    print(f"{len(matrix.results)} cells, {len(matrix.failed())} failed")
    sys.exit(1 if matrix.failed() or missing(matrix) or not matrix.results else 0)


if __name__ == "__main__":
    main()
