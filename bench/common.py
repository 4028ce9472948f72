"""What the benchmarks share: a node of their own, its broker, and the line at the end."""

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import statistics
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

    def library(self, words):
        """Functions of devnode-lib.sh, for what devnode.sh has no verb for."""
        text = 'fail() { echo "$*" >&2; exit 1; }; dir=$1 stage=$2; . "$3"; . "$dir/.options"; ' + words
        subprocess.run(["bash", "-c", text, "-", os.path.realpath(self.dir), STAGE, script("devnode-lib.sh")], check=True,
                       stdin=subprocess.DEVNULL)

    def davitd(self):
        with open(os.path.join(self.dir, "davitd.pid")) as file:
            return int(file.read())

    def kill_davitd(self):
        """As a crash: its children end by themselves, what runs goes on."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.davitd(), signal.SIGKILL)

    def start_davitd(self):
        """When it began, on the monotonic clock."""
        self.library("davitd_start")
        return started(self.davitd())

    def inside(self):
        """The words before a command that is to see the node's mounts."""
        pinned = os.path.join(self.dir, "ns", "mnt")
        return ["nsenter", f"--mount={pinned}", "--"] if os.path.exists(pinned) else []

    def pids(self):
        """Davit's own processes of this node, by program."""
        davitd = self.davitd()
        found = {"davitd": [davitd]}
        for pid in children(davitd):
            try:
                # A build may have replaced the file since.
                program = os.path.basename(os.readlink(f"/proc/{pid}/exe")).removesuffix(" (deleted)")
            except OSError:
                continue
            found.setdefault(program, []).append(pid)
        return found


def started(pid):
    with open(f"/proc/{pid}/stat") as file:
        ticks = int(file.read().rpartition(")")[2].split()[19])
    since_boot = ticks / os.sysconf("SC_CLK_TCK")
    return since_boot + time.monotonic() - time.clock_gettime(time.CLOCK_BOOTTIME)


def containers(word):
    """The processes whose command line ends with this word; a child that did not call exec yet is none."""
    found = set()
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        with contextlib.suppress(OSError), open(f"/proc/{entry}/cmdline") as file:
            if file.read().split("\0")[-2:-1] == [word]:
                found.add(int(entry))
    return {pid for pid in found if parent_of(pid) not in found}


def container_pid(word):
    """Of the one container; `crun start` returns before its exec."""
    for _ in range(200):
        found = containers(word)
        if found:
            return found.pop()
        time.sleep(0.01)
    raise SystemExit(f"no process ends with {word}")


def model(node, name="model"):
    """A container of the node, for the floor. The first has no compiled seccomp filter in its bundle, the next ones have."""
    word = f"{name}-{os.getpid()}"
    for one in (name.replace("model", "first"), name):
        node.broker.publish(one, pod(one, [*PATIENT, f"{word}-{one}"]))
        node.broker.wait(one, "Running")
    return container_pid(f"{word}-{name}")


class Worker:
    """A Python file beside this one that runs in the node's mount namespace and answers each line with a line."""

    def __init__(self, node, file, *arguments):
        self.process = subprocess.Popen([*node.inside(), "/usr/bin/python3", os.path.join(HERE, file), *arguments],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.name = file
        self.line()

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended")
        return line.strip()

    def ask(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        return float(self.line())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Floor(Worker):
    """What conmon and crun take for the bundle of a container of the node: see floor.py for what can be asked."""

    def __init__(self, node, pid):
        work = os.path.join(node.dir, "run", "floor")
        os.makedirs(work)
        super().__init__(node, "floor.py", work, str(pid))


class Disk:
    """A new ext4 on a loop device: what is written to it, its journal included, is counted."""

    def __init__(self, work, megabytes):
        self.image, self.path = os.path.join(work, "disk.img"), os.path.join(work, "disk")
        os.makedirs(self.path, exist_ok=True)
        with open(self.image, "wb") as file:
            file.truncate(megabytes << 20)
        subprocess.run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", self.image], check=True)

    def __enter__(self):
        subprocess.run(["mount", "-o", "loop", self.image, self.path], check=True)
        source = subprocess.run(["findmnt", "-no", "SOURCE", self.path], check=True, capture_output=True, text=True).stdout
        self.device = os.path.basename(source.strip())
        os.sync()
        self.before = self.sectors()
        return self

    def __exit__(self, *_):
        for _ in range(50):
            if subprocess.run(["umount", self.path], stderr=subprocess.DEVNULL).returncode == 0:
                break
            time.sleep(0.1)
        os.unlink(self.image)

    def sectors(self):
        with open(f"/sys/block/{self.device}/stat") as file:
            return int(file.read().split()[6])

    def written(self):
        subprocess.run(["sync", "-f", self.path], check=True)
        return (self.sectors() - self.before) * 512


def parent_of(pid):
    """None: it has gone."""
    with contextlib.suppress(OSError, IndexError), open(f"/proc/{pid}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[1])


def children(parent):
    for entry in os.listdir("/proc"):
        if entry.isdigit() and parent_of(entry) == parent:
            yield int(entry)


def free_port():
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port


@contextlib.contextmanager
def plain_broker():
    """A Mosquitto that outlives the node."""
    port = free_port()
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as conf:
        conf.write(f"set_tcp_nodelay true\nmax_queued_messages 0\nlistener {port} 127.0.0.1\nallow_anonymous true\n")
        conf.flush()
        os.chmod(conf.name, 0o644)
        broker = subprocess.Popen(["/usr/sbin/mosquitto", "-c", conf.name], stderr=subprocess.DEVNULL)
        try:
            for _ in range(100):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.05)
            yield f"mqtt://127.0.0.1:{port}"
        finally:
            broker.terminate()
            broker.wait()


class Broker:
    """A persistent connection that remembers the newest state of each pod and virtual machine, and when it came."""

    def __init__(self, host, port, root):
        self.root = root
        self.states = {}
        self.node = ({}, 0)
        self.changed = threading.Condition()
        self.client = mqtt.Client(client_id=f"bench-{os.getpid()}", protocol=mqtt.MQTTv5)
        self.client.on_connect = lambda client, *_: client.subscribe(
            [(f"{root}/state", 1), (f"{root}/state/default/pods/+", 1), (f"{root}/state/default/virtualmachines/+", 1)])
        self.client.on_message = self._message
        self.client.connect(host, port)
        self.client.loop_start()

    def _message(self, _client, _data, message):
        came = time.monotonic()
        said = json.loads(message.payload) if message.payload else {}
        with self.changed:
            if message.topic == f"{self.root}/state":
                self.node = (said, came)
            else:
                self.states[message.topic.rsplit("/", 1)[1]] = (said.get("state"), came, said)
            self.changed.notify_all()

    def publish(self, name, document, resource="pods"):
        self.client.publish(f"{self.root}/desired/default/{resource}/{name}", json.dumps(document), qos=1, retain=True)

    def wait(self, pod, state, timeout=60):
        """When the pod's state topic said this (None: was cleared), on the monotonic clock."""
        end = time.monotonic() + timeout
        with self.changed:
            while self.states.get(pod, ("", 0))[0] != state:
                if not self.changed.wait(end - time.monotonic()):
                    raise SystemExit(f"pod {pod} was not {state} within {timeout} s, but {self.states.get(pod)}")
            return self.states[pod][1]

    def until(self, what, timeout=60):
        """When `what` first returned true of this object; it is asked again with each message."""
        end = time.monotonic() + timeout
        with self.changed:
            while not what(self):
                if not self.changed.wait(end - time.monotonic()):
                    raise SystemExit(f"not within {timeout} s; the node says {self.node}")
            return time.monotonic()

    def runs(self, name, since=0, restarts=None):
        """Said so after `since`. A pod whose container is about to start anew is Running too, as in Kubernetes, but not ready."""
        state, came, said = self.states.get(name, ("", 0, {}))
        return state == "Running" and said["ready"] == 1 and came > since and restarts in (None, said["restarts"])

    def all_run(self, names, since=0):
        return all(self.runs(name, since) for name in names)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


def pod(name, command=None, host=True):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"hostNetwork": host, "terminationGracePeriodSeconds": 5,
                     "containers": [{"name": "main", "image": IMAGE, "command": command or PATIENT}]}}


def tombstone(name):
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "deletionTimestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}}


def beside_floor(measure, verb, runs):
    """`measure`(node, name) and the floor in turn, after two rounds to warm up: the times in ms, and how the medians compare."""
    davit, bare = [], []
    with Node() as node:
        node.import_image()
        floor = Floor(node, model(node))
        for number in range(-2, runs):
            davit_ms, bare_ms = measure(node, f"run-{number + 2}"), floor.ask(verb)
            if number >= 0:
                davit.append(davit_ms)
                bare.append(bare_ms)
        floor.close()
    median, floor_median = statistics.median(davit), statistics.median(bare)
    ratio = round(median / floor_median, 2)
    text = f"target ≤ 1.5 × floor; floor {floor_median:.1f} ms, ratio {ratio}; {runs} runs"
    return davit, median, text, {"floor": round(floor_median, 1), "ratio": ratio, "runs": runs}


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
