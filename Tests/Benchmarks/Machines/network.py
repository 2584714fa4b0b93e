"""The network of guests: TCP through the same arrangement of taps and filters, made for QEMU by hand and for mvrun by mvrun."""

import json
import os
import shutil
import subprocess
import time

HERE = os.path.dirname(os.path.realpath(__file__))

NAMES = ("mvrun", "QEMU microvm", "QEMU microvm, vhost-net")

# What is done, by so little that it ends in an emulated machine, and by which command in the guest; 10.60.0.1 is in a namespace behind a veth pair.
STEPS = {
    "4 MiB from the guest": "iperf3 -c 10.60.0.1 -n 4M",
    "4 MiB to the guest": "iperf3 -c 10.60.0.1 -n 4M -R",
    "256 KiB from the guest by 1 KiB": "iperf3 -c 10.60.0.1 -n 256K -l 1K -N",
}

# QEMU's guest has no addresses yet. What it is told by words is done by the same script.
SCRIPT = """cd /
ip link set lo up
ip addr show dev eth0 | grep -q 'inet ' || { ip addr add 10.60.0.2/24 dev eth0; ip link set eth0 up; }
until ping -c 1 -W 1 10.60.0.1 >/dev/null; do :; done
"""


FAILED = "{ cat /log; echo 'bench: the transfer failed'; }"


def shell(script):
    subprocess.run(["sh", "-ec", script], check=True)


def prepare(place, guest):
    """Makes a bundle with iperf3 in it, and a namespace for each monitor with a server behind it."""
    root = place.path("net/rootfs")
    make = [os.path.join(HERE, "../../../Rootfs/make-bundle"), place.path("net")]
    subprocess.run([*make, "--", "/bin/sh", "/net.sh"], check=True, stdout=subprocess.DEVNULL)
    with open(place.path("net/config.json")) as file:
        configuration = json.load(file)
    for kind in ("bounding", "effective", "permitted"):
        names = configuration["process"].setdefault("capabilities", {}).setdefault(kind, [])
        names += ["CAP_NET_RAW", "CAP_NET_ADMIN"]
    # iperf3 has a file in /tmp for each stream.
    configuration["root"]["readonly"] = False
    with open(place.path("net/config.json"), "w") as file:
        json.dump(configuration, file)
    shutil.copy2(guest, f"{root}/bin/bench")
    needed = subprocess.run(["ldd", "/usr/bin/iperf3"], check=True, capture_output=True, text=True).stdout.split()
    for path in ["/usr/bin/iperf3", *(word for word in needed if word.startswith("/"))]:
        target = f"{root}/bin/iperf3" if path.endswith("iperf3") else root + path
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy2(path, target)
    with open(f"{root}/net.sh", "w") as file:
        file.write(SCRIPT + "".join(f"/bin/bench\n{step} >/log || {FAILED}\n/bin/bench\n" for step in STEPS.values()))
    for name in ("mvrun", "qemu"):
        shell(f"""
            ip netns add bench-{name}; ip netns add peer-{name}
            ip link add eth0 netns bench-{name} type veth peer name eth0 netns peer-{name}
            for space in bench-{name} peer-{name}; do ip -n $space link set lo up; ip -n $space link set eth0 up; done
            ip -n peer-{name} addr add 10.60.0.1/24 dev eth0
            ip netns exec peer-{name} iperf3 -s -D >/dev/null""")
    shell("ip -n bench-mvrun addr add 10.60.0.2/24 dev eth0")
    # As mvrun does, docs/network.md.
    shell("""
        run() { ip netns exec bench-qemu "$@"; }
        run ip tuntap add tap0 mode tap vnet_hdr
        run ip link set tap0 up
        for pair in eth0:tap0 tap0:eth0; do
            run tc qdisc add dev ${pair%:*} ingress
            run tc filter add dev ${pair%:*} parent ffff: protocol all u32 match u32 0 0 \\
                action mirred egress redirect dev ${pair#*:}
        done""")
    time.sleep(1)


def qemu_devices(vhost):
    """What QEMU is told for its network."""
    tap = "tap,id=net,ifname=tap0,script=no,downscript=no,vhost=" + ("on" if vhost else "off")
    return ["-netdev", tap, "-device", "virtio-net-device,netdev=net"]
