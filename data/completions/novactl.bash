# Completion of novactl(1) for bash. Words for instances, jobs, images, flavors and networks come from the bus; a daemon that is
# not there is not started for them.

_novactl_words() {
    novactl --no-ask-password complete "$@" 2>/dev/null
}

_novactl() {
    # a value after = is a word of its own for bash
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb='' option='' host='' i n=0 words=''
    local -A verbs=(
        [NONE]='flavors images networks stalled node update-resources report-state enable recover drift metrics is-online version'
        [MANY]='list status show jobs monitor start stop reboot pause unpause suspend resume unrescue lock unlock delete restore crash-dump
                quiesce unquiesce reset-network'
        [ONE]='rescue rebuild snapshot backup metadata console console-url diagnostics actions set-password inject-file attach-interface
               detach-interface'
        [OTHER]='create cancel disable service help'
    )
    local -A options=(
        [ALL]='--help --version --host= --json= -j --no-legend --no-pager --no-ask-password --full --quiet'
        [create]='--no-block --image= --flavor= --vcpus= --memory= --disk= --ephemeral= --swap= --network= --user-data= --metadata= --key-name=
                  --public-key= --password-file= --config-drive --zone= --uuid= --project= --user='
        [list]='--state= --project='
        [show]='--property= --value'
        [status]='--lines='
        [console]='--lines= --no-follow --raw'
        [recover]='--no-block --dry-run'
        [reboot]='--no-block --hard'
        [stop]='--no-block --timeout='
        [delete]='--no-block --force --soft'
        [rescue]='--no-block --image= --password-file='
        [rebuild]='--no-block --user-data= --password-file='
        [set-password]='--no-block --password-file='
        [attach-interface]='--no-block --fixed-ip='
        [start]='--no-block' [pause]='--no-block' [unpause]='--no-block' [suspend]='--no-block' [resume]='--no-block' [unrescue]='--no-block'
        [snapshot]='--no-block' [backup]='--no-block' [lock]='--no-block' [unlock]='--no-block' [metadata]='--no-block' [restore]='--no-block'
        [crash-dump]='--no-block' [quiesce]='--no-block' [unquiesce]='--no-block' [detach-interface]='--no-block' [inject-file]='--no-block'
        [reset-network]='--no-block'
    )

    if [[ $cur == = ]]; then
        option=$prev cur=''
    elif [[ $prev == = ]]; then
        option=${COMP_WORDS[COMP_CWORD-2]}
    elif [[ $prev == -[Hpn] || $prev == --host || $prev == --json || $prev == --property || $prev == --state || $prev == --image || $prev == --flavor ||
            $prev == --network || $prev == --user-data || $prev == --public-key || $prev == --password-file ]]; then
        option=$prev
    fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            -H | --host) host=1; [[ ${COMP_WORDS[i+1]} == = ]] && ((i++)); ((i++)) ;;
            -p | -n) ((i++)) ;;
            =) ((i++)) ;;
            -*) ;;
            *) if [[ -z $verb ]]; then verb=${COMP_WORDS[i]}; else ((n++)); fi ;;
        esac
    done

    COMPREPLY=()
    case $option in
        --host | -H)
            declare -F _known_hosts_real >/dev/null && _known_hosts_real -- "$cur"
            return ;;
        --json) words='pretty short off' ;;
        --state) words='active building paused suspended stopped rescued resized soft-delete error' ;;
        --image) words=$(_novactl_words images) ;;
        --flavor) words=$(_novactl_words flavors) ;;
        --network) words=$(_novactl_words networks) ;;
        --user-data | --public-key | --password-file)
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
            return ;;
        '') ;;
        *) return ;;
    esac
    if [[ -n $option ]]; then
        :
    elif [[ $cur == -* ]]; then
        words="${options[ALL]} ${verb:+${options[$verb]}}"
    elif [[ -z $verb ]]; then
        words=${verbs[*]}
    elif [[ -n $host ]]; then
        return                          # that would ask another machine at each key
    elif [[ $verb == cancel ]]; then
        words=$(_novactl_words jobs)
    elif [[ $verb == service ]]; then
        ((n == 0)) && words='start stop reload'
    elif [[ $verb == help ]]; then
        ((n == 0)) && words=${verbs[*]}
    elif [[ $verb == inject-file && $n == 1 ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
    elif [[ $verb == rebuild && $n == 1 ]]; then
        words=$(_novactl_words images)
    elif [[ $verb == attach-interface && $n == 1 ]]; then
        words=$(_novactl_words networks)
    elif [[ $verb == console-url && $n == 1 ]]; then
        words='vnc spice serial'
    elif [[ " ${verbs[MANY]//$'\n'/ } " == *" $verb "* ]] || [[ " ${verbs[ONE]//$'\n'/ } " == *" $verb "* && $n == 0 ]]; then
        words=$(_novactl_words instances "$verb")
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
    [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
    return 0
}

complete -F _novactl novactl
