#!/usr/bin/env bats
# Requests over the broker: each verb by mosquitto_rr and by pub and sub with 3.1.1, once, and only to whom it belongs.

bats_require_minimum_version 1.5.0
load davitd

setup_file() {
    flow_dir
    printf '[protocol]\nstream_timeout = 15\n' >"$DIR/requests.conf"
    flow_node --conf "$DIR/requests.conf"
    OUT=$DIR/setup
    mkdir -p "$OUT"
    put web '.spec.terminationGracePeriodSeconds = 1 | .spec.containers[0].command = ["sh", "-c", "echo one; echo two; exec sleep \($m)"]'
    running web
}

teardown_file() {
    flow_end
}

setup() {
    flow_test
}

# rr VERB ID PAYLOAD: one request by MQTT 5, and its answer
rr() {
    mosquitto_rr -V 5 -h 127.0.0.1 -p "$(port)" -q 1 -W 10 -t "$T/request/$1/anna" -e "$T/response/anna/$2" -m "$3"
}

# heard WHO: what is answered to WHO from now on goes into $OUT/WHO. MQTT 3.1.1.
heard() {
    stdbuf -oL mosquitto_sub -V 311 -h 127.0.0.1 -p "$(port)" -q 1 -t "$T/response/$1/#" -t "$T/ready" -F '%t %p' >>"$OUT/$1" </dev/null 2>/dev/null 3>&- &
    SUBSCRIBER=$!
    until grep -qs ready "$OUT/$1"; do
        mosquitto_pub -h 127.0.0.1 -p "$(port)" -t "$T/ready" -m yes
        sleep 0.05
    done
}

# ask VERB WHO PAYLOAD [OPTION]...
ask() {
    local verb=$1 who=$2 payload=$3
    shift 3
    mosquitto_pub -V 311 -h 127.0.0.1 -p "$(port)" -q 1 -t "$T/request/$verb/$who" -m "$payload" "$@"
}

answer() { # WHO ID JQ: some answer below that id says so
    grep -a "^$T/response/$1/$2 " "$OUT/$1" | cut -d' ' -f2- | jq -es "any(.[]; $3)" >/dev/null
}

said_nothing_to() { # WHO ID
    ! grep -qa "^$T/response/$1/$2 " "$OUT/$1"
}

uid() {
    said "$T/status/default/pods/$1" | jq -r .metadata.uid
}

is_other() { # NAME UID
    [ "$(uid "$1")" != "$2" ]
}

logs_are_whole() { # of the pod that is there now, and of the one before it
    [ "$(cat "$N"/state/logs/default_web_"$(uid web)"/main/0.log | wc -l)" = 2 ]
}

@test "mosquitto_rr asks each verb" {
    run -0 rr ping 1 ''
    jq -e '.ok and .node == "n" and (.ts | type) == "number"' <<<"$output"
    within 5 logged web two
    run -0 rr logs 2 pods/web
    jq -e '.ok and .text == "one\ntwo\n" and .truncated == false' <<<"$output"
    run -0 rr logs 3 '{"id":3,"pod":"web","tailLines":1,"timestamps":true}'
    jq -e '.id == 3 and (.text | test("^20.*Z? two\n$") or test("^20.* two\n$"))' <<<"$output"
    run -0 rr exec 4 '{"id":"4","pod":"web","command":["sh","-c","cat; echo no >&2; exit 3"],"stdin":"words"}'
    jq -e '.ok and .exitCode == 3 and .stdout == "words" and .stderr == "no\n"' <<<"$output"
    run -0 rr exec 5 '{"id":"5","pod":"web","command":["sleep","100"],"timeoutSeconds":1}'
    jq -e '.ok == false and .reason == "Timeout"' <<<"$output"
    run -0 rr describe 6 web
    jq -e '.ok and .status.status.phase == "Running"' <<<"$output"
    run -0 rr events 61 pods/web
    jq -e ".ok and ([.events[] | .involvedObject.name] | unique) == [\"web\"]" <<<"$output"
    run -0 rr top 7 ''
    jq -e '.ok and (.pods | length) == 1' <<<"$output"
    run -0 rr frobnicate 8 ''
    jq -e '.ok == false and .reason == "Unsupported" and (.message | test("ping"))' <<<"$output"
    run -0 rr describe 9 pods/none
    jq -e '.reason == "NotFound"' <<<"$output"
}

@test "a restart, as the protocol's example has it: another pod of the same document, ended in order, counted anew" {
    local before
    before=$(uid web)
    run -0 mosquitto_rr -V 5 -h 127.0.0.1 -p "$(port)" -W 10 -t "$T/request/restart/anna" -e "$T/response/anna/17" -m pods/web
    jq -e .ok <<<"$output"
    within 10 is_other web "$before"
    running web
    state web '.restarts == 0'
    within 5 logs_are_whole
    run -0 rr logs 18 web
    jq -e '.text == "one\ntwo\n"' <<<"$output"
}

@test "revisions: what an object was, and back to it" {
    put r ".spec.containers[0].command = [\"sleep\", \"${MARK}1\"]"
    within 10 one_sleeps "${MARK}1"
    put r ".spec.containers[0].command = [\"sleep\", \"${MARK}2\"]"
    within 10 one_sleeps "${MARK}2"
    run -0 rr revisions 61 '{"id":61,"object":"pods/r"}'
    jq -e '.ok and [.revisions[] | [.revision, .generation, .source, .images[0]]] ==
        [[1, 1, "node", "demo:1"], [2, 2, "node", "demo:1"]]' <<<"$output"
    run -0 rr revisions 62 '{"id":62,"object":"pods/r","revision":1}'
    jq -c .document <<<"$output" | publish "$T/desired/default/pods/r"
    within 10 one_sleeps "${MARK}1"
    kill -9 "$(davitd_pid)"
    devnode_do davitd_start
    state r '.state == "Running"'
    within 10 says "$T/presence" '.online'
    run -0 rr revisions 63 '{"id":63,"object":"pods/r"}'
    jq -e '[.revisions[].generation] == [1, 2, 3]' <<<"$output"
    drop r
    run -0 rr revisions 64 '{"id":64,"object":"pods/r"}'
    jq -e '.ok == false and .reason == "NotFound"' <<<"$output"
}

@test "mosquitto_pub and mosquitto_sub with 3.1.1: bare words, ids and replyTo" {
    heard bob
    ask ping bob ''
    within 5 answer bob ping '.ok'
    ask logs bob web
    within 5 answer bob logs '.text == "one\ntwo\n"'
    ask describe bob '{"id":"a-1","object":"pods/web"}'
    within 5 answer bob a-1 '.ok and .id == "a-1"'
    ask ping bob "{\"id\":2,\"replyTo\":\"$T/response/bob/deep/down\"}"
    within 5 answer bob deep/down '.ok and .id == 2'
    kill $SUBSCRIBER
}

@test "the same request again is answered from memory: repeated, redelivered, after a restart of davitd" {
    local before count
    heard carl
    count() { grep -ca "^$T/response/carl/5 " "$OUT/carl"; }
    before=$(uid web)
    ask restart carl '{"id":5,"pod":"web"}'
    within 5 answer carl 5 '.ok'
    within 10 is_other web "$before"
    running web
    before=$(uid web)
    ask restart carl '{"id":5,"pod":"web"}'
    within 5 eval '[ "$(count)" = 2 ]'
    kill -KILL "$(davitd_pid)"
    devnode_do davitd_start
    ask restart carl '{"id":5,"pod":"web"}'
    within 10 eval '[ "$(count)" -ge 3 ]'
    [ -z "$(grep -a "^$T/response/carl/5 " "$OUT/carl" | grep -v '"ok":true')" ]
    running web
    [ "$(uid web)" = "$before" ]
    # The file grows: exec, too, is carried out once.
    ask exec carl '{"id":6,"pod":"web","command":["sh","-c","echo x >>/tmp/x; wc -l </tmp/x"]}'
    within 5 answer carl 6 '.stdout == "1\n"'
    ask exec carl '{"id":6,"pod":"web","command":["sh","-c","echo x >>/tmp/x; wc -l </tmp/x"]}'
    ask exec carl '{"id":7,"pod":"web","command":["sh","-c","wc -l </tmp/x"]}'
    within 5 answer carl 7 '.stdout == "1\n"'
    kill $SUBSCRIBER
}

@test "what must not be done is not done: retained, expired, misdirected, garbage; a foreign reply topic hears nothing" {
    local before
    heard dora
    before=$(uid web)
    ask restart dora '{"id":1,"pod":"web"}' -r # while the node is there, and kept for its next connection
    within 5 answer dora 1 '.reason == "Retained"'
    kill -KILL "$(child davit-link)"
    within 20 eval '[ "$(grep -ca "\"reason\":\"Retained\"" "$OUT/dora")" = 2 ]'
    clear_topic "$T/request/restart/dora"
    ask restart dora '{"id":2,"pod":"web","expires":1000}'
    within 5 answer dora 2 '.reason == "Expired"'
    ask restart dora '{"id":3,"pod":"web","expires":99999999999999}'
    within 5 answer dora 3 '.reason == "ClockSkew"'
    ask restart dora '{"id":4,"pod":"we'
    within 5 answer dora restart '.reason == "InvalidRequest"'
    mosquitto_pub -V 5 -h 127.0.0.1 -p "$(port)" -q 1 -t "$T/request/restart/dora" -m '{"id":8,"pod":"web"}' \
        -D publish response-topic "$T/desired/default/pods/evil"
    within 5 grep -q '"ForeignReply"' "$DIR/record"
    ask restart dora "{\"id\":9,\"pod\":\"web\",\"replyTo\":\"$T/response/eve/9\"}"
    ask restart dora/more '{"id":10,"pod":"web"}'
    ask ping dora '{"id":11}'
    within 5 answer dora 11 .ok
    said_nothing_to dora 8
    said_nothing_to dora 9
    [ -z "$(held "$T/desired/default/pods/evil")" ]
    [ "$(uid web)" = "$before" ]
    kill $SUBSCRIBER
}

@test "a reply's topic that would end the node's connection is refused, and the node stays" {
    local reply link offline
    heard hans
    link=$(child davit-link) offline=$(grep -ca "^$T/presence .*\"online\":false" "$DIR/record" || true)
    for reply in 'a\u0001' 'a\u007f' 'a\u0085' 'a\uffff' "$(printf 'a/%.0s' {1..250})b"; do
        ask ping hans "{\"id\":\"bad\",\"replyTo\":\"$T/response/hans/$reply\"}"
        ask exec hans "{\"id\":\"run\",\"pod\":\"web\",\"command\":[\"sh\",\"-c\",\"echo >/tmp/evil\"],\"replyTo\":\"$T/response/hans/$reply\"}"
    done
    ask exec hans '{"id":"look","pod":"web","command":["ls","/tmp/evil"]}'
    within 5 answer hans look '.exitCode != 0'
    sleep 1
    [ "$(grep -ca "^$T/presence .*\"online\":false" "$DIR/record" || true)" = "$offline" ]
    [ "$(child davit-link)" = "$link" ]
    kill $SUBSCRIBER
}

@test "what expires while the node is away is not done later" {
    local before
    before=$(uid web)
    kill -KILL "$(davitd_pid)"
    mosquitto_pub -V 5 -h 127.0.0.1 -p "$(port)" -q 1 -t "$T/request/restart/anna" -m '{"id":"late","pod":"web"}' -D publish message-expiry-interval 1
    sleep 2
    devnode_do davitd_start
    within 20 rr ping 1 ''
    [ "$(uid web)" = "$before" ]
}

@test "a thousand at once: each is answered, and davitd's memory stays flat" {
    local before after
    rss() { awk '/VmRSS/ { print $2 }' "/proc/$(davitd_pid)/status"; }
    heard finn
    before=$(rss)
    for i in $(seq 1 1000); do echo "{\"id\":$i,\"pod\":\"web\"}"; done |
        mosquitto_pub -V 311 -h 127.0.0.1 -p "$(port)" -q 1 -t "$T/request/logs/finn" -l
    within 60 eval '[ "$(grep -ca "^$T/response/finn/" "$OUT/finn")" -ge 1000 ]'
    [ "$(grep -a "^$T/response/finn/" "$OUT/finn" | cut -d" " -f1 | sort -u | wc -l)" = 1000 ]
    after=$(rss)
    [ $((after - before)) -lt 8000 ] || { echo "$before $after"; return 1; }
    kill $SUBSCRIBER
}

@test "whoever asks without end for what was said, or with much to say back, takes no memory, and holds up nobody" {
    local before after
    rss() { awk '/VmRSS/ { print $2 }' "/proc/$(davitd_pid)/status"; }
    heard ines
    ask exec ines '{"id":"e","pod":"web","stream":true,"command":["sh","-c","head -c 2000000 /dev/zero | tr \"\\\\0\" x; sleep 100"]}'
    within 10 answer ines e '.seq == 30'
    before=$(rss)
    yes '{"id":"e","again":true}' | head -n 3000 |
        mosquitto_pub -V 311 -h 127.0.0.1 -p "$(port)" -q 1 -t "$T/request/exec/ines" -l
    run -0 rr ping again ''
    # Each of these is refused, or dropped once many wait.
    yes x | head -n 3000 | mosquitto_pub -V 5 -h 127.0.0.1 -p "$(port)" -q 1 -t "$T/request/ping/ines" -l \
        -D publish correlation-data "$(printf 'c%.0s' {1..60000})"
    within 10 rr ping after ''
    after=$(rss)
    [ $((after - before)) -lt 12000 ] || { echo "$before $after"; return 1; }
    ask exec ines '{"id":"e","cancel":true}'
    # Bytes that cannot be read are not lost without a word.
    ask exec ines '{"id":"f","pod":"web","stream":true,"stdin":true,"command":["cat"]}'
    within 5 answer ines f '.seq == 1'
    ask exec ines '{"id":"f","seq":1,"stdinBase64":"%%%"}'
    within 5 answer ines f '.last and .reason == "InvalidRequest"'
    kill $SUBSCRIBER
}

@test "streams that ended and were never acknowledged hold up nobody but who asked for them" {
    heard jan
    local i
    for i in {1..40}; do
        echo "{\"id\":\"s$i\",\"stream\":true,\"pod\":\"nosuch\"}"
    done | mosquitto_pub -V 311 -h 127.0.0.1 -p "$(port)" -q 1 -t "$T/request/logs/jan" -l
    within 10 answer jan s40 '.reason == "TooManyStreams"'
    local first=$SUBSCRIBER
    heard kim
    ask logs kim '{"id":"k","stream":true,"pod":"web"}'
    within 5 answer kim k '.text == "one\ntwo\n" or .text == "one\n" or .last'
    ! answer kim k '.reason == "TooManyStreams"' || return 1
    kill "$first" "$SUBSCRIBER"
}

@test "a deployment's pods are restarted one after the other" {
    jq -nc --arg m "$MARK" '{apiVersion: "apps/v1", kind: "Deployment", metadata: {name: "two"}, spec: {replicas: 2, template: {spec:
        {terminationGracePeriodSeconds: 0, containers: [{name: "main", image: "demo:1", command: ["sleep", $m]}]}}}}' |
        publish "$T/desired/default/deployments/two"
    running two-0
    running two-1
    local first second
    first=$(uid two-0) second=$(uid two-1)
    run -0 rr restart 30 deployments/two
    jq -e '.ok and .pods == 2' <<<"$output"
    within 20 is_other two-0 "$first"
    within 20 is_other two-1 "$second"
    running two-0
    running two-1
    # Never were both of them down.
    awk -v t="$T/state/default/pods/two-" '$1 == t "0" || $1 == t "1" { ready[$1] = /"ready":1/ ? 1 : 0; up = ready[t "0"] + ready[t "1"]
        if (up == 2) both = 1; if (both && up == 0) { print; exit 1 } }' "$DIR/record"
    jq -nc '{apiVersion: "apps/v1", kind: "Deployment", metadata: {name: "two", deletionTimestamp: "2026-01-01T00:00:00Z"}}' |
        publish "$T/desired/default/deployments/two"
    within 20 silent "$T/state/default/pods/two-1"
}

@test "what could not be made again is not ended: a pod, and those of a deployment, whose image is lost" {
    jq -nc --arg m "$MARK" '{apiVersion: "apps/v1", kind: "Deployment", metadata: {name: "lost"}, spec: {replicas: 2, template: {spec:
        {terminationGracePeriodSeconds: 0, containers: [{name: "main", image: "demo:1", command: ["sleep", $m]}]}}}}' |
        publish "$T/desired/default/deployments/lost"
    running lost-0
    running lost-1
    local first second kind
    first=$(uid lost-0) second=$(uid lost-1)
    devnode_do davitd_stop
    /usr/bin/python3 -c 'import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute("DELETE FROM image_names"); c.commit()' "$N/state/davit.db"
    devnode_do davitd_start
    running lost-0
    running lost-1
    for kind in deployments/lost pods/lost-0; do
        run -0 rr restart "lost$kind" "$kind"
        jq -e '.ok == false and .reason == "ImageMissing" and (.message | test("image demo:1 is not on this device any more: nothing was ended"))' <<<"$output"
    done
    node davit image import "$DIR/demo.tar" >/dev/null
    running lost-0
    [ "$(uid lost-0)" = "$first" ]
    [ "$(uid lost-1)" = "$second" ]
    jq -nc '{apiVersion: "apps/v1", kind: "Deployment", metadata: {name: "lost", deletionTimestamp: "2026-01-01T00:00:00Z"}}' |
        publish "$T/desired/default/deployments/lost"
    within 20 silent "$T/state/default/pods/lost-1"
}

@test "a stream in a subscriber's hand: numbered chunks, acknowledged, with input in order" {
    heard gus
    ask exec gus '{"id":"e","pod":"web","stream":true,"stdin":true,"command":["cat"]}'
    within 5 answer gus e '.seq == 1 and .container == "main"'
    ask exec gus '{"id":"e","ack":1,"seq":1,"stdin":"abc"}'
    ask exec gus '{"id":"e","seq":1,"stdin":"twice"}'
    ask exec gus '{"id":"e","seq":3,"stdin":"too early"}'
    ask exec gus '{"id":"e","seq":2,"stdinBase64":"/w==","eof":true}'
    within 5 answer gus e '.last and .ok and .exitCode == 0 and .input == 2'
    run jq -rs '[.[] | .text // "", (.base64 // "" | if . == "" then "" else "<\(.)>" end)] | add' <(grep -a "^$T/response/gus/e " "$OUT/gus" | cut -d' ' -f2-)
    [ "$output" = "abc</w==>" ] || { echo "$output"; return 1; }
    # It is kept until it is acknowledged, and said again.
    ask exec gus '{"id":"e","ack":1,"again":true}'
    within 5 eval '[ "$(grep -ca "\"last\":true" "$OUT/gus")" = 2 ]'
    kill $SUBSCRIBER
}

@test "a requester that is killed in mid-stream: the stream ends in time, and its command too" {
    # shellcheck disable=SC2016 # for the inner shell
    local start='echo $$ >"$0"; exec davit exec web -- "$@"'
    node env -u DAVIT_CONTROL sh -c "$start" "$OUT/1" yes "$MARK" >"$OUT/yes" &
    node env -u DAVIT_CONTROL sh -c "$start" "$OUT/2" sleep "${MARK}7" &
    within 10 has_file "$OUT/yes"
    within 10 one_sleeps "${MARK}7"
    kill -KILL "$(cat "$OUT/1")" "$(cat "$OUT/2")"
    within 40 none_sleeps "${MARK}7"
    within 10 eval '! pgrep -fx "yes $MARK"'
    # One that is interrupted says so itself.
    node env -u DAVIT_CONTROL sh -c "$start" "$OUT/3" sleep "${MARK}8" &
    within 10 one_sleeps "${MARK}8"
    kill -TERM "$(cat "$OUT/3")"
    within 5 none_sleeps "${MARK}8"
}

@test "davit over the broker: the same words, output and exit codes as on the device" {
    remote() { node env -u DAVIT_CONTROL davit "$@"; }
    run -0 remote ping
    contains "n answers: davitd"
    for args in "logs web" "logs web --tail 1" "logs web --limit-bytes 2" "exec web -- echo hi" "top node -o name"; do
        # shellcheck disable=SC2086 # words are meant
        node davit $args >"$OUT/here"
        # shellcheck disable=SC2086
        remote $args >"$OUT/there"
        [[ $args == top* ]] || diff "$OUT/here" "$OUT/there"
    done
    run -4 remote logs none
    contains 'pods "none" not found'
    run -4 remote restart none
    run -3 remote exec web -- sh -c 'exit 3'
    head -c 500000 /dev/urandom >"$OUT/random"
    run -0 bash -c ". '$N/env'; unset DAVIT_CONTROL; davit exec -i web -- cat <'$OUT/random' | cmp - '$OUT/random'"
    run -2 node davit ping --node n --control /nowhere
    contains "exclude each other"
    run -0 node davit ping --node n
    run -3 node env DAVIT_NODE=n davit ping --control /nowhere
    run -5 node davit ping --node other
    contains "node other does not answer"
}

@test "logs -f over the broker: through a restart of the broker, to the end of the container, each line once" {
    put count '.spec.restartPolicy = "Never" | .spec.containers[0].command = ["sh", "-c", "i=0; while [ $i -lt 150 ]; do i=$((i + 1)); echo line $i; sleep 0.1; done"]'
    state count '.state == "Running"'
    node env -u DAVIT_CONTROL davit logs count -f >"$OUT/followed" &
    local follower=$!
    within 10 has_file "$OUT/followed" 10
    local broker
    broker=$(cat "$N/mosquitto.pid")
    kill "$broker"
    within 5 eval "! kill -0 $broker 2>/dev/null"
    devnode_do broker_start
    wait $follower
    diff "$OUT/followed" <(seq -f 'line %.0f' 150)
}

@test "an answer is not held back for the acknowledgement before it: no connection waits for more to send" {
    run -0 node strace -f -qq -e trace=setsockopt -o "$OUT/calls" "$STAGE/usr/bin/davit" ping --node n
    grep -q 'TCP_NODELAY, \[1\], 4) = 0' "$OUT/calls"
}
