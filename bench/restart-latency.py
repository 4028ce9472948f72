#!/usr/bin/python3
"""restart-latency: a container killed until the state topic says Running again, restarts 1; no back-off, for it is the first
restart. Floor: its end noticed by inotify, conmon + crun create + start of the next bundle, which is there. --runs N (25)
"""

import argparse
import os
import signal
import statistics
import time

import common


def restart_once(node, name):
    marker = [*common.PATIENT, f"{name}-{os.getpid()}"]
    node.broker.publish(name, common.pod(name, marker))
    node.broker.wait(name, "Running")
    time.sleep(0.1)
    pid = common.container_pid(marker[-1])
    begin = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    node.broker.until(lambda broker: broker.runs(name, begin, restarts=1))
    took = node.broker.states[name][1] - begin
    time.sleep(0.1)
    node.broker.publish(name, common.tombstone(name))
    node.broker.wait(name, None)
    time.sleep(0.05)
    return took * 1000


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=25)
    runs = parser.parse_args().runs
    with common.Node() as node:
        node.import_image()
        floor = common.Floor(node, common.model(node))
        davit, bare = [], []
        for number in range(-2, runs):
            davit_ms, bare_ms = restart_once(node, f"run-{number + 2}"), floor.ask("again")
            if number >= 0:
                davit.append(davit_ms)
                bare.append(bare_ms)
        floor.close()
    median, floor_median = statistics.median(davit), statistics.median(bare)
    ratio = round(median / floor_median, 2)
    common.report("restart-latency", round(median, 1), "ms",
                  f"target ≤ 1.5 × floor; floor {floor_median:.1f} ms, ratio {ratio}; {runs} runs, p99 "
                  f"{common.percentile(davit, 0.99):.1f} ms", floor=round(floor_median, 1), ratio=ratio, runs=runs)


main()
