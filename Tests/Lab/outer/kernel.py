"""The outer machine's kernel and the Debian packages that the lab needs, fetched once and kept in a cache."""

import fcntl
import glob
import os
import shutil
import struct
import subprocess
import tempfile
from dataclasses import dataclass

from outer.failure import LabError

# What each package is needed for, by the file that tells whether it is there.
PACKAGES = {
    "/usr/bin/qemu-system-x86_64": "qemu-system-x86",
    "/usr/lib/qemu/virtiofsd": "qemu-system-common",
    "/bin/busybox": "busybox-static",
    "/usr/bin/lz4": "lz4",
    "/sbin/depmod": "kmod",
}

META_PACKAGE = "linux-image-cloud-amd64"

# How the vmlinux inside a bzImage is packed: the first bytes, and what unpacks it.
UNPACKERS = {
    b"\x02\x21\x4c\x18": ["lz4", "-dc"],
    b"\x28\xb5\x2f\xfd": ["zstd", "-dc"],
    b"\xfd7zXZ\x00": ["xz", "-dc"],
    b"\x1f\x8b": ["gzip", "-dc"],
}


@dataclass
class Kernel:
    """A kernel to boot: its image, its modules (none where everything is built in), an initramfs to unpack first."""

    image: str
    modules: str | None = None
    initramfs: str | None = None


def cache_directory():
    named = os.environ.get("MVRUN_LAB_CACHE")
    if named:
        return os.path.abspath(named)
    user = os.environ.get("XDG_CACHE_HOME")
    return os.path.join(user, "mvrun-lab") if user else "/var/cache/mvrun-lab"


def prepare(image=None, initramfs=None, refresh=False):
    """The kernel to boot, after installing and fetching whatever is not there yet."""
    install_packages()
    if image:
        return Kernel(os.path.realpath(image), None, initramfs and os.path.realpath(initramfs))
    cache = cache_directory()
    os.makedirs(cache, exist_ok=True)
    with open(os.path.join(cache, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        current = os.path.join(cache, "current")
        if refresh or not os.path.exists(current):
            release = fetch_debian_kernel(cache)
            replace_link(current, release)
        directory = os.path.realpath(current)
    modules = os.path.join(directory, "lib/modules", os.path.basename(directory))
    return Kernel(os.path.join(directory, "vmlinux"), modules, initramfs and os.path.realpath(initramfs))


def install_packages():
    missing = sorted(package for path, package in PACKAGES.items() if not os.path.exists(path))
    if not missing:
        return
    command = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # A fresh machine has no package lists; one with lists need not fetch them again.
    for step in ([command] if glob.glob("/var/lib/apt/lists/*Packages*") else [["apt-get", "update"], command]):
        run(step, f"install {', '.join(missing)}", env=environment)


def fetch_debian_kernel(cache):
    """Unpacks Debian's current cloud kernel under its release name, and returns that name."""
    package = newest_image_package()
    release = package.removeprefix("linux-image-")
    place = os.path.join(cache, release)
    if os.path.exists(place):
        return release
    with tempfile.TemporaryDirectory(dir=cache, prefix="fetch.") as work:
        # apt's own user has to reach the directory, or it says so on every run.
        os.chmod(work, 0o777)
        run(["apt-get", "download", "-q", package], f"download {package}", cwd=work)
        unpacked = os.path.join(work, "unpacked")
        run(["dpkg-deb", "-x", *glob.glob(os.path.join(work, "*.deb")), unpacked], f"unpack {package}")
        extract_vmlinux(os.path.join(unpacked, f"boot/vmlinuz-{release}"), os.path.join(unpacked, "vmlinux"))
        shutil.move(os.path.join(unpacked, f"boot/config-{release}"), os.path.join(unpacked, "config"))
        shutil.rmtree(os.path.join(unpacked, "boot"))
        shutil.rmtree(os.path.join(unpacked, "usr"), ignore_errors=True)
        run(["/sbin/depmod", "-b", unpacked, release], "index the kernel's modules")
        os.chmod(unpacked, 0o755)
        os.rename(unpacked, place)
    return release


def newest_image_package():
    listing = run(["apt-cache", "depends", META_PACKAGE], f"look up {META_PACKAGE}")
    for line in listing.splitlines():
        kind, _, name = line.strip().partition(": ")
        if kind == "Depends" and name.startswith("linux-image-"):
            return name
    raise LabError(f"apt knows no package {META_PACKAGE}; run apt-get update, on Debian for amd64")


def extract_vmlinux(bzimage, vmlinux):
    """Writes the ELF file inside a bzImage, since unpacking it in an emulated processor takes longer at every boot.

    The places are those of the boot protocol: the setup code's length in sectors, then the payload behind it.
    """
    with open(bzimage, "rb") as file:
        data = file.read()
    setup_length = (data[0x1F1] + 1) * 512
    offset, length = struct.unpack_from("<II", data, 0x248)
    payload = data[setup_length + offset : setup_length + offset + length]
    unpacker = next((tool for magic, tool in UNPACKERS.items() if payload.startswith(magic)), None)
    if not unpacker:
        raise LabError(f"{bzimage} is packed in an unknown way: {payload[:6].hex()}")
    # The unpacked length stands behind the packed data, which the tool takes for garbage: its status says nothing.
    unpacked = subprocess.run(unpacker, input=payload, capture_output=True).stdout
    (expected,) = struct.unpack("<I", payload[-4:])
    if len(unpacked) != expected or not unpacked.startswith(b"\x7fELF"):
        raise LabError(f"{bzimage}: {unpacker[0]} gave {len(unpacked)} bytes of {expected}")
    with open(vmlinux, "wb") as file:
        file.write(unpacked)


def replace_link(link, target):
    fresh = f"{link}.{os.getpid()}"
    os.symlink(target, fresh)
    os.replace(fresh, link)


def run(command, purpose, **options):
    try:
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, **options)
    except FileNotFoundError:
        raise LabError(f"{purpose}: {command[0]} is not installed; the lab needs Debian") from None
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or f"status {done.returncode}").splitlines()[-1]
        raise LabError(f"{purpose}: {command[0]}: {last}")
    return done.stdout
