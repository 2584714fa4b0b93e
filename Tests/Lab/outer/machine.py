"""The outer machine: QEMU with a processor emulated in software (TCG) that has AMD's virtualization, and the jobs in it."""

import errno
import fcntl
import glob
import os
import secrets
import select
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field

from outer import initramfs, sharing
from outer.failure import LabError

# Where each machine has a directory of its own: sockets, jobs, logs.
RUNS = "/var/tmp"
PREFIX = "mvrun-lab."

# A job that was told to end, and a machine that was told to leave, get this long.
GRACE_SECONDS = 10


@dataclass
class Settings:
    """What a machine is made of. `writable` are absolute paths."""

    cpus: int = 1
    memory_mib: int = 3072
    network: bool = False
    deterministic: bool = False
    verbose: bool = False
    writable: list = field(default_factory=list)
    qemu: list = field(default_factory=list)
    append: str = ""
    cache: str = "always"


@dataclass
class Job:
    """A command with its surroundings. `input` is a file to read as stdin, or None."""

    arguments: list
    directory: str
    environment: dict
    input: object = None

    def script(self):
        """The job as a script for the outer machine's /bin/sh."""
        lines = [f"export {name}={shlex.quote(value)}" for name, value in self.environment.items()]
        lines.append(f"cd {shlex.quote(self.directory)} || exit 125")
        return "\n".join([*lines, f"exec {shlex.join(self.arguments)}", ""])


class Interrupted(Exception):
    """Whoever waited for the job has gone."""


class Machine:
    """A booted machine. Leaving the `with` block ends it, whatever happened."""

    def __init__(self, kernel, settings, deadline):
        sweep()
        self.directory = tempfile.mkdtemp(prefix=PREFIX, dir=RUNS)
        self.lock = lock(self.directory)
        os.chmod(self.directory, 0o755)
        os.mkdir(self.path("jobs"))
        self.qemu = self.virtiofsd = None
        self.pending = b""
        self.jobs = 0
        try:
            self.boot(kernel, settings, deadline)
        except BaseException:
            self.end()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def path(self, name):
        return os.path.join(self.directory, name)

    def boot(self, kernel, settings, deadline):
        with open(self.path("initramfs"), "wb") as file:
            if kernel.initramfs:
                with open(kernel.initramfs, "rb") as given:
                    shutil.copyfileobj(given, file)
                file.write(b"\0" * (-file.tell() % 4))
            file.write(initramfs.build(kernel.modules, self.path("jobs"), settings.writable))
        self.virtiofsd = sharing.start(self.directory, settings.writable, settings.cache)
        self.control, control = socket.socketpair()
        self.out, out = socket.socketpair()
        self.err, err = socket.socketpair()
        inherited = [control.fileno(), out.fileno(), err.fileno()]
        command = qemu_command(self.directory, kernel, settings, *inherited)
        with open(self.path("qemu.log"), "w") as log, open(self.path("console"), "w") as console:
            self.qemu = subprocess.Popen(
                # Should this process be killed, QEMU ends as well, and virtiofsd with it.
                ["setpriv", "--pdeathsig", "KILL", *command],
                stdin=subprocess.DEVNULL, stdout=2 if settings.verbose else console, stderr=log, pass_fds=inherited,
            )
        for end in (control, out, err):
            end.close()
        if self.next_message(deadline) != ["ready"]:
            raise LabError("the outer machine did not come up" + self.last_words())

    def run(self, job, out, err, deadline, watched=None):
        """Runs the job, passes on what it writes to the descriptors `out` and `err` as it comes, and returns its
        status. The job is killed at the deadline (TimeoutError), or when the other end of the socket `watched` goes
        away (Interrupted); the machine stays usable."""
        identity = self.place(job)
        streams = [Stream(self.out, out, identity), Stream(self.err, err, identity)]
        self.control.sendall(f"run {identity}\n".encode())
        status = None
        expired = gone = False
        while status is None or not all(stream.ended for stream in streams):
            sources = [stream.source for stream in streams if not stream.ended]
            sources += [self.control] if status is None else []
            sources += [watched] if watched and not gone else []
            ready = wait_readable(sources, deadline)
            for stream in streams:
                if stream.source in ready:
                    stream.relay(deadline)
            if self.control in ready:
                status = self.status_of(identity, deadline)
            if watched in ready and not gone:
                gone = True
                deadline = self.kill_job()
            elif not ready:
                if expired or gone:
                    raise LabError("the job did not end when it was killed" + self.last_words())
                expired = True
                deadline = self.kill_job()
        if gone:
            raise Interrupted
        if expired:
            raise TimeoutError
        return status

    def place(self, job):
        """Puts the job where the machine finds it, and returns its name."""
        self.jobs += 1
        # Random, since it also ends the job's output.
        identity = f"{self.jobs}-{secrets.token_hex(12)}"
        place = self.path(f"jobs/{identity}")
        os.mkdir(place)
        with open(os.path.join(place, "command"), "w") as file:
            file.write(job.script())
        if job.input is not None:
            with open(os.path.join(place, "input"), "wb") as file:
                shutil.copyfileobj(job.input, file)
        return identity

    def status_of(self, identity, deadline):
        message = self.next_message(deadline)
        if len(message) != 3 or message[:2] != ["status", identity]:
            raise LabError(f"the outer machine said {' '.join(message)!r} in place of a status")
        return int(message[2])

    def kill_job(self):
        self.control.sendall(b"kill\n")
        return time.monotonic() + GRACE_SECONDS

    def next_message(self, deadline):
        while b"\n" not in self.pending:
            if not wait_readable([self.control], deadline):
                raise TimeoutError
            try:
                received = self.control.recv(4096)
            except ConnectionResetError:
                received = b""
            if not received:
                raise LabError("the outer machine has ended" + self.last_words())
            self.pending += received
        line, _, self.pending = self.pending.partition(b"\n")
        return line.decode(errors="replace").split()

    def last_words(self):
        """The end of the console and of QEMU's own messages, for an error's text."""
        said = []
        for name in ("qemu.log", "console"):
            try:
                with open(self.path(name), errors="replace") as file:
                    said += file.read().splitlines()[-3:]
            except FileNotFoundError:
                pass
        return "".join(f"\n  {line}" for line in said)

    def end(self):
        if self.lock is None:
            return
        if self.qemu:
            try:
                self.control.sendall(b"stop\n")
                self.qemu.wait(GRACE_SECONDS)
            except (OSError, subprocess.TimeoutExpired):
                self.qemu.kill()
            self.qemu.wait()
        if self.virtiofsd:
            self.virtiofsd.kill()
            self.virtiofsd.wait()
        shutil.rmtree(self.directory, ignore_errors=True)
        os.close(self.lock)
        self.lock = None


def lock(directory):
    """Marks the directory as in use for as long as the returned descriptor is open; None where it is in use."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def sweep():
    """Removes the directories of labs that were killed."""
    for directory in glob.glob(os.path.join(RUNS, PREFIX + "*")):
        try:
            # A young one may be about to be locked.
            if time.time() - os.stat(directory).st_mtime < 60:
                continue
            unused = lock(directory)
        except FileNotFoundError:
            continue
        if unused is not None:
            shutil.rmtree(directory, ignore_errors=True)
            os.close(unused)


class Stream:
    """One output of a job, on its way to a descriptor. It ends with a mark, since the port never closes."""

    def __init__(self, source, target, identity):
        self.source = source
        self.target = target
        self.mark = b"\0" + identity.encode() + b"\0"
        self.held = b""
        self.ended = False

    def relay(self, deadline):
        received = self.source.recv(65536)
        if not received:
            self.ended = True
        self.held += received
        content, mark, rest = self.held.partition(self.mark)
        if mark:
            self.ended = True
            self.held = b""
        else:
            # What could be the beginning of the mark waits for the next piece.
            kept = next(n for n in range(len(self.mark), -1, -1) if content.endswith(self.mark[:n]))
            self.held = content[len(content) - kept :]
            content = content[: len(content) - kept]
        self.write(content, deadline)

    def write(self, content, deadline):
        """Writes everything, unless the reader has gone or does not read until the deadline."""
        poll = select.poll()
        if self.target is None:
            return
        poll.register(self.target, select.POLLOUT)
        while content and poll.poll(max(0, deadline - time.monotonic()) * 1000):
            try:
                # A pipe that can be written to takes this much without blocking.
                content = content[os.write(self.target, content[:4096]) :]
            except OSError as error:
                if error.errno != errno.EAGAIN:
                    self.target = None
                    return


def wait_readable(sources, deadline):
    """Those of the sources that can be read, or none at the deadline."""
    poll = select.poll()
    by_descriptor = {source.fileno(): source for source in sources}
    for descriptor in by_descriptor:
        poll.register(descriptor, select.POLLIN)
    milliseconds = max(0, deadline - time.monotonic()) * 1000
    return [by_descriptor[descriptor] for descriptor, _ in poll.poll(milliseconds)]


def qemu_command(directory, kernel, settings, control, out, err):
    """QEMU's command line. Each choice below was needed or measured; README.md has the figures."""
    accelerator = ["-accel", "tcg,thread=multi,tb-size=512"]
    # TCG's time stamp counter is the host's. Without its frequency the kernel never ends calibrating.
    tsc_khz = host_tsc_khz()
    if settings.deterministic:
        accelerator = ["-accel", "tcg,thread=single,tb-size=512", "-icount", "shift=3,sleep=on"]
        accelerator += ["-rtc", "base=2026-01-01,clock=vm"]
        tsc_khz = 1_000_000
    arguments = [
        # Each byte on the console costs an exit, so the kernel keeps quiet unless somebody looks.
        "console=ttyS0", "loglevel=7" if settings.verbose else "quiet",
        f"tsc_early_khz={tsc_khz}", f"lpj={tsc_khz * 4}", "tsc=reliable", "no_timer_check",
        "mitigations=off", "nokaslr", "init_on_alloc=0", "random.trust_cpu=on", "reboot=t", "panic=-1",
        "cgroup_no_v1=all", *(["lab.network"] if settings.network else []), settings.append,
    ]
    command = [
        "qemu-system-x86_64", *accelerator,
        "-machine", "microvm,memory-backend=ram,rtc=on,pit=on,pic=on",
        "-cpu", "EPYC-Rome,+svm,+npt", "-smp", str(settings.cpus), "-m", str(settings.memory_mib),
        # virtiofsd reads and writes the machine's memory, so that has to be shared.
        "-object", f"memory-backend-memfd,id=ram,size={settings.memory_mib}M,share=on",
        # vhost-user devices exist on the modern transport only.
        "-global", "virtio-mmio.force-legacy=false",
        "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        "-kernel", kernel.image, "-initrd", f"{directory}/initramfs", "-append", " ".join(arguments),
        "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
        "-device", "virtio-serial-device",
        "-chardev", f"socket,id=files,path={directory}/files",
        "-device", "vhost-user-fs-device,chardev=files,tag=host,queue-size=1024",
    ]
    for name, descriptor in (("control", control), ("out", out), ("err", err)):
        command += ["-chardev", f"socket,id={name},fd={descriptor}"]
        command += ["-device", f"virtserialport,chardev={name},name=lab.{name}"]
    if settings.network:
        command += ["-netdev", "user,id=network", "-device", "virtio-net-device,netdev=network"]
    return command + settings.qemu


def host_tsc_khz():
    with open("/proc/cpuinfo") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name.strip() == "bogomips":
                return int(float(value) * 500)
    raise LabError("/proc/cpuinfo does not say bogomips; the lab runs on x86-64 hosts")
