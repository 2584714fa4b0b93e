"""How it is measured: exits of the guest, and memory of the monitor."""

import os
import re
import signal
import subprocess

MARK = b"bench: here"
TRACING = "/sys/kernel/tracing"

# AMD64 Architecture Programmer's Manual, volume 2, appendix C.
REASONS = {
    0x004: "CR4 read", 0x010: "CR0 write", 0x014: "CR4 write", 0x046: "unknown instruction", 0x060: "interrupt",
    0x064: "interrupt window", 0x065: "CR0 write", 0x072: "CPUID", 0x077: "PAUSE", 0x078: "HLT", 0x07B: "port",
    0x07C: "MSR", 0x07F: "shutdown", 0x081: "hypercall", 0x089: "WBINVD", 0x08D: "XSETBV", 0x400: "memory without a page",
}


class Held:
    """A guest that has come to its first process and waits there, as long as the block lasts."""

    def __init__(self, command):
        self.command = command

    def __enter__(self):
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        seen = b""
        while MARK not in seen:
            piece = os.read(self.process.stdout.fileno(), 65536)
            if not piece:
                raise SystemExit(f"bench-vm: {' '.join(self.command)}: ended early: {seen.decode(errors='replace')}")
            seen += piece
        return self.process.pid

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


class Exits:
    """Counts the exits of all guests of the machine, by reason, from the kernel's own trace points."""

    EVENTS = {"kvm_exit": "exit_reason", "kvm_userspace_exit": "reason", "kvm_msr": "ecx"}

    def __init__(self):
        if not os.path.isdir(f"{TRACING}/events"):
            subprocess.run(["mount", "-t", "tracefs", "tracefs", TRACING], check=True)

    def start(self):
        for event, key in self.EVENTS.items():
            self.tell(event, f"!hist:keys={key}")
            self.tell(event, f"hist:keys={key}")

    def tell(self, event, text):
        try:
            with open(f"{TRACING}/events/kvm/{event}/trigger", "w") as file:
                file.write(text)
        except OSError:
            # What is not there cannot be removed.
            if not text.startswith("!"):
                raise

    def counts(self, event):
        """How many there were since the start, by number of the reason."""
        with open(f"{TRACING}/events/kvm/{event}/hist") as file:
            text = file.read()
        found = re.findall(r"\{ \w+: +(0x[0-9a-f]+|\d+) +\} hitcount: +(\d+)", text)
        return {int(reason, 0): int(count) for reason, count in found}


def memory_beyond_guest(pid, guest_mib):
    """KiB of a monitor's resident memory that are not the guest's, and KiB that are."""
    own = guest = 0
    size = 0
    with open(f"/proc/{pid}/smaps") as file:
        for line in file:
            if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                begin, end = (int(part, 16) for part in line.split()[0].split("-"))
                size = end - begin
            elif line.startswith("Rss:"):
                resident = int(line.split()[1])
                if size >= guest_mib << 19:
                    guest += resident
                else:
                    own += resident
    return own, guest


def table(title, names, rows):
    lines = [f"| {title} | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names)]
    return "\n".join(lines + [f"| {row[0]} | " + " | ".join(str(cell) for cell in row[1:]) + " |" for row in rows])


def exits(commands):
    """A table of the exits until each command's guest has come to its first process."""
    counter, inner, outer, registers = Exits(), {}, {}, {}
    for name, command in commands.items():
        counter.start()
        with Held(command):
            inner[name], outer[name] = counter.counts("kvm_exit"), sum(counter.counts("kvm_userspace_exit").values())
            registers[name] = counter.counts("kvm_msr")
    reasons = sorted({reason for counts in inner.values() for reason in counts})
    reasons.sort(key=lambda reason: -max(counts.get(reason, 0) for counts in inner.values()))
    rows = []
    for reason in reasons:
        rows.append([REASONS.get(reason, f"0x{reason:x}"), *(counts.get(reason, 0) for counts in inner.values())])
    numbers = {number for counts in registers.values() for number in counts if counts[number] >= 50}
    for number in sorted(numbers):
        rows.append([f"MSR 0x{number:x}", *(counts.get(number, 0) for counts in registers.values())])
    rows.append(["all", *(sum(counts.values()) for counts in inner.values())])
    rows.append(["of these, to the monitor", *outer.values()])
    return table("exits to the first process", inner, rows)


def memory(commands, guest_mib):
    """A table of the memory of each command when its guest has come to its first process."""
    found = {}
    for name, command in commands.items():
        with Held(command) as pid:
            found[name] = memory_beyond_guest(pid, guest_mib)
    titles = ("the monitor's own", "the guest's")
    rows = [[title, *(pair[position] for pair in found.values())] for position, title in enumerate(titles)]
    return table("resident, KiB", found, rows)
