"""Holds messages against the schemas in docs/schema.

schema_check.py record PORT FILE    writes what the broker says, a line each: base64 of the payload, then the topic
schema_check.py judge FILE          each message of FILE by its topic: says what does not validate, and how many of what
                                    were looked at. Exit 1: something did not, or a topic has no schema
schema_check.py closed FILE NAME... each message of these schemas in FILE, and one more word in it: is it refused?
schema_check.py table FILE          FILE is a list of {schema, ok, document}: says where a schema decides otherwise
"""
import base64
import collections
import json
import os
import re
import sys

SCHEMAS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "schema")
NODE = "davit/nodes/[^/]+/"
OBJECT = "/[^/]+/[^/]+/[^/]+"
# What a topic carries. A response is told from a chunk by its number.
TOPICS = [(re.compile(pattern + "$"), name) for pattern, name in (
    (NODE + "presence", "presence"), (NODE + "state", "state"), (NODE + "state" + OBJECT, "object-state"),
    (NODE + "status", "status-node"), (NODE + "status" + OBJECT, "status-object"), (NODE + "events", "event"),
    (NODE + "metrics(" + OBJECT + ")?", "metrics"), (NODE + "history(" + OBJECT + ")?", "history"),
    (NODE + "response/[^/]+/.+", "response"), (NODE + "request/[^/]+/[^/]+", "request"),
    (NODE + "desired", "bundle"), (NODE + "desired/node", "desired-node"),
    ("davit/(nodes|groups)/[^/]+/desired" + OBJECT, "desired-object"))]
# A nonce is no JSON; a bridge's notification is 0 or 1. What the tests send to node n, good and bad, is theirs to know.
BARE = re.compile("davit/(nodes|clients)/[^/]+/sync$|davit/sites/[^/]+/presence$|davit/nodes/n/(desired|request)/")
MOST = {"state": 512}


def validators():
    import jsonschema
    known = {}
    for file in sorted(os.listdir(SCHEMAS)):
        if file.endswith(".schema.json"):
            with open(os.path.join(SCHEMAS, file), encoding="utf-8") as text:
                schema = json.load(text)
            jsonschema.Draft202012Validator.check_schema(schema)
            known[file[:-len(".schema.json")]] = jsonschema.Draft202012Validator(schema)
    return known


def reason(validator, document):
    errors = sorted(validator.iter_errors(document), key=lambda error: len(error.path))
    if not errors:
        return None
    deepest = errors[0]
    while deepest.context:
        deepest = max(deepest.context, key=lambda error: len(error.path))
    return f"{'/'.join(str(part) for part in deepest.absolute_path) or '.'}: {deepest.message[:300]}"


def schema_of(topic, document):
    for pattern, name in TOPICS:
        if pattern.match(topic):
            chunk = name == "response" and isinstance(document, dict) and "seq" in document
            return "chunk" if chunk else name
    return None


def judge_one(known, topic, payload):
    """What was looked at, and what is wrong with it."""
    try:
        document = json.loads(payload)
    except ValueError as err:
        name = schema_of(topic, None)
        bare = name == "request" and not payload.lstrip().startswith(b"{")
        return name, None if bare else f"no JSON: {err}"
    name = schema_of(topic, document)
    if name is None:
        return None, "no schema is for this topic"
    if name == "request" and not isinstance(document, dict):
        return name, None
    if len(payload) > MOST.get(name, len(payload)):
        return name, f"{len(payload)} bytes"
    return name, reason(known[name], document)


def judge(path):
    known, counts, bad = validators(), collections.Counter(), 0
    for topic, payload in messages(path):
        name, wrong = judge_one(known, topic, payload)
        counts[name] += 1
        if wrong:
            bad += 1
            print(f"{topic} ({name}): {wrong}\n    {payload[:400]!r}")
    print(" ".join(f"{name}={counts[name]}" for name in sorted(counts, key=str)))
    return 1 if bad else 0


def messages(path):
    """What has a payload, and a schema."""
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            payload, topic = line.rstrip("\n").split(" ", 1)
            if payload and not BARE.match(topic):
                yield topic, base64.b64decode(payload)


def closed(path, *names):
    known, looked, bad = validators(), collections.Counter(), 0
    for topic, payload in messages(path):
        try:
            document = json.loads(payload)
        except ValueError:
            continue
        name = schema_of(topic, document)
        if name not in names:
            continue
        looked[name] += 1
        if reason(known[name], {**document, "unheardOf": 1}) is None:
            bad += 1
            print(f"{topic} ({name}) takes a word that nobody knows")
    for name in set(names) - set(looked):
        bad += 1
        print(f"nothing of {name} was said")
    return 1 if bad else 0


def record(port, path):
    import paho.mqtt.client as mqtt
    out = open(path, "a", encoding="utf-8")

    def on_message(_client, _data, message):
        out.write(base64.b64encode(message.payload).decode() + " " + message.topic + "\n")
        out.flush()

    client = mqtt.Client()
    client.on_message = on_message
    client.on_connect = lambda *_: client.subscribe("davit/#", 1)
    client.connect("127.0.0.1", int(port))
    client.loop_forever()


def table(path):
    known, bad = validators(), 0
    with open(path, encoding="utf-8") as rows:
        for row in json.load(rows):
            wrong = reason(known[row["schema"]], row["document"])
            if (wrong is None) != row["ok"]:
                bad += 1
                print(f"{row['schema']}, {'good' if row['ok'] else 'bad'}: {wrong or 'taken'}: {row['document']}")
    return 1 if bad else 0


if sys.argv[1] == "record":
    record(sys.argv[2], sys.argv[3])
else:
    sys.exit({"judge": judge, "closed": closed, "table": table}[sys.argv[1]](*sys.argv[2:]))
