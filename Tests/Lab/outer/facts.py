"""What this host has by itself, so that callers boot the lab only for what is missing."""

import os


def lacks_cgroup2():
    """Whether the host's /sys/fs/cgroup is something else than a writable cgroup v2 with the usual controllers."""
    root = "/sys/fs/cgroup"
    try:
        with open(f"{root}/cgroup.controllers") as file:
            controllers = set(file.read().split())
    except OSError:
        return True
    return not {"cpu", "cpuset", "io", "memory", "pids"} <= controllers or not os.access(root, os.W_OK)


def lacks_kvm():
    """Whether the host has no /dev/kvm backed by the processor. A hypervisor can offer one that emulates every guest
    kernel's instructions (kvm-pvm); the processor's own shows in its flags."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return True
    with open("/proc/cpuinfo") as file:
        flags = next((line for line in file if line.startswith("flags")), "").split()
    return "vmx" not in flags and "svm" not in flags


FEATURES = {"cgroup2": lacks_cgroup2, "kvm": lacks_kvm}
