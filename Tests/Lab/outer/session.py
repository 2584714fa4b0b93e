"""A machine that outlives one command: a keeper process owns it and runs what clients hand over, one after the other.

A client connects to the keeper's socket and sends one JSON line, with its stdin, stdout and stderr attached as
descriptors, so that output goes straight to where the client's would. The answer is one JSON line.
"""

import array
import json
import os
import re
import select
import socket
import time
import traceback

from outer import kernel as kernels
from outer.failure import LabError
from outer.machine import Interrupted, Job, Machine

DIRECTORY = "/run/mvrun-lab"


def socket_path(name):
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,40}", name):
        raise LabError(f"{name!r} is no name for a session: letters, digits, dot, dash and underscore are")
    return os.path.join(DIRECTORY, name)


def start(name, prepared, settings, boot_seconds, idle_seconds):
    """Boots a machine in the background. Returns when it is ready."""
    path = socket_path(name)
    os.makedirs(DIRECTORY, mode=0o700, exist_ok=True)
    if is_alive(path):
        raise LabError(f"the session {name} is already running")
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.close(reader)
        os.setsid()
        status = 1
        try:
            keep(path, prepared, settings, boot_seconds, idle_seconds, writer)
            status = 0
        except (LabError, TimeoutError) as error:
            os.write(writer, (str(error) or f"the outer machine was not ready after {boot_seconds} s").encode())
        except BaseException:
            traceback.print_exc()
        os._exit(status)
    os.close(writer)
    with os.fdopen(reader) as answer:
        said = answer.read()
    if said != "ready":
        raise LabError(said or "the session's keeper has ended")


def keep(path, prepared, settings, boot_seconds, idle_seconds, ready):
    """The keeper: everything from the boot to the end of the session."""
    with Machine(prepared, settings, time.monotonic() + boot_seconds) as machine:
        listener = listen(path)
        os.write(ready, b"ready")
        os.close(ready)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        log = os.open(f"{path}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        for descriptor in (1, 2):
            os.dup2(log, descriptor)
        try:
            serve(listener, machine, idle_seconds)
        finally:
            os.unlink(path)


def listen(path):
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    if os.path.exists(path):
        os.unlink(path)
    listener.bind(path)
    listener.listen(64)
    return listener


def serve(listener, machine, idle_seconds):
    """Answers clients until one says stop, the machine ends, or nobody came for a while."""
    while True:
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        poll.register(machine.control, select.POLLIN)
        ready = [descriptor for descriptor, _ in poll.poll(idle_seconds * 1000)]
        # Between jobs the machine has nothing to say: this is its end.
        if listener.fileno() not in ready:
            return
        client, _ = listener.accept()
        with client:
            request, descriptors = receive(client)
            if request is None:
                continue
            try:
                if request.get("stop"):
                    machine.end()
                    client.sendall(b'{"status": 0}\n')
                    return
                client.sendall(answer(machine, client, request, descriptors))
            except (Interrupted, BrokenPipeError):
                continue
            except LabError as error:
                client.sendall(json.dumps({"error": str(error)}).encode() + b"\n")
                return
            finally:
                for descriptor in descriptors:
                    os.close(descriptor)


def answer(machine, client, request, descriptors):
    given, out, err = descriptors
    with os.fdopen(os.dup(given), "rb") as source:
        job = Job(request["arguments"], request["directory"], request["environment"], source if request["input"] else None)
        try:
            reply = {"status": machine.run(job, out, err, time.monotonic() + request["seconds"], watched=client)}
        except TimeoutError:
            reply = {"expired": True}
    return json.dumps(reply).encode() + b"\n"


def receive(client):
    """A request and the descriptors that came with it; no request where a client only looked whether we live."""
    size = array.array("i", [0, 0, 0]).itemsize * 3
    data, ancillary, _, _ = client.recvmsg(65536, socket.CMSG_SPACE(size))
    descriptors = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(content[: len(content) - len(content) % descriptors.itemsize])
    while data and not data.endswith(b"\n"):
        more = client.recv(65536)
        if not more:
            break
        data += more
    return (json.loads(data) if data else None), list(descriptors)


def ask(name, request, descriptors):
    """Sends a request to a session's keeper and returns its answer."""
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        client.connect(socket_path(name))
    except OSError:
        raise LabError(f"no session {name} is running; start one with --start") from None
    with client:
        data = json.dumps(request).encode() + b"\n"
        sent = client.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))])
        client.sendall(data[sent:])
        with client.makefile() as answers:
            line = answers.readline()
    if not line:
        raise LabError(f"the session {name} has ended")
    reply = json.loads(line)
    if "error" in reply:
        raise LabError(reply["error"])
    if "expired" in reply:
        raise TimeoutError
    return reply["status"]


def is_alive(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
    return True
