#!/usr/bin/python3
"""A small reading of a telegraf.conf: what its mqtt_consumer inputs would make of a live broker's messages, one line of InfluxDB's
line protocol each, by the rules of Telegraf's documentation: name_override, topics, topic_parsing with tags, and the JSON
parser with json_time_key, json_time_format unix_ms and json_string_fields. Telegraf itself is in no package of Debian.
telegraf_reading.py CONF HOST PORT SECONDS"""

import json
import sys
import time
import tomllib

import paho.mqtt.client as mqtt

KNOWN = {"name_override", "servers", "topics", "topic_tag", "qos", "data_format", "json_time_key", "json_time_format",
         "json_string_fields", "topic_parsing", "persistent_session", "client_id"}


def matches(pattern, topic):
    left, right = pattern.split("/"), topic.split("/")
    return len(left) == len(right) and all(one in ("+", other) for one, other in zip(left, right))


def tags_of(consumer, topic):
    tags = {}
    for parsing in consumer["topic_parsing"]:
        assert set(parsing) == {"topic", "tags"}, parsing
        assert len(parsing["tags"].split("/")) == len(parsing["topic"].split("/")), parsing
        if matches(parsing["topic"], topic):
            tags |= {key: value for key, value in zip(parsing["tags"].split("/"), topic.split("/")) if key != "_"}
    return tags


def fields_of(consumer, message):
    for key, value in message.items():
        if key == consumer["json_time_key"]:
            continue
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            yield f"{key}={float(value):g}"
        elif isinstance(value, str) and key in consumer.get("json_string_fields", []):
            yield f"{key}={json.dumps(value)}"


def line(consumer, topic, payload):
    if not payload.strip():
        return None  # a cleared topic is no metric
    message = json.loads(payload)
    assert consumer["data_format"] == "json" and consumer["json_time_format"] == "unix_ms"
    if consumer["json_time_key"] not in message:
        return None  # logged and dropped
    tags = "".join(f",{key}={value}" for key, value in sorted(tags_of(consumer, topic).items()))
    return f"{consumer['name_override']}{tags} {','.join(fields_of(consumer, message))} {message[consumer['json_time_key']] * 1000000}"


def main():
    conf, host, port, seconds = sys.argv[1:]
    with open(conf, "rb") as file:
        consumers = tomllib.load(file)["inputs"]["mqtt_consumer"]
    for consumer in consumers:
        unknown = set(consumer) - KNOWN
        assert not unknown, f"this reading does not know {unknown}"

    def on_message(_client, _userdata, message):
        for consumer in consumers:
            if any(matches(topic, message.topic) for topic in consumer["topics"]):
                text = line(consumer, message.topic, message.payload)
                if text is not None:
                    print(text, flush=True)

    client = mqtt.Client(protocol=mqtt.MQTTv5)
    client.on_message = on_message
    client.connect(host, int(port))
    for consumer in consumers:
        for topic in consumer["topics"]:
            client.subscribe(topic, consumer["qos"])
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        client.loop(0.2)


main()
