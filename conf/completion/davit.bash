# bash completion for davit: verbs, types and flags. Names would need a broker at each key press, so they are left out.
_davit()
{
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} verb=${COMP_WORDS[1]}
    local broker='--broker --root --username --password-file --ca-file --cert-file --key-file'
    COMPREPLY=()
    case $before in
        -f|--file|--password-file|--ca-file|--cert-file|--key-file|--control|--config|import)
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            compopt -o filenames 2>/dev/null
            return ;;
        -o|--output)
            mapfile -t COMPREPLY < <(compgen -W 'json yaml name wide' -- "$word")
            return ;;
        --broker|--root|--node|--group|-n|--namespace|--username|--name|--sort-by|-c|--container|--tail|--since|--limit-bytes|--port|--delete)
            return ;;
    esac
    local words=
    if [ "$COMP_CWORD" -eq 1 ]; then
        words='apply run diff set scale label annotate cordon uncordon drain prune get describe delete logs exec cp port-forward restart rollout start stop console vnc snapshot rollback ping top doctor explain api-resources image vm version --help'
    elif [[ $word == -* ]]; then
        case $verb in
            delete) words="-f --filename -l --all -A --node --nodes --group -n --namespace --purge --dry-run --wait --wait=false --yes --force $broker --help" ;;
            apply) words="-f --filename --bundle --prune --strict --dry-run -o --node --nodes -l --group -n --namespace --wait --wait=false $broker --help" ;;
            run) words="--image --name -p -v -e --memory --cpu --restart --health --dry-run -o --node --nodes -l --group -n --namespace --wait --wait=false $broker --help" ;;
            diff) words="-f --filename --strict --node --group -n --namespace $broker --help" ;;
            set) words="--node --nodes -l --group -n --namespace --yes $broker --help" ;;
            scale) words="--replicas --node --nodes -l --group -n --namespace $broker --help" ;;
            label|annotate) words="--overwrite --node --nodes -l --group -n --namespace --yes $broker --help" ;;
            cordon|uncordon) words="--nodes -l --group --yes $broker --help" ;;
            drain) words="--nodes -l --group --yes --wait --wait=false $broker --help" ;;
            prune) words="--older --yes --dry-run $broker --help" ;;
            get) words="--node -n --namespace -A --all-namespaces -o --output -w --watch $broker --help" ;;
            describe) words="--node -n --namespace $broker --help" ;;
            top) words="pods vms node -n --namespace -A --all-namespaces --containers --sort-by -o --output --node --control $broker --help" ;;
            logs) words="-f --follow -c --container -p --previous --tail --since --timestamps --limit-bytes -n --namespace --node --control $broker --help" ;;
            exec) words="-i --stdin -t --tty -c --container -n --namespace --node --control $broker -- --help" ;;
            cp) words="-c --container -n --namespace --node --control $broker --help" ;;
            restart|start|console) words="-n --namespace --node --control $broker --help" ;;
            stop|rollback) words="--force -n --namespace --node --control $broker --help" ;;
            vnc) words="--port -n --namespace --node --control $broker --help" ;;
            snapshot) words="--list --delete -o --output -n --namespace --node --control $broker --help" ;;
            ping) words="--node --control $broker --help" ;;
            port-forward) words="--address -n --namespace --node --control $broker --help" ;;
            rollout) words="--wait --wait=false --revision --to-revision -o --output -n --namespace --node --group --control $broker --help" ;;
            doctor) words='--config --control -o --output --help' ;;
            explain) words='--recursive --help' ;;
            image) words='--name --control -o --output --help' ;;
            vm) words='--name --control --help' ;;
            version) words="--client --node $broker --help" ;;
        esac
    elif [ "$COMP_CWORD" -eq 2 ]; then
        case $verb in
            get) words='pods vms services nodes events deployments daemonsets statefulsets jobs cronjobs apps configmaps secrets persistentvolumeclaims' ;;
            describe|delete) words='pod vm service deployment daemonset statefulset job cronjob app configmap secret persistentvolumeclaim' ;;
            top) words='pods vms node' ;;
            start|stop|console|vnc|snapshot|rollback) words='vm' ;;
            explain) words='pod deployment daemonset statefulset job cronjob service configmap secret pvc vm app' ;;
            rollout) words='status history undo pause resume restart' ;;
            image) words='import pull ls inspect rm prune' ;;
            vm) words='import' ;;
        esac
    fi
    if [[ $verb == cp && $COMP_CWORD -gt 1 && $word != -* ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        compopt -o filenames 2>/dev/null
        return
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F _davit davit
