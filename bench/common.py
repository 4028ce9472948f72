"""What the benchmarks share: a node of their own, its broker, and the line at the end."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import paho.mqtt.client as mqtt

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
STAGE = os.environ.get("DAVIT_STAGE", os.path.join(TOP, "build", "stage"))
RESULTS = os.path.join(HERE, "results.json")
IMAGE = "demo:1"
# Ends at once on SIGTERM, as process 1 does only with a handler.
PATIENT = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1000 & wait; done"]


def script(name):
    return os.path.join(TOP, "scripts", name)


class Node:
    """A node made by devnode.sh in a folder that goes with it, and a connection to its broker."""

    def __init__(self, *options, name="bench", watch=None):
        self.name = name
        self.dir = tempfile.mkdtemp(prefix="davit-bench.")
        os.chmod(self.dir, 0o755)
        self.options = list(options)
        self.watch = watch

    def __enter__(self):
        # `with` does not end a node whose start fails.
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        subprocess.run([script("devnode.sh"), "up", self.dir, "--name", self.name, *self.options], check=True,
                       stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        self.env = dict(os.environ)
        dump = subprocess.run(["bash", "-c", '. "$1/env" && env -0', "-", self.dir], check=True, capture_output=True)
        for pair in dump.stdout.split(b"\0"):
            key, _, value = pair.decode().partition("=")
            if key:
                self.env[key] = value
        host, port = (self.watch or self.env["DAVIT_BROKER"]).split("://")[1].rsplit(":", 1)
        self.broker = Broker(host, int(port), f"davit/nodes/{self.name}")

    def __exit__(self, *_):
        if hasattr(self, "broker"):
            self.broker.close()
        if os.environ.get("DAVIT_BENCH_KEEP"):
            print(f"# kept: {self.dir}", file=sys.stderr)
            return
        subprocess.run([script("devnode.sh"), "down", self.dir], check=False, stdin=subprocess.DEVNULL)
        shutil.rmtree(self.dir, ignore_errors=True)

    def import_image(self):
        archive = os.path.join(self.dir, "demo.tar")
        subprocess.run([script("busybox-image.sh"), archive, IMAGE], check=True)
        subprocess.run(["davit", "image", "import", archive], check=True, env=self.env, stdout=subprocess.DEVNULL)

    def pids(self):
        """Davit's own processes of this node, by program."""
        with open(os.path.join(self.dir, "davitd.pid")) as file:
            davitd = int(file.read())
        found = {"davitd": [davitd]}
        for pid in children(davitd):
            try:
                # A build may have replaced the file since.
                program = os.path.basename(os.readlink(f"/proc/{pid}/exe")).removesuffix(" (deleted)")
            except OSError:
                continue
            found.setdefault(program, []).append(pid)
        return found


def children(parent):
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat") as file:
                if int(file.read().rpartition(")")[2].split()[1]) == parent:
                    yield int(entry)
        except (OSError, ValueError):
            continue


class Broker:
    """A persistent connection that remembers the newest state of each pod, and when it came."""

    def __init__(self, host, port, root):
        self.root = root
        self.states = {}
        self.changed = threading.Condition()
        self.client = mqtt.Client(client_id=f"bench-{os.getpid()}", protocol=mqtt.MQTTv5)
        self.client.on_connect = lambda client, *_: client.subscribe(f"{root}/state/default/pods/+", qos=1)
        self.client.on_message = self._message
        self.client.connect(host, port)
        self.client.loop_start()

    def _message(self, _client, _data, message):
        came = time.monotonic()
        pod = message.topic.rsplit("/", 1)[1]
        state = json.loads(message.payload)["state"] if message.payload else None
        with self.changed:
            self.states[pod] = (state, came)
            self.changed.notify_all()

    def publish(self, pod, document):
        self.client.publish(f"{self.root}/desired/default/pods/{pod}", json.dumps(document), qos=1, retain=True)

    def wait(self, pod, state, timeout=60):
        """When the pod's state topic said this (None: was cleared), on the monotonic clock."""
        end = time.monotonic() + timeout
        with self.changed:
            while self.states.get(pod, ("", 0))[0] != state:
                if not self.changed.wait(end - time.monotonic()):
                    raise SystemExit(f"pod {pod} was not {state} within {timeout} s, but {self.states.get(pod)}")
            return self.states[pod][1]

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


def pod(name, command=None):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"hostNetwork": True, "terminationGracePeriodSeconds": 5,
                     "containers": [{"name": "main", "image": IMAGE, "command": command or PATIENT}]}}


def tombstone(name):
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "deletionTimestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}}


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def report(name, value, unit, text, **more):
    """One line, `NAME: value unit (text)`, and an entry of results.json."""
    print(f"{name}: {value:g} {unit} ({text})", flush=True)
    try:
        with open(RESULTS) as file:
            results = json.load(file)
    except (OSError, ValueError):
        results = {}
    results[name] = {"value": value, "unit": unit, "text": text, "when": int(time.time()), **more}
    with open(RESULTS + ".new", "w") as file:
        json.dump(results, file, indent=1, sort_keys=True)
        file.write("\n")
    os.rename(RESULTS + ".new", RESULTS)
