"""davit-sim and its broker, for the benches and the tests of fleets."""

import contextlib
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import paho.mqtt.client as mqtt

import common

GROUP = "line-3"
NAME = "web"
WATCHED = f"default/pods/{NAME}"


def allow_files():
    """As many open files as may be: a connection is one here, and one at the broker."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Mosquitto:
    """The shipped configuration on a port of its own, with its store in a folder: it may be ended and started again."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="davit-fleet.")
        self.port = common.free_port()
        self.process = None
        with open(os.path.join(common.TOP, "conf", "mosquitto", "davit.conf")) as file:
            shipped = file.read().replace("listener 1883 ", f"listener {self.port} ")
        with open(self.path("mosquitto.conf"), "w") as file:
            file.write(f"{shipped}\npersistence true\npersistence_location {self.dir}/\nuser root\nlog_type error\n")

    def path(self, name):
        return os.path.join(self.dir, name)

    def start(self):
        self.process = subprocess.Popen(["/usr/sbin/mosquitto", "-c", self.path("mosquitto.conf")], preexec_fn=allow_files,
                                        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(1200):  # a store of ten thousand sessions is read first
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.05)
        raise SystemExit("the broker does not start")

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        self.process.wait()

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)


class Sim:
    """A davit-sim that is told by lines what to wait for."""

    def __init__(self, broker, nodes, *options):
        build = os.path.dirname(common.STAGE)
        subprocess.run(["make", "-s", "-C", build, "davit-sim"], check=True, stdout=sys.stderr)
        self.nodes = nodes
        self.process = subprocess.Popen([os.path.join(build, "davit-sim"), str(nodes), "--broker", f"mqtt://127.0.0.1:{broker.port}", "--group", GROUP,
                                         "--watch", WATCHED, "--control", *options], preexec_fn=allow_files,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.started = self.line()["startedMs"]

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("davit-sim ended")
        return json.loads(line)

    def say(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def ask(self, text):
        self.say(text)
        return self.line()

    def end(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


class Operator:
    """Publishes; what it says has a generation that rises."""

    def __init__(self, broker):
        self.client = mqtt.Client(client_id=f"operator-{os.getpid()}", protocol=mqtt.MQTTv5)
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", broker.port)
        self.client.loop_start()
        self.generation = 0

    def publish(self, topic, text):
        """When it was said, in ms of the monotonic clock. Waits for a broker that is away."""
        while not self.client.is_connected():
            time.sleep(0.05)
        now = time.monotonic() * 1000
        self.client.publish(topic, text, qos=1, retain=True).wait_for_publish(30)
        return now

    def roll_out(self, image="demo:1"):
        """A new generation for the group. With the same image nothing restarts."""
        self.generation += 1
        document = {"apiVersion": "v1", "kind": "Pod",
                    "metadata": {"name": NAME, "annotations": {"davit/generation": str(self.generation),
                                                               "round": str(self.generation)}},
                    "spec": {"hostNetwork": True, "containers": [{"name": "main", "image": image}]}}
        return self.publish(f"davit/groups/{GROUP}/desired/{WATCHED}", json.dumps(document))

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


def retained(broker, topic, count, seconds=60):
    """What a client that was not there before is told, by topic."""
    found = {}
    client = mqtt.Client(client_id=f"looks-{os.getpid()}", protocol=mqtt.MQTTv5)
    client.on_connect = lambda c, *_: c.subscribe(topic, 1)
    client.on_message = lambda _c, _d, message: found.update({message.topic: message.payload})
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    end = time.monotonic() + seconds
    while len(found) < count and time.monotonic() < end:
        time.sleep(0.1)
    client.disconnect()
    client.loop_stop()
    return found


def note(text):
    print(f"# {text}", file=sys.stderr, flush=True)
