#!/usr/bin/python3
"""restart-latency: a container killed until the state topic says Running again, restarts 1; no back-off, for it is the first
restart. Floor: its end noticed by inotify, conmon + crun create + start of the next bundle, which is there. --runs N (25)
"""

import argparse
import os
import signal
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
    davit, median, text, more = common.beside_floor(restart_once, "again", runs)
    common.report("restart-latency", round(median, 1), "ms", f"{text}, p99 {common.percentile(davit, 0.99):.1f} ms", **more)


main()
