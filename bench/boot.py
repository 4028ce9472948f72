#!/usr/bin/python3
"""boot: many pods from a cold start (their state is there, nothing runs): start of davitd until the state topic of each says
Running. Floor: as many of the same bundles by conmon + crun create + start, on all cores. --pods N (50), --runs N (3)
"""

import argparse
import os
import statistics
import subprocess
import sys
import time

import common


def cold_start(node, names):
    """As after a power cut: containers, mounts and the run directory are gone, the state folder is there."""
    subprocess.run([common.script("devnode.sh"), "down", node.dir], check=True, stdin=subprocess.DEVNULL)
    before = time.monotonic()
    subprocess.run([common.script("devnode.sh"), "up", node.dir, "--name", node.name, *node.options], check=True,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    begin = common.started(node.davitd())
    node.broker.until(lambda broker: broker.all_run(names, before), 180)
    return (max(node.broker.states[name][1] for name in names) - begin) * 1000


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pods", type=int, default=50)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    names = [f"pod-{number}" for number in range(options.pods)]
    davit, bare = [], []
    with common.plain_broker() as url, common.Node("--broker", url) as node:
        node.import_image()
        for name in names:
            node.broker.publish(name, common.pod(name))
        node.broker.until(lambda broker: broker.all_run(names), 180)
        for number in range(options.runs):
            davit.append(cold_start(node, names))
            time.sleep(1)
            floor = common.Floor(node, common.model(node, f"model-{number}"))
            bare.append(floor.ask(f"many {options.pods}"))
            floor.close()
            for name in (f"first-{number}", f"model-{number}"):
                node.broker.publish(name, common.tombstone(name))
                node.broker.wait(name, None)
            print(f"#   davit {davit[-1]:.0f} ms, floor {bare[-1]:.0f} ms", file=sys.stderr)
    median, floor_median = statistics.median(davit), statistics.median(bare)
    ratio = round(median / floor_median, 2)
    common.report("boot", round(median), "ms", f"target ≤ 1.3 × floor; floor {floor_median:.0f} ms, ratio {ratio}; "
                  f"{options.pods} pods, {os.cpu_count()} cores, {options.runs} runs", floor=round(floor_median), ratio=ratio)


main()
