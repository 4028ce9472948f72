#!/usr/bin/python3
"""footprint: memory of all Davit processes at rest, TLS on, link, crun runtime and davit-net up; and the same with 50 pods,
each with an address of its own.

A page counts once, and only if no process but Davit's maps it: libc, which everyone has, costs nothing. From
/proc/PID/pagemap and /proc/kpagecount, so it needs root. What the measurement brought itself (brokers, Python, other
nodes), a device has not: a page that only those share with Davit is Davit's. --pods N (50), 0 leaves the second part out.
"""

import argparse
import contextlib
import os
import shutil
import signal
import struct
import subprocess
import tempfile
import time

import common

PAGE = os.sysconf("SC_PAGE_SIZE")
PRESENT, FILE_OR_SHARED, PFN_MASK = 1 << 63, 1 << 61, (1 << 55) - 1
ZERO_PAGE = 1 << 24
LOOKS = 8


def mapped_pages(pid):
    """(page frame, is anonymous, what is mapped) of each mapped page."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/pagemap", "rb", buffering=0) as pagemap:
        for line in maps:
            start, end = (int(part, 16) for part in line.split()[0].split("-"))
            what = os.path.basename(line.split(None, 5)[5].strip()) if len(line.split(None, 5)) > 5 else "-"
            # The vsyscall page is not in pagemap; reservations so large are a sanitizer's.
            if start >= 1 << 47 or end - start > 1 << 32:
                continue
            pagemap.seek(start // PAGE * 8)
            data = pagemap.read((end - start) // PAGE * 8)
            for (entry,) in struct.iter_unpack("=Q", data):
                if entry & PRESENT:
                    yield entry & PFN_MASK, not entry & FILE_OR_SHARED, what


def bystanders(pids):
    """Processes that are here for the measurement only."""
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if entry.isdigit() and int(entry) not in pids:
                program = os.path.basename(os.readlink(f"/proc/{entry}/exe"))
                if program.startswith(("mosquitto", "davit", "python3")):
                    yield int(entry)


def memory(pids, places=None):
    """Bytes that only these processes map, the anonymous part of it, and all that they map; each page once. `places`
    gets the first two by what is mapped.
    """
    counts, anonymous, mapped_as = {}, set(), {}
    for pid in pids:
        for frame, is_anonymous, what in mapped_pages(pid):
            counts[frame] = counts.get(frame, 0) + 1
            mapped_as[frame] = what
            if is_anonymous:
                anonymous.add(frame)
    for pid in bystanders(pids):
        with contextlib.suppress(OSError):
            for frame, _, _ in mapped_pages(pid):
                if frame in counts:
                    counts[frame] += 1
    if not counts or set(counts) == {0}:
        raise SystemExit("the kernel shows no page frames here: footprint needs CAP_SYS_ADMIN")
    own = own_anonymous = everything = 0
    with open("/proc/kpagecount", "rb", buffering=0) as total, open("/proc/kpageflags", "rb", buffering=0) as flags:
        for frame, count in counts.items():
            mapped = struct.unpack("=Q", os.pread(total.fileno(), 8, frame * 8))[0]
            if struct.unpack("=Q", os.pread(flags.fileno(), 8, frame * 8))[0] & ZERO_PAGE:
                continue
            everything += 1
            if mapped <= count:
                own += 1
                own_anonymous += frame in anonymous
                if places is not None:
                    sums = places.setdefault(mapped_as[frame], [0, 0])
                    sums[0] += PAGE
                    sums[1] += PAGE * (frame in anonymous)
    return own * PAGE, own_anonymous * PAGE, everything * PAGE


@contextlib.contextmanager
def tls_broker():
    """A Mosquitto with TLS under a private CA for the node, and without it for the one who measures."""
    work = tempfile.mkdtemp(prefix="davit-bench-tls.")
    os.chmod(work, 0o755)
    ca = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    run = lambda *words: subprocess.run(["openssl", *words], cwd=work, check=True, capture_output=True)
    run("req", *ca, "-subj", "/CN=bench CA", "-keyout", "ca.key", "-out", "ca.pem")
    run("req", *ca, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
        "-addext", "basicConstraints=CA:FALSE", "-CA", "ca.pem", "-CAkey", "ca.key", "-keyout", "server.key",
        "-out", "server.pem")
    os.chmod(os.path.join(work, "server.key"), 0o644)
    secure, plain = common.free_port(), common.free_port()
    with open(os.path.join(work, "mosquitto.conf"), "w") as file:
        file.write(f"per_listener_settings true\nmax_queued_messages 0\nlistener {secure} 127.0.0.1\n"
                   f"allow_anonymous true\ncertfile {work}/server.pem\nkeyfile {work}/server.key\n"
                   f"listener {plain} 127.0.0.1\nallow_anonymous true\n")
    with open(os.path.join(work, "davit.conf"), "w") as file:
        file.write(f"[broker]\nca_file={work}/ca.pem\n")
    with open(os.path.join(work, "mosquitto.log"), "w") as log:
        broker = subprocess.Popen(["/usr/sbin/mosquitto", "-c", os.path.join(work, "mosquitto.conf")], stderr=log)
    try:
        time.sleep(0.5)
        if broker.poll() is not None:
            with open(os.path.join(work, "mosquitto.log")) as log:
                raise SystemExit(f"mosquitto did not start: {log.read()}")
        yield f"mqtts://127.0.0.1:{secure}", f"mqtt://127.0.0.1:{plain}", os.path.join(work, "davit.conf")
    finally:
        broker.send_signal(signal.SIGTERM)
        broker.wait()
        shutil.rmtree(work)


def measure(node, detail=False):
    programs = node.pids()
    for program in ("davit-link", "davit-runtime", "davit-net"):
        if program not in programs:
            raise SystemExit(f"{program} does not run: {programs}")
    for program, pids in sorted(programs.items()):
        own, anonymous, everything = largest(pids)
        print(f"#   {program}: {own / 1e6:.2f} MB of its own, {anonymous / 1e6:.2f} MB anonymous, "
              f"{everything / 1e6:.2f} MB with libc")
        places = {}
        memory(pids, places)
        for what, (size, part) in sorted(places.items(), key=lambda item: -item[1][0]) if detail else ():
            print(f"#     {what}: {size / 1e3:.0f} kB, {part / 1e3:.0f} kB anonymous")
    return largest([pid for pids in programs.values() for pid in pids])


def largest(pids):
    """Of several looks: a passer-by with the same libraries (git, openssl) can only make a page look shared."""
    looks = []
    for _ in range(LOOKS):
        looks.append(memory(pids))
        time.sleep(0.5)
    return max(looks)


def conmons(node):
    pids = []
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if entry.isdigit() and os.readlink(f"/proc/{entry}/exe").endswith("/conmon"):
                with open(f"/proc/{entry}/cmdline") as file:
                    if node.dir + "/" in file.read():
                        pids.append(int(entry))
    return pids


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pods", type=int, default=50)
    parser.add_argument("--rest", type=float, default=15, help="seconds of rest before measuring")
    parser.add_argument("--detail", action="store_true", help="what is mapped, by program")
    options = parser.parse_args()
    with tls_broker() as (url, watch, conf), \
            common.Node("--broker", url, "--watch", watch, "--conf", conf, watch=watch) as node:
        # One pod came and went: whatever starts with the first is up.
        node.import_image()
        node.broker.publish("first", common.pod("first", host=False))
        node.broker.wait("first", "Running")
        node.broker.publish("first", common.tombstone("first"))
        node.broker.wait("first", None)
        time.sleep(options.rest)
        own, anonymous, everything = measure(node, options.detail)
        common.report("footprint", round(own / 1e6, 2), "MB",
                      f"target ≤ 8 MB, ≤ 3 MB anonymous; anonymous {anonymous / 1e6:.2f} MB; {everything / 1e6:.2f} MB with "
                      "libc and what else every machine maps", anonymous=anonymous, everything=everything)
        if options.pods == 0:
            return
        names = [f"pod-{number}" for number in range(options.pods)]
        for name in names:
            node.broker.publish(name, common.pod(name, host=False))
        for name in names:
            node.broker.wait(name, "Running", 120)
        time.sleep(options.rest)
        more, more_anonymous, _ = measure(node, options.detail)
        supervisors = conmons(node)
        shim, shim_anonymous, _ = largest(supervisors)
    per_pod = (more - own) / options.pods / 1e3
    common.report("footprint-per-pod", round(per_pod, 1), "kB",
                  f"target ≤ 25 kB; {options.pods} pods: {more / 1e6:.2f} MB, {more_anonymous / 1e6:.2f} MB anonymous; "
                  f"{len(supervisors)} conmon apart: {shim / 1e6:.2f} MB, {shim_anonymous / 1e6:.2f} MB anonymous")


main()
