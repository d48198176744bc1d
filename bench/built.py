"""Servers beside Foal that are built here, because no package holds them: one in Go, and one on
uSockets, whose sources are not part of Foal.

FOAL_USOCKETS names a clone of https://github.com/uNetworking/uSockets (release 0.8); nothing is
written into it. Without it, or without Go, the tables do without that peer.
"""
import glob
import os
import shutil
import subprocess

PEERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers")
FLAGS = ["-O3", "-DNDEBUG", "-DLIBUS_USE_OPENSSL", "-w"]


def command(arguments, **more):
    run = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         check=False, **more)
    if run.returncode != 0:
        raise RuntimeError(run.stdout.strip()[-300:])


def is_older(target, paths):
    return not os.path.exists(target) or \
        os.path.getmtime(target) < max(os.path.getmtime(path) for path in paths)


def usockets(target):
    """uSockets with epoll and OpenSSL, and our server on top of it."""
    folder = os.environ.get("FOAL_USOCKETS")
    if not folder:
        return "FOAL_USOCKETS names no sources"
    source = os.path.join(folder, "src")
    todo = [("cc", "-std=gnu11", path) for path in [
        *sorted(glob.glob(os.path.join(source, "*.c"))),
        os.path.join(source, "eventing", "epoll_kqueue.c"),
        os.path.join(source, "crypto", "openssl.c"),
        os.path.join(PEERS, "usockets_server.c")]]
    todo += [("c++", "-std=c++17", path)
             for path in sorted(glob.glob(os.path.join(source, "crypto", "*.cpp")))]
    if not is_older(target, [path for _, _, path in todo]):
        return None
    objects = target + ".objects"
    os.makedirs(objects, exist_ok=True)
    found = []
    for compiler, standard, path in todo:
        found.append(os.path.join(objects, os.path.basename(path) + ".o"))
        command([compiler, standard, *FLAGS, "-I", source, "-c", path, "-o", found[-1]])
    command(["c++", "-O3", *found, "-o", target, "-lssl", "-lcrypto", "-pthread"])
    shutil.rmtree(objects)
    return None


def go(target):
    """The Go server."""
    if shutil.which("go") is None:
        return "go is not installed (Debian package: golang-go)"
    source = os.path.join(PEERS, "go_server.go")
    if is_older(target, [source]):
        cache = os.path.abspath(target + ".cache")
        command(["go", "build", "-o", target, source],
                env=dict(os.environ, GOCACHE=cache, GOPATH=cache, GOFLAGS="", GO111MODULE="off"))
    return None


def build(report, options):
    """Those that are wanted, or a line that says why not."""
    for name, function in (("usockets", usockets), ("go", go)):
        if name not in options.peers:
            continue
        try:
            why = function(f"{options.build}/bench/bench_{name}")
            if why:
                report.note(f"{name}: {why}")
        except (OSError, RuntimeError) as why:
            report.fail(name, f"does not build: {why}")
