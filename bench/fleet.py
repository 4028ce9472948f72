#!/usr/bin/python3
"""fleet: simulated nodes (davit-sim) on one Mosquitto with the shipped configuration.

fleet-connect    from the first connection begun until the broker says that all are online; the storm has a jitter
fleet            a new generation for the group, which restarts nothing: published → every node's status has it. Its peer,
                 in turn in the same run: the same fan-out to the same connections, answered without a core by one state and
                 one status of the same sizes
fleet-replace    the same with a new image: every pod is ended and made anew; until every status has it
fleet-heal       a third cut off while a generation is published, then joined; the broker ended and started; the broker
                 killed, with what it had not saved. Until every node is there, on the last generation
fleet-memory     of davit-sim, a node
fleet-get-nodes  `davit get nodes` of them all

--nodes N (10000), --rounds N (5), --jitter SECONDS (10)
"""

import argparse
import os
import signal
import statistics
import subprocess
import tempfile
import time

import common
import sim

GOOD_RATIO = 1.5
CALM_S = 31  # connections that lived so long are good ones: without it the back-off of one fault would be that of the next


class Fleet:
    def __init__(self, broker, swarm, operator):
        self.broker, self.swarm, self.operator = broker, swarm, operator
        self.number = 0
        self.lost = 0

    def missing(self, answer, what):
        missing = self.swarm.nodes - answer["there"]
        if missing:
            sim.note(f"{what}: {missing} nodes are missing")
        self.lost += missing
        return answer

    def roll_out(self, image="demo:1"):
        """ms, and what it took of the broker's CPU in s."""
        before = self.broker.cpu_s()
        self.swarm.say(f"status {self.operator.generation + 1} 120")
        begin = self.operator.roll_out(image)
        answer = self.missing(self.swarm.line(), "rollout")
        return answer["lastMs"] - begin, self.rest(before)

    def bare(self):
        before = self.broker.cpu_s()
        self.number += 1
        self.swarm.say(f"bare {self.number} 120")
        begin = self.operator.publish("davit/bare/desired", f"{self.number} ")
        answer = self.missing(self.swarm.line(), "bare fan-out")
        return answer["lastMs"] - begin, self.rest(before)

    def rest(self, before):
        """Waits until the broker has nothing to do; the CPU that it took since `before`."""
        last = -1
        while last != self.broker.cpu_s():
            last = self.broker.cpu_s()
            time.sleep(0.3)
        return last - before

    def whole(self, what, begin):
        """Until all are online, and on the last generation: seconds since `begin`."""
        self.missing(self.swarm.ask(f"present {self.swarm.nodes} 180"), f"{what}, presence")
        answer = self.missing(self.swarm.ask(f"status {self.operator.generation} 180"), what)
        took = (time.monotonic() * 1000 - begin) / 1000
        sim.note(f"{what}: {took:.1f} s, {answer['there']} on generation {self.operator.generation}")
        self.rest(0)
        return took


def connect(swarm, jitter):
    answer = swarm.ask(f"present {swarm.nodes} 180")
    if answer["there"] < swarm.nodes:
        raise SystemExit(f"only {answer['there']} of {swarm.nodes} connected")
    took = (answer["lastMs"] - swarm.started) / 1000
    common.report("fleet-connect", round(took, 2), "s", f"{swarm.nodes} nodes, spread over {jitter} s; then {took - jitter:.1f} s",
                  nodes=swarm.nodes, jitter=jitter)


def rollouts(fleet, rounds):
    fleet.roll_out()
    fleet.bare()
    before = fleet.swarm.ask("report")
    seen = [(fleet.roll_out(), fleet.bare()) for _ in range(rounds)]
    after = fleet.swarm.ask("report")
    times, bare = [[pair[side][0] for pair in seen] for side in (0, 1)]
    cpu, bare_cpu = [statistics.median(pair[side][1] for pair in seen) for side in (0, 1)]
    median, floor = statistics.median(times), statistics.median(bare)
    said = (after["published"] - before["published"]) / rounds / fleet.swarm.nodes
    lost = after["lost"] - before["lost"] + fleet.lost
    common.report("fleet", round(median), "ms", f"target ≤ {GOOD_RATIO} × the peer, none lost; peer {floor:.0f} ms, ratio "
                  f"{median / floor:.2f}; of the broker's CPU {cpu:.2f} s, peer {bare_cpu:.2f} s; {said:.1f} messages a node, "
                  f"{lost} lost; {fleet.swarm.nodes} nodes, {rounds} runs", peer=round(floor), ratio=round(median / floor, 2),
                  cpu_ratio=round(cpu / bare_cpu, 2), lost=lost, nodes=fleet.swarm.nodes)
    return floor


def replace(fleet, floor):
    before = fleet.swarm.ask("report")
    took, _ = fleet.roll_out("demo:2")
    after = fleet.swarm.ask("report")
    said = (after["published"] - before["published"]) / fleet.swarm.nodes
    common.report("fleet-replace", round(took), "ms", f"the peer's two messages a node took {floor:.0f} ms, ratio "
                  f"{took / floor:.2f}; {said:.1f} messages a node", ratio=round(took / floor, 2))


def heal(fleet, operator):
    begin = time.monotonic() * 1000
    third = fleet.swarm.ask("cut 33")["nodes"]
    operator.roll_out()
    away = fleet.swarm.ask("report")
    for _ in range(30):  # their wills are due after 5 s
        if away["present"] == fleet.swarm.nodes - third:
            break
        time.sleep(1)
        away = fleet.swarm.ask("report")
    sim.note(f"{third} are cut off: {away['present']} online as the broker says")
    begin = time.monotonic() * 1000
    fleet.swarm.ask("join")
    times = {"partition": fleet.whole("partition", begin)}
    for what, number in (("restart", signal.SIGTERM), ("kill", signal.SIGKILL)):
        time.sleep(CALM_S)
        operator.roll_out()
        begin = time.monotonic() * 1000
        fleet.broker.stop(number)
        time.sleep(1)
        fleet.broker.start()
        # A killed broker holds what it saved last: what was said after that is said again, by whoever wants it.
        operator.roll_out()
        times[what] = fleet.whole(f"broker, {what}", begin)
    state = sim.retained(fleet.broker, f"davit/nodes/+/status/{sim.WATCHED}", fleet.swarm.nodes)
    wanted = f'"observedGeneration":{operator.generation},'.encode()
    stale = fleet.swarm.nodes - sum(wanted in payload for payload in state.values())
    common.report("fleet-heal", round(times["kill"], 1), "s", f"broker killed; ended and started {times['restart']:.1f} s, "
                  f"partition {times['partition']:.1f} s; {stale} nodes not on the last generation", **times, stale=stale)


def get_nodes(fleet):
    """`davit get nodes` as a person says it."""
    command = [os.path.join(common.STAGE, "usr", "bin", "davit"), "get", "nodes"]
    begin = time.monotonic()
    with tempfile.TemporaryFile("w+") as out:
        davit = subprocess.Popen(command, stdout=out,
                                 env={**os.environ, "DAVIT_BROKER": f"mqtt://127.0.0.1:{fleet.broker.port}",
                                      "DAVIT_LIBEXEC": os.path.join(common.STAGE, "usr", "libexec", "davit")})
        _, _, used = os.wait4(davit.pid, 0)
        took = time.monotonic() - begin
        out.seek(0)
        ready = sum(" Ready " in line for line in out)
    common.report("fleet-get-nodes", round(took, 2), "s", f"{ready} of {fleet.swarm.nodes} Ready; {used.ru_utime + used.ru_stime:.2f} s "
                  f"CPU of its own and its link's, {used.ru_maxrss / 1000:.0f} MB", ready=ready)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--nodes", type=int, default=10000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--jitter", type=int, default=10)
    options = parser.parse_args()
    begin = time.monotonic()
    with sim.Mosquitto() as broker, sim.Sim(broker, options.nodes, "--bare", "--jitter", str(options.jitter)) as swarm:
        sim.note(f"{options.nodes} nodes are made after {time.monotonic() - begin:.1f} s")
        connect(swarm, options.jitter)
        operator = sim.Operator(broker)
        fleet = Fleet(broker, swarm, operator)
        floor = rollouts(fleet, options.rounds)
        replace(fleet, floor)
        heal(fleet, operator)
        get_nodes(fleet)
        said = swarm.ask("report")
        common.report("fleet-memory", round(said["bytesPerNode"] / 1000), "kB", f"a node, after {operator.generation} rollouts that it remembers; "
                      f"{said['bytesPerNodeEmpty'] / 1000:.0f} kB before it connects", nodes=options.nodes)
        operator.close()
    sim.note(f"{time.monotonic() - begin:.0f} s in all")


main()
