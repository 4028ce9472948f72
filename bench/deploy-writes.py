#!/usr/bin/python3
"""deploy-writes: bytes that one more pod writes, layers apart, on a file system of its own, its journal included; and how
many commits are on the path: the apply latency with each fdatasync of davitd 30 ms late, against one that is not late,
both under strace. --runs N (15)
"""

import argparse
import os
import shutil
import statistics
import subprocess
import tempfile
import time

import common

LATE_MS = 30


def apply_once(node, name):
    begin = time.monotonic()
    node.broker.publish(name, common.pod(name))
    return (node.broker.wait(name, "Running") - begin) * 1000


def remove(node, name):
    node.broker.publish(name, common.tombstone(name))
    node.broker.wait(name, None)
    time.sleep(0.05)


def writes(node, disk, runs):
    seen = []
    for number in range(runs):
        disk.written()
        disk.before = disk.sectors()
        apply_once(node, f"write-{number}")
        time.sleep(0.3)
        seen.append(disk.written())
    for number in range(runs):
        remove(node, f"write-{number}")
    return seen


class Late:
    """strace on davitd; its commits are late, or not."""

    def __init__(self, node, late_ms):
        inject = ["-e", f"inject=fdatasync,fsync:delay_exit={late_ms * 1000}"] if late_ms else []
        self.process = subprocess.Popen(["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync,fsync", *inject,
                                         "-p", str(node.davitd())], stdin=subprocess.DEVNULL)

    def __enter__(self):
        time.sleep(0.5)
        if self.process.poll() is not None:
            raise SystemExit("strace cannot hold davitd")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def latencies(node, late_ms, runs):
    seen = []
    with Late(node, late_ms):
        for number in range(runs):
            seen.append(apply_once(node, f"late-{number}"))
            remove(node, f"late-{number}")
    return seen


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    work = tempfile.mkdtemp(prefix="davit-writes.")
    try:
        with common.Disk(work, 300) as disk:
            tempfile.tempdir = disk.path
            with common.Node() as node:
                tempfile.tempdir = None
                node.import_image()
                common.model(node)
                written = writes(node, disk, runs)
                plain, late = [], []
                for _ in range(2):
                    plain += latencies(node, 0, runs)
                    late += latencies(node, LATE_MS, runs)
    finally:
        tempfile.tempdir = None
        shutil.rmtree(work, ignore_errors=True)
    common.report("deploy-writes", round(statistics.median(written) / 1e3, 1), "kB",
                  f"target ≤ 128 kB; {runs} pods, most {max(written) / 1e3:.0f} kB")
    commits = (statistics.median(late) - statistics.median(plain)) / LATE_MS
    common.report("deploy-commits", round(commits, 2), "commits",
                  f"target ≤ 2 on the path; {statistics.median(plain):.0f} ms, {statistics.median(late):.0f} ms with each "
                  f"{LATE_MS} ms late")


main()
