#!/bin/sh
# What udhcpc asks for, in the tiny guest.
# shellcheck disable=SC2154 # these are udhcpc's
case $1 in
bound | renew)
    ip address replace "$ip/${mask:-24}" dev "$interface"
    for gateway in $router; do
        ip route replace default via "$gateway" dev "$interface"
        break
    done
    {
        [ -z "$search$domain" ] || echo "search ${search:-$domain}"
        for server in $dns; do
            echo "nameserver $server"
        done
    } >/etc/resolv.conf
    [ "$1" = renew ] || printf "\nADDRESS %s %s\n" "$interface" "$ip" >/dev/console
    : >/tmp/address
    ;;
esac
