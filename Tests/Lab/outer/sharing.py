"""The host's root file system as the outer machine sees it: read-only but for the directories it may write to."""

import os
import subprocess
import time

from outer.failure import LabError

VIRTIOFSD = "/usr/lib/qemu/virtiofsd"

# What may be mounted on a host besides its root and hold files of the user.
FILE_SYSTEMS = {"btrfs", "ext2", "ext3", "ext4", "f2fs", "nfs", "nfs4", "overlay", "tmpfs", "xfs", "zfs"}

# Everything below these is the outer machine's own.
PRIVATE = ("/dev", "/proc", "/run", "/sys")

# In a mount namespace of its own: the root and further file systems read-only, then the writable directories as holes.
# virtiofsd changes its root to the result, so that it can write nowhere else.
SETUP = r"""
set -e
root=$1 mode=
mount --bind / "$root"
mount -o remount,bind,ro "$root"
shift
for directory do
    case $directory in
    --) mode=writable; continue ;;
    esac
    mount --bind "$directory" "$root$directory"
    [ "$mode" = writable ] || mount -o remount,bind,ro "$root$directory"
done
# It ends with its parent, which a killed lab would else leave to the connection to QEMU, where there is one yet.
exec setpriv --pdeathsig KILL "$VIRTIOFSD" --socket-path="$SOCKET" --thread-pool-size=0 -o source="$root" -o sandbox=chroot \
    -o cache="$CACHE" -o no_posix_lock -o xattr -o log_level=err
"""


def start(directory, writable, cache="always"):
    """Starts virtiofsd and returns its process; its socket is `directory`/files."""
    root = os.path.join(directory, "root")
    socket = os.path.join(directory, "files")
    os.mkdir(root)
    environment = {**os.environ, "VIRTIOFSD": VIRTIOFSD, "SOCKET": socket, "CACHE": cache}
    arguments = ["sh", "-c", SETUP, "sh", root, *further_file_systems(), "--", *writable]
    log = os.path.join(directory, "virtiofsd.log")
    with open(log, "w") as output:
        process = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", *arguments],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment,
        )
    deadline = time.monotonic() + 20
    while not os.path.exists(socket):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            with open(log) as file:
                raise LabError(f"share the host's root file system: {file.read().strip() or 'virtiofsd did not start'}")
        time.sleep(0.005)
    return process


def further_file_systems():
    """Mount points that hold files and would otherwise be seen as the empty directories below them."""
    found = []
    with open("/proc/self/mountinfo") as file:
        for line in file:
            fields = line.split()
            point, kind = fields[4], fields[fields.index("-") + 1]
            inside = any(point == private or point.startswith(private + "/") for private in PRIVATE)
            # An escaped space or the like, and a mount on a file, are left out.
            if kind in FILE_SYSTEMS and point != "/" and not inside and "\\" not in point and os.path.isdir(point):
                found.append(point)
    return found
