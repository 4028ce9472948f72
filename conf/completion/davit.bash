# bash completion for davit: verbs, types and flags. Names would need a broker at each key press, so they are left out.
_davit()
{
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} verb=${COMP_WORDS[1]}
    local broker='--broker --root --username --password-file --ca-file --cert-file --key-file'
    COMPREPLY=()
    case $before in
        -f|--file|--password-file|--ca-file|--cert-file|--key-file|--control|import)
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            compopt -o filenames 2>/dev/null
            return ;;
        -o|--output)
            mapfile -t COMPREPLY < <(compgen -W 'json yaml name wide' -- "$word")
            return ;;
        --broker|--root|--node|--group|-n|--namespace|--username|--name|-c|--container|--tail|--since|--limit-bytes)
            return ;;
    esac
    local words=
    if [ "$COMP_CWORD" -eq 1 ]; then
        words='apply get describe delete logs image version --help'
    elif [[ $word == -* ]]; then
        case $verb in
            apply|delete) words="-f --file --node --group -n --namespace --wait --wait=false $broker --help" ;;
            get) words="--node -n --namespace -A --all-namespaces -o --output -w --watch $broker --help" ;;
            describe) words="--node -n --namespace $broker --help" ;;
            logs) words='-f --follow -c --container -p --previous --tail --since --timestamps --limit-bytes -n --namespace --control --help' ;;
            image) words='--name --control -o --output --help' ;;
            version) words="--client --node $broker --help" ;;
        esac
    elif [ "$COMP_CWORD" -eq 2 ]; then
        case $verb in
            get) words='pods nodes events deployments daemonsets statefulsets jobs cronjobs apps configmaps secrets persistentvolumeclaims' ;;
            describe|delete) words='pod deployment daemonset statefulset job cronjob app configmap secret persistentvolumeclaim' ;;
            image) words='import pull ls inspect rm prune' ;;
        esac
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F _davit davit
