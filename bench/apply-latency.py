#!/usr/bin/python3
"""apply-latency: `desired` published until the flat state topic says Running, against the floor of the same bundle.

The image is local, the pod uses the host's network; both sides are measured in turn in the same run. --runs N (30); with
200 and more the 99th percentile is judged too.
"""

import argparse
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
    davit, median, text, more = common.beside_floor(apply_once, "run", runs)
    p99 = common.percentile(davit, 0.99)
    text += f", p10 {common.percentile(davit, 0.1):.1f}, p99 {p99:.1f} ms = {p99 / median:.2f} × median, target ≤ 3 × of 200 runs"
    common.report("apply-latency", round(median, 1), "ms", text, p99=round(p99, 1), **more)


main()
