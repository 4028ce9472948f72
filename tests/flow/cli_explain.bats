#!/usr/bin/env bats
# davit explain and api-resources: from the tables of the decoder, with no broker anywhere.

bats_require_minimum_version 1.5.0
load cli_lib.bash

@test "explain says type, default, whether it is honoured, and what is below" {
    run -0 davit explain pod.spec.terminationGracePeriodSeconds
    [[ "$output" == *"FIELD:    spec.terminationGracePeriodSeconds <integer>"* ]]
    [[ "$output" == *"Default: 30."* && "$output" == *"Honoured."* ]]
    run -0 davit explain deploy.spec.template.spec.containers
    [[ "$output" == *"<[]Object> -required-"* && "$output" == *"livenessProbe"* ]]
    run -0 davit explain cj --recursive
    [[ "$output" == *"jobTemplate"*"template"*"containers"*"httpGet"* ]]
}

@test "what Davit leaves aside is said, and what does not exist is refused with the nearest" {
    run -0 davit explain deployment.spec.strategy.rollingUpdate.maxSurge
    [[ "$output" == *"Not honoured"*"IgnoredFields"* ]]
    run -4 davit explain pod.spec.hostNetwrk
    [[ "$output" == *"Did you mean hostNetwork?"* ]]
    run -4 davit explain app.health
    [[ "$output" == *'apps has no field "health". Did you mean spec.health?'* ]]
    run -4 davit explain pdo
    [[ "$output" == *"Did you mean pods?"* ]]
    run -2 davit explain
    [[ "$output" == *"explain what?"* ]]
}

@test "api-resources names the kinds as the other verbs take them" {
    run -0 davit api-resources
    [[ "${lines[0]}" =~ ^NAME\ +SHORTNAMES\ +APIVERSION\ +NAMESPACED\ +KIND$ ]]
    [[ "$output" =~ deployments\ +deploy\ +apps/v1\ +true\ +Deployment ]]
    local name short
    while read -r name short _; do
        [ "$name" = nodes ] && continue
        davit explain "$name" > /dev/null
        [ "$short" = '<none>' ] || davit explain "${short%%,*}" > /dev/null
    done < <(davit api-resources | tail -n +2)
}
