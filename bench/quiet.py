#!/usr/bin/python3
"""quiet: 10 pods, nothing happening: bytes written, CPU, wake-ups, bytes on the wire. --seconds N (600), --pods N (10)."""

import argparse
import ctypes
import os
import socket
import struct
import time

import common

SYS_PIDFD_GETFD = 438
# What the network adds to each segment: IPv4, TCP and its timestamps.
SEGMENT_OVERHEAD = 20 + 20 + 12


def link_traffic(pid):
    """Bytes on the wire of the link's TCP connection, both ways, headers counted; and which connection it is."""
    libc = ctypes.CDLL(None, use_errno=True)
    holder = os.pidfd_open(pid)
    try:
        for entry in os.listdir(f"/proc/{pid}/fd"):
            if not os.readlink(f"/proc/{pid}/fd/{entry}").startswith("socket:"):
                continue
            copy = libc.syscall(SYS_PIDFD_GETFD, holder, int(entry), 0)
            if copy < 0:
                raise OSError(ctypes.get_errno(), "pidfd_getfd")
            with socket.socket(fileno=copy) as sock:
                if sock.family not in (socket.AF_INET, socket.AF_INET6):
                    continue
                info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
                acked, received, segments_out, segments_in = struct.unpack_from("=QQII", info, 120)
                return acked + received + (segments_out + segments_in) * SEGMENT_OVERHEAD, sock.getsockname()
    finally:
        os.close(holder)
    raise SystemExit("davit-link has no TCP connection")


def usage(pid):
    """CPU nanoseconds, wake-ups and bytes written of a process, over its threads."""
    cpu = wakeups = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as file:
            cpu += int(file.read().split()[0])
        with open(f"/proc/{pid}/task/{task}/status") as file:
            wakeups += sum(int(line.split()[1]) for line in file if line.startswith("voluntary_ctxt_switches"))
    with open(f"/proc/{pid}/io") as file:
        written = sum(int(line.split()[1]) for line in file if line.startswith("write_bytes"))
    return cpu, wakeups, written


def tree(folder):
    """What a write below the folder changes: each file's size and times. Containers' own writes are not Davit's."""
    seen = {}
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in ("upper", "layers")]
        for name in names:
            path = os.path.join(place, name)
            status = os.lstat(path)
            seen[path] = (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return seen


def measure(node, programs, seconds):
    before = {program: [usage(pid) for pid in pids] for program, pids in programs.items()}
    files = tree(os.path.join(node.dir, "state"))
    wire, connection = link_traffic(programs["davit-link"][0])
    begin = time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - begin
    if node.pids() != programs:
        raise SystemExit(f"processes changed while nothing happened: {programs} to {node.pids()}")
    wire_after, connection_after = link_traffic(programs["davit-link"][0])
    if connection != connection_after:
        raise SystemExit("the link connected again while nothing happened")
    changed = [path for path, state in tree(os.path.join(node.dir, "state")).items() if files.get(path) != state]
    result = {}
    for program, pids in programs.items():
        sums = [sum(new[field] - old[field] for new, old in zip((usage(pid) for pid in pids), before[program]))
                for field in range(3)]
        result[program] = {"cpu_percent": sums[0] / 1e7 / took, "wakeups": sums[1] / took, "written": sums[2]}
        print(f"#   {program}: {result[program]['cpu_percent']:.4f} % CPU, {result[program]['wakeups']:.2f} wake-ups/s, "
              f"{sums[2]} B written")
    return result, changed, (wire_after - wire) / took


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--pods", type=int, default=10)
    parser.add_argument("--rest", type=float, default=15, help="seconds of rest before measuring")
    options = parser.parse_args()
    with common.Node() as node:
        node.import_image()
        names = [f"pod-{number}" for number in range(options.pods)]
        for name in names:
            node.broker.publish(name, common.pod(name))
        for name in names:
            node.broker.wait(name, "Running", 120)
        time.sleep(options.rest)
        result, changed, wire = measure(node, node.pids(), options.seconds)
    for path in changed:
        print(f"#   changed: {path}")
    written = sum(one["written"] for one in result.values())
    cpu = sum(one["cpu_percent"] for one in result.values())
    wakeups = sum(one["wakeups"] for one in result.values())
    without_link = wakeups - result["davit-link"]["wakeups"]
    span = f"{options.pods} pods, {options.seconds:g} s"
    common.report("quiet-writes", written, "B", f"target 0 B; {len(changed)} files changed; {span}")
    common.report("quiet-cpu", round(cpu, 4), "%", f"target ≤ 0.1 %; {span}")
    common.report("quiet-wakeups", round(without_link, 3), "/s",
                  f"target ≤ 0.3/s; with the link {wakeups:.2f}/s, target ≤ 3/s; {span}", with_link=round(wakeups, 3))
    common.report("quiet-wire", round(wire, 2), "B/s", f"target ≤ 12 B/s, headers counted; {span}")


main()
