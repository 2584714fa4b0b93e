"""What is measured: how each monitor is told to boot the same kernel with the same initramfs, or to run the same bundle."""

import io
import json
import os
import shlex
import shutil
import socket
import subprocess
import tarfile
from dataclasses import dataclass

import cpio

MEMORY_MIB = 256

# The leanest microvm that Debian's kernel boots in. Without the clock of a PC it waits for one for a second.
MICROVM = "microvm,x-option-roms=off,rtc=on,isa-serial=on"


@dataclass
class Place:
    """Where everything is: on a file system in memory, so that nothing waits for a disk."""

    work: str
    kernel: str = ""
    initramfs: str = ""
    # The kernel's command line, without what names devices.
    words: str = ""
    release: str = ""
    # How QEMU makes the machine.
    machine: str = MICROVM
    # What mvrun is told besides.
    options: tuple = ()

    def path(self, name):
        return os.path.join(self.work, name)

    def launch(self, command, **options):
        """Runs a command between two marks; its output is both streams'."""
        process = subprocess.run(
            [self.path("launch"), *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=1800, **options)
        text = process.stdout.decode(errors="replace")
        if process.returncode != 0 or "bench: a" in text or "bench: the" in text:
            raise SystemExit(f"bench-vm: {shlex.join(command)}: status {process.returncode}\n{text[-2000:]}")
        return text


def hand_boot(place, *words):
    """mvrun's monitor alone."""
    command = [place.path("mvrun-vmm"), "--boot", place.kernel, place.initramfs, "--quiet"]
    return [*command, "--memory", str(MEMORY_MIB), *(["--append", " ".join(words)] if words else [])]


# What a kernel is usually told where nobody looked at how long it takes.
USUAL_WORDS = "console=ttyS0 quiet panic=-1"


def qemu(place, *words, share=None, usual=None):
    """QEMU with the same devices: a serial port, an entropy source, and where asked for a file system; and with the same
    words on the command line, unless others are given.

    It has no keyboard controller, so that its guest resets by a triple fault."""
    command = ["qemu-system-x86_64", "-accel", "kvm", "-cpu", "host", "-smp", "1", "-nodefaults", "-no-user-config"]
    machine = place.machine
    if share:
        machine += ",memory-backend=memory"
        command += ["-object", f"memory-backend-memfd,id=memory,size={MEMORY_MIB}M,share=on"]
        command += ["-global", "virtio-mmio.force-legacy=false"]
        command += ["-chardev", f"socket,id=share,path={share}"]
        command += ["-device", "vhost-user-fs-device,chardev=share,tag=bench"]
    command += ["-M", machine, "-m", str(MEMORY_MIB), "-display", "none", "-no-reboot", "-serial", "stdio"]
    command += ["-device", "virtio-rng-device", "-kernel", place.kernel, "-initrd", place.initramfs]
    return [*command, "-append", " ".join([usual or place.words, "reboot=t", *words])]


def run_in_qemu(place, bundle="bundle", words=(), devices=(), before=()):
    """The bundle's program in the bundle's root, shared by QEMU's own file server.

    QEMU gets `devices` as well, and `before` stands before its command."""
    path = place.path("virtiofsd.sock")
    if os.path.exists(path):
        os.unlink(path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1)
        os.set_inheritable(listener.fileno(), True)
        server = ["/usr/lib/qemu/virtiofsd", f"--fd={listener.fileno()}", "-o", f"source={place.path(bundle)}/rootfs"]
        server += ["-o", "cache=auto", "-o", "log_level=err"]
        machine = [*before, *qemu(place, "share=bench", *words, share=path), *devices]
        script = f"{shlex.join(server)} & {shlex.join(machine)}; status=$?; wait; exit $status"
        place.launch(["sh", "-c", script], pass_fds=[listener.fileno()])


def mvrun(place, isolation, bundle="bundle", options=()):
    """A whole run of the bundle."""
    own = [*place.options, *options, "--isolation", isolation, "--bundle", place.path(bundle), "bench"]
    return [place.path("mvrun"), "run", *own]


def runc(place):
    return ["runc", "run", "--bundle", place.path("bundle"), "bench-runc"]


# What is done with files in a guest: what it is, and how, in the root that is shared. /bin/bench sets the marks around.
# Under the counter a request to virtiofsd takes up to a tenth of a second: few files, or a run does not end.
FILE_STEPS = {
    "find over 500 files": "find tree -type f -size +1k >/dev/null",
    "500 stats": "xargs stat -c %s </list >/dev/null",
    "cat of 500 files": "xargs cat </list >/dev/null",
    "untar 200 files": "tar xf /archive.tar -C /unpacked",
    "read 32 MiB by 1 MiB": "dd if=/large of=/dev/null bs=1M 2>/dev/null",
    "write 32 MiB by 1 MiB": "dd if=/dev/zero of=/written bs=1M count=32 2>/dev/null",
    "write 8 MiB by 4 KiB": "dd if=/dev/zero of=/written bs=4k count=2048 conv=notrunc 2>/dev/null",
}


# Before each: how much a guest asks the server for must not depend on how long ago it asked for the same. What it lets go of
# it tells the server, which gets time for that.
FORGET = "sync; echo 3 >/proc/sys/vm/drop_caches; sleep 0.3"


def prepare_files(place, folders=5):
    """Makes a bundle whose program does all that."""
    root = place.path("files/rootfs")
    make = [os.path.join(os.path.dirname(__file__), "../../../Rootfs/make-bundle"), place.path("files")]
    subprocess.run([*make, "--", "/bin/sh", "/bench.sh"], check=True, stdout=subprocess.DEVNULL)
    with open(place.path("files/config.json")) as file:
        configuration = json.load(file)
    configuration["root"]["readonly"] = False
    configuration["linux"]["readonlyPaths"] = []
    with open(place.path("files/config.json"), "w") as file:
        json.dump(configuration, file)
    shutil.copy2(place.path("guest"), f"{root}/bin/bench")
    with open(f"{root}/list", "w") as listing:
        for folder in range(folders):
            os.makedirs(f"{root}/tree/{folder}")
            for number in range(100):
                with open(f"{root}/tree/{folder}/{number}", "w") as file:
                    file.write("x" * 100)
                listing.write(f"/tree/{folder}/{number}\n")
    with open(f"{root}/large", "wb") as file:
        file.write(b"mvrun..." * (4 << 20))
    with tarfile.open(f"{root}/archive.tar", "w") as archive:
        for number in range(200):
            entry = tarfile.TarInfo(f"{number // 50}/{number}")
            entry.size = 4096
            archive.addfile(entry, io.BytesIO(b"x" * 4096))
    with open(f"{root}/bench.sh", "w") as file:
        steps = (f"{FORGET}\n/bin/bench\n{step}\n/bin/bench\n" for step in FILE_STEPS.values())
        file.write("cd /\n" + "".join(steps))


def clear_files(place):
    """Removes what a run has made."""
    root = place.path("files/rootfs")
    shutil.rmtree(f"{root}/unpacked", ignore_errors=True)
    os.mkdir(f"{root}/unpacked")
    for number in range(4):
        os.mkdir(f"{root}/unpacked/{number}")
    if os.path.exists(f"{root}/written"):
        os.unlink(f"{root}/written")


def prepare(place, repository, kernel=None):
    """Makes the bundle, and takes kernel and modules from the images that mvrun makes for it; its init becomes ours."""
    shutil.rmtree(place.work, ignore_errors=True)
    os.makedirs(place.work)
    for program in ("mvrun", "mvrun-init", "mvrun-vmm"):
        shutil.copy2(os.path.join(repository, "build/bin", program), place.path(program))
    for program in ("guest", "launch"):
        shutil.copy2(os.path.join(repository, f"build/bench-{program}"), place.path(program))
    place.options = ("--kernel", kernel) if kernel else ()
    make = [os.path.join(repository, "Rootfs/make-bundle"), place.path("bundle"), "--", "/bin/bench"]
    subprocess.run(make, check=True, stdout=subprocess.DEVNULL)
    shutil.copy2(place.path("guest"), place.path("bundle/rootfs/bin/bench"))
    cache = "/var/cache/mvrun/guest"
    shutil.rmtree(cache, ignore_errors=True)
    subprocess.run(mvrun(place, "vm"), check=True, timeout=900)
    images = {name.split("-")[0]: os.path.join(cache, name) for name in os.listdir(cache) if "-" in name}
    place.kernel = images.get("vmlinux", kernel)
    with open(place.kernel, "rb") as file:
        # The table in which ACPI describes devices. A kernel that does not know it is told of them by its command line.
        if b"DSDT" not in file.read():
            place.machine += ",acpi=off"
    with open(images["initramfs"], "rb") as archive, open(place.path("guest"), "rb") as guest:
        joined = cpio.with_program(archive.read(), "init", guest.read())
    place.initramfs = place.path("initramfs")
    with open(place.initramfs, "wb") as file:
        file.write(joined)
    shown = place.launch(hand_boot(place, "show=1")).splitlines()
    told = {line.split()[1]: line.split()[2:] for line in shown if line.startswith("bench: ")}
    words, release = told["words"], told["release"]
    # QEMU says by itself where its devices are.
    place.words = " ".join(word for word in words if not word.startswith(("virtio_mmio.device=", "show=", "reboot=")))
    place.release = release[0]
