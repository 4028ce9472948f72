#!/usr/bin/python3
"""apply-latency-podman: `desired` published until Running, against `podman run -d` and `podman kube play` of the same
image; apply-latency-bridge: the same with an own address and one host port, against `podman run -d -p`. Measured in turn.
--runs N (15)
"""

import argparse
import json
import os
import statistics
import subprocess
import time

import common

HOST_PORT = 18081


def apply_once(node, name, document):
    begin = time.monotonic()
    node.broker.publish(name, document)
    took = node.broker.wait(name, "Running") - begin
    node.broker.publish(name, common.tombstone(name))
    node.broker.wait(name, None)
    time.sleep(0.05)
    return took * 1000


def with_port(name):
    document = common.pod(name, host=False)
    document["spec"]["containers"][0]["ports"] = [{"containerPort": 80, "hostPort": HOST_PORT}]
    return document


def peer(node):
    folder = os.path.join(node.dir, "podman")
    os.makedirs(folder)
    # Podman knows what it loaded from a file under a host's name.
    archive, image = os.path.join(folder, "image.tar"), "localhost/demo:1"
    subprocess.run([common.script("busybox-image.sh"), archive, image], check=True)
    document = common.pod("peer")
    document["spec"]["containers"][0].update({"image": image, "imagePullPolicy": "Never"})
    manifest = os.path.join(folder, "peer.json")
    with open(manifest, "w") as file:
        json.dump(document, file)
    return common.Worker(node, "peer.py", folder, archive, image, manifest)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    seen = {what: [] for what in ("host", "bridge", "run", "play", "port")}
    with common.Node() as node:
        node.import_image()
        podman = peer(node)
        for number in range(-1, runs):
            took = {"host": apply_once(node, f"host-{number + 1}", common.pod(f"host-{number + 1}")),
                    "run": podman.ask("run"), "play": podman.ask("play"),
                    "bridge": apply_once(node, f"bridge-{number + 1}", with_port(f"bridge-{number + 1}")),
                    "port": podman.ask("port")}
            for what, value in took.items():
                if number >= 0:
                    seen[what].append(value)
        podman.close()
    middle = {what: statistics.median(values) for what, values in seen.items()}
    run, play = middle["host"] / middle["run"], middle["host"] / middle["play"]
    common.report("apply-latency-podman", round(middle["host"], 1), "ms",
                  f"target ≤ 0.35 × `podman run -d`: {middle['run']:.0f} ms, ratio {run:.2f}; ≤ 0.2 × `podman kube play`: "
                  f"{middle['play']:.0f} ms, ratio {play:.2f}; {runs} runs", run=round(run, 2), play=round(play, 2))
    port = middle["bridge"] / middle["port"]
    common.report("apply-latency-bridge", round(middle["bridge"], 1), "ms",
                  f"target ≤ 0.25 × `podman run -d -p`: {middle['port']:.0f} ms, ratio {port:.2f}; {runs} runs",
                  ratio=round(port, 2))


main()
