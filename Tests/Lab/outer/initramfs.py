"""The outer machine's initramfs: busybox, the modules that reach the root, our two scripts, and what this boot wants."""

import os
import stat

from outer.failure import LabError

GUEST = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "guest")

# Without these no root file system and no word to the host. Everything else loads from the shared root when it is used.
BOOT_MODULES = ["virtio_mmio", "virtio_console", "virtiofs", "overlay"]

APPLETS = """basename cat chmod cp dirname grep hostname ifconfig insmod ln mkdir mkfifo mknod mount printf reboot rm
    route setsid sh sleep switch_root sync uname""".split()


def build(modules, jobs, writable):
    """The archive's bytes. `modules` is a directory below lib/modules, or None for a kernel that needs none; `jobs` is
    the directory on the host that holds the jobs; `writable` are the directories that stay the host's own."""
    archive = Archive()
    for directory in ("bin", "dev", "host", "lab", "lab/modules", "proc", "root", "sys", "upper"):
        archive.add(directory, stat.S_IFDIR | 0o755)
    archive.add("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
    archive.add_file("bin/busybox", "/bin/busybox")
    for applet in APPLETS:
        archive.add(f"bin/{applet}", stat.S_IFLNK | 0o777, b"busybox")
    archive.add_file("init", os.path.join(GUEST, "init"))
    archive.add_file("lab/serve", os.path.join(GUEST, "serve"))
    order = load_order(modules) if modules else []
    for path in order:
        archive.add_file(f"lab/modules/{os.path.basename(path)}", path)
    archive.add_text("lab/modules/order", [os.path.basename(path) for path in order])
    archive.add_text("lab/tree", [modules] if modules else [])
    archive.add_text("lab/jobs", [jobs])
    archive.add_text("lab/writable", writable)
    return archive.finish()


def load_order(modules):
    """The files of BOOT_MODULES and of all that they depend on, each after its own dependencies."""
    dependencies = {}
    with open(os.path.join(modules, "modules.dep")) as file:
        for line in file:
            path, _, rest = line.partition(":")
            dependencies[os.path.basename(path).removesuffix(".ko").replace("-", "_")] = (path, rest.split())
    order = []
    for name in BOOT_MODULES:
        if name not in dependencies:
            raise LabError(f"the kernel under {modules} has no module {name}")
        path, needed = dependencies[name]
        # modules.dep names the deepest dependency last.
        for relative in [*reversed(needed), path]:
            full = os.path.join(modules, relative)
            if full not in order:
                order.append(full)
    return order


class Archive:
    """A cpio archive in the kernel's `newc` format (Documentation/driver-api/early-userspace/buffer-format.rst)."""

    def __init__(self):
        self.data = bytearray()
        self.inode = 0

    def add(self, name, mode, content=b"", device=(0, 0)):
        self.inode += 1
        encoded = name.encode() + b"\0"
        fields = (self.inode, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(encoded), 0)
        self.data += b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
        self.pad()
        self.data += content
        self.pad()

    def add_file(self, name, path):
        with open(path, "rb") as file:
            self.add(name, stat.S_IFREG | 0o755, file.read())

    def add_text(self, name, lines):
        self.add(name, stat.S_IFREG | 0o644, "".join(f"{line}\n" for line in lines).encode())

    def pad(self):
        self.data += b"\0" * (-len(self.data) % 4)

    def finish(self):
        self.add("TRAILER!!!", 0)
        return bytes(self.data)
