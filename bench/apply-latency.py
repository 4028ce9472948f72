#!/usr/bin/python3
"""apply-latency: `desired` published until the flat state topic says Running, against the floor of the same bundle.

The image is local, the pod uses the host's network; both sides are measured in turn in the same run. --runs N (30); with
200 and more the 99th percentile is judged too.
"""

import argparse
import statistics
import time

import common


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


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=30)
    runs = parser.parse_args().runs
    with common.Node() as node:
        node.import_image()
        floor = common.Floor(node, common.model(node))
        davit, bare = [], []
        for number in range(-2, runs):
            # Two rounds to warm up.
            davit_ms, bare_ms = apply_once(node, f"run-{number + 2}"), floor.ask("run")
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
