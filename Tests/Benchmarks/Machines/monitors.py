"""What is measured: how each monitor is told to boot the same kernel with the same initramfs, or to run the same bundle."""

import os
import subprocess
import time
from dataclasses import dataclass

import cpio

MEMORY_MIB = 256

# The leanest microvm that Debian's kernel boots in. Without the clock of a PC it waits for one for a second.
MICROVM = "microvm,x-option-roms=off,pit=off,pic=off,rtc=on,isa-serial=on"


@dataclass
class Place:
    """Where everything is, on a file system in memory so that nothing waits for a disk."""

    programs: str
    work: str
    kernel: str = ""
    initramfs: str = ""
    words: str = ""
    release: str = ""
    # What mvrun is told besides.
    options: tuple = ()

    def program(self, name):
        return os.path.join(self.programs, name)

    def path(self, name):
        return os.path.join(self.work, name)

    @property
    def bundle(self):
        return self.path("bundle")


def hand_boot(place, *words):
    """mvrun's monitor alone."""
    command = [place.program("mvrun-vmm"), "--boot", place.kernel, place.initramfs, "--quiet"]
    return [*command, "--memory", str(MEMORY_MIB), "--append", " ".join(words)]


def qemu(place, *words, share=None):
    """QEMU with the same devices: a serial port, an entropy source, and where asked for a file system.

    Its keyboard controller is none, so that it resets by a triple fault."""
    command = ["qemu-system-x86_64", "-accel", "kvm", "-cpu", "host", "-smp", "1", "-nodefaults", "-no-user-config"]
    machine = MICROVM
    if share:
        machine += ",memory-backend=memory"
        command += ["-object", f"memory-backend-memfd,id=memory,size={MEMORY_MIB}M,share=on"]
        command += ["-chardev", f"socket,id=share,path={share}", "-device", "vhost-user-fs-device,chardev=share,tag=bench"]
    command += ["-M", machine, "-m", str(MEMORY_MIB), "-nographic", "-no-reboot", "-serial", "stdio", "-monitor", "none"]
    command += ["-device", "virtio-rng-device", "-kernel", place.kernel, "-initrd", place.initramfs]
    return [*command, "-append", " ".join([place.words, "reboot=t", *words])]


class Virtiofsd:
    """QEMU's file server, as long as the block lasts."""

    def __init__(self, place):
        self.socket = place.path("virtiofsd.sock")
        command = ["/usr/lib/qemu/virtiofsd", f"--socket-path={self.socket}", "-o", f"source={place.bundle}/rootfs"]
        self.command = [*command, "-o", "cache=auto", "-o", "log_level=err"]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stderr=subprocess.DEVNULL)
        while not os.path.exists(self.socket):
            time.sleep(0.001)
        return self.socket

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        if os.path.exists(self.socket):
            os.unlink(self.socket)


def mvrun(place, isolation):
    """A whole run of a bundle."""
    return [place.program("mvrun"), "run", *place.options, "--isolation", isolation, "--bundle", place.bundle, "bench"]


def runc(place):
    return ["runc", "run", "--bundle", place.bundle, "bench-runc"]


def prepare(place, repository, kernel=None):
    """Makes the bundle, and takes kernel and modules from the images that mvrun makes for it; its init becomes ours."""
    place.options = ("--kernel", kernel) if kernel else ()
    make = [os.path.join(repository, "Rootfs/make-bundle"), place.bundle, "--", "/bin/true"]
    subprocess.run(make, check=True, stdout=subprocess.DEVNULL)
    cache = "/var/cache/mvrun/guest"
    subprocess.run(["rm", "-rf", cache], check=True)
    subprocess.run(mvrun(place, "vm"), check=True, timeout=600)
    images = {name.split("-")[0]: os.path.join(cache, name) for name in os.listdir(cache) if not name.endswith(".entry")}
    place.kernel = place.path("vmlinux")
    subprocess.run(["cp", images["vmlinux"], place.kernel], check=True)
    with open(images["initramfs"], "rb") as file:
        archive = file.read()
    with open(place.path("guest"), "rb") as file:
        guest = file.read()
    place.initramfs = place.path("initramfs")
    with open(place.initramfs, "wb") as file:
        file.write(cpio.with_program(archive, "init", guest))
    # The words of ours are QEMU's too, but for the devices, whose places are others.
    shown = subprocess.run(hand_boot(place, "show=1"), capture_output=True, text=True, timeout=600).stderr
    line = next(line for line in shown.splitlines() if line.startswith("bench: words "))
    place.release = next(line.split()[2] for line in shown.splitlines() if line.startswith("bench: release "))
    skipped = ("virtio_mmio.device=", "show=", "reboot=")
    place.words = " ".join(word for word in line.split()[2:] if not word.startswith(skipped))
