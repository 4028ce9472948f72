#!/usr/bin/python3
"""adopt: many pods run, davitd is killed; from the start of the new one until the node says that all are ready, and until
each pod's state says Running. Nothing restarts. --pods N (100), --runs N (7)
"""

import argparse
import os
import statistics
import time

import common


def adopt_once(node, names, runs_of):
    before = runs_of()
    node.kill_davitd()
    with node.broker.changed:
        node.broker.node = ({}, 0)
    time.sleep(0.5)
    begin = node.start_davitd()
    node.broker.until(lambda broker: broker.node[0].get("podsReady") == len(names) and broker.node[1] > begin)
    adopted = node.broker.node[1] - begin
    node.broker.until(lambda broker: broker.all_run(names, begin))
    told = max(node.broker.states[name][1] for name in names) - begin
    if runs_of() != before or any(node.broker.states[name][2]["restarts"] for name in names):
        raise SystemExit("containers were started anew")
    time.sleep(1)
    return adopted * 1000, told * 1000


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pods", type=int, default=100)
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    word = f"adopt-{os.getpid()}"
    with common.Node() as node:
        node.import_image()
        names = [f"pod-{number}" for number in range(options.pods)]
        for name in names:
            node.broker.publish(name, common.pod(name, [*common.PATIENT, word]))
        node.broker.until(lambda broker: broker.all_run(names), 180)
        time.sleep(1)
        took = [adopt_once(node, names, lambda: common.containers(word)) for _ in range(options.runs)]
    adopted, told = (statistics.median(column) for column in zip(*took))
    common.report("adopt", round(adopted, 0), "ms",
                  f"target ≤ 500 ms and no restart: none; {options.pods} pods, until each pod's state is told {told:.0f} ms; "
                  f"{options.runs} runs, {min(one[0] for one in took):.0f} to {max(one[0] for one in took):.0f} ms", told=told)


main()
