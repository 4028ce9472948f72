#!/usr/bin/python3
"""apply-latency: `desired` published until the flat state topic says Running, against the floor of the same bundle.

The image is local, the pod uses the host's network; both sides are measured in turn in the same run. --runs N (30); with
200 and more the 99th percentile is judged too.
"""

import argparse
import os
import statistics
import subprocess
import time

import common


def container_pid(marker):
    """The container whose command line ends with this word."""
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/cmdline") as file:
                words = file.read().split("\0")[:-1]
        except OSError:
            continue
        if words and words[-1] == marker:
            return int(entry)
    raise SystemExit(f"no process ends with {marker}")


def apply_once(node, name):
    document = common.pod(name)
    begin = time.monotonic()
    node.broker.publish(name, document)
    took = node.broker.wait(name, "Running") - begin
    node.broker.publish(name, common.tombstone(name))
    node.broker.wait(name, None)
    # The next measurement starts with a quiet node.
    time.sleep(0.05)
    return took * 1000


class Floor:
    """The worker in the node's mount namespace."""

    def __init__(self, node, pid):
        work = os.path.join(node.dir, "run", "floor")
        os.makedirs(work)
        self.worker = subprocess.Popen([common.script("devnode.sh"), "exec", node.dir, "/usr/bin/python3",
                                        os.path.join(common.HERE, "floor.py"), work, str(pid)],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._line()

    def _line(self):
        line = self.worker.stdout.readline()
        if not line:
            raise SystemExit("the floor's worker ended")
        return line.strip()

    def once(self):
        self.worker.stdin.write("run\n")
        self.worker.stdin.flush()
        took = float(self._line())
        self._line()
        return took

    def close(self):
        self.worker.stdin.close()
        self.worker.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=30)
    runs = parser.parse_args().runs
    with common.Node() as node:
        node.import_image()
        marker = [*common.PATIENT, f"marker-{os.getpid()}"]
        node.broker.publish("model", common.pod("model", marker))
        node.broker.wait("model", "Running")
        floor = Floor(node, container_pid(marker[-1]))
        davit, bare = [], []
        for number in range(-2, runs):
            # Two rounds to warm up.
            davit_ms, bare_ms = apply_once(node, f"run-{number + 2}"), floor.once()
            if number >= 0:
                davit.append(davit_ms)
                bare.append(bare_ms)
        floor.close()
    median, floor_median = statistics.median(davit), statistics.median(bare)
    ratio = round(median / floor_median, 2)
    p99 = common.percentile(davit, 0.99)
    text = f"target ≤ 1.5 × floor; floor {floor_median:.1f} ms, ratio {ratio}; {runs} runs, p10 " \
           f"{common.percentile(davit, 0.1):.1f}, p99 {p99:.1f} ms = {p99 / median:.2f} × median, target ≤ 3 × of 200 runs"
    common.report("apply-latency", round(median, 1), "ms", text, floor=round(floor_median, 1), ratio=ratio,
                  p99=round(p99, 1), runs=runs)


main()
