"""Runs a command in the machine of Tests/Lab with counter.c beside it, and tells what lay between the marks.

The cost is instructions: those of the machine's kernel, of its programs and of their guests, whatever the load of the host."""

import os
import subprocess
import tempfile

PLACE = os.path.dirname(os.path.realpath(__file__))
REPOSITORY = os.path.realpath(os.path.join(PLACE, "../../.."))
BUILD = os.path.join(REPOSITORY, "build")
PROFILE = os.path.join(BUILD, "bench-profile")
BEGIN, THERE, END = 1, 2, 3


def compile_program(source, *flags):
    """Compiles a C file into build/bench-NAME."""
    os.makedirs(BUILD, exist_ok=True)
    target = os.path.join(BUILD, "bench-" + os.path.basename(source).removesuffix(".c"))
    command = ["cc", "-O2", "-Wall", "-Wextra", f"-I{PLACE}", "-o", target, source]
    command += flags or ["-static", "-s"]
    subprocess.run(command, check=True)
    return target


def run(command, time_limit, profile=False):
    """Returns the last line that the command printed, and the marks as (number, count)."""
    counter = compile_program(os.path.join(PLACE, "counter.c"), "-shared", "-fPIC")
    compile_program(os.path.join(PLACE, "launch.c"))
    with tempfile.NamedTemporaryFile(prefix="bench-marks.") as marks:
        plugin = f"{counter},out={marks.name}" + (f",profile={PROFILE}" if profile else "")
        lab = [os.path.join(REPOSITORY, "Tests/Lab/lab"), "-t", str(time_limit), "-C", REPOSITORY]
        done = subprocess.run(
            [*lab, "--qemu=-plugin", f"--qemu={plugin}", "--", *command], stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise SystemExit(done.returncode)
        with open(marks.name) as file:
            pairs = [tuple(int(part) for part in line.split()) for line in file]
    return done.stdout.splitlines()[-1], pairs


def runs(marks, order):
    """The marks of each of the runs in `order`, as (number, count), the first and the last being the run's own."""
    found = []
    for number, count in marks:
        if number == BEGIN:
            found.append([])
        if found:
            found[-1].append((number, count))
    if len(found) != len(order):
        raise SystemExit(f"{len(found)} runs were marked, and {len(order)} were done")
    return zip(order, found)


def costs(marks, order):
    """What each of the runs in `order` cost, by its name: a list of (to the first mark in it or None, to its end)."""
    result = {}
    for name, run in runs(marks, order):
        began, there = run[0][1], [count for number, count in run if number == THERE]
        end = next(count for number, count in run if number == END)
        result.setdefault(name, []).append((there[0] - began if there else None, end - began))
    return result


def steps(marks, order):
    """What lay between the marks in each of the runs in `order`, by its name: a list for each run."""
    result = {}
    for name, run in runs(marks, order):
        there = [count for number, count in run if number == THERE]
        result.setdefault(name, []).append([after - before for before, after in zip(there, there[1:])])
    return result
