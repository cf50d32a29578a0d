_aiperf__ctl() {
    local i cur prev opts cmd
    COMPREPLY=()
    if [[ "${BASH_VERSINFO[0]}" -ge 4 ]]; then
        cur="$2"
    else
        cur="${COMP_WORDS[COMP_CWORD]}"
    fi
    prev="$3"
    cmd=""
    opts=""

    for i in "${COMP_WORDS[@]:0:COMP_CWORD}"
    do
        case "${cmd},${i}" in
            ",$1")
                cmd="aiperf__ctl"
                ;;
            aiperf__ctl,analyze)
                cmd="aiperf__ctl__subcmd__analyze"
                ;;
            aiperf__ctl,analyze-trace)
                cmd="aiperf__ctl__subcmd__analyze__subcmd__trace"
                ;;
            aiperf__ctl,audit)
                cmd="aiperf__ctl__subcmd__audit"
                ;;
            aiperf__ctl,compare)
                cmd="aiperf__ctl__subcmd__compare"
                ;;
            aiperf__ctl,config)
                cmd="aiperf__ctl__subcmd__config"
                ;;
            aiperf__ctl,doctor)
                cmd="aiperf__ctl__subcmd__doctor"
                ;;
            aiperf__ctl,help)
                cmd="aiperf__ctl__subcmd__help"
                ;;
            aiperf__ctl,install-alias)
                cmd="aiperf__ctl__subcmd__install__subcmd__alias"
                ;;
            aiperf__ctl,install-completion)
                cmd="aiperf__ctl__subcmd__install__subcmd__completion"
                ;;
            aiperf__ctl,observe)
                cmd="aiperf__ctl__subcmd__observe"
                ;;
            aiperf__ctl,plot)
                cmd="aiperf__ctl__subcmd__plot"
                ;;
            aiperf__ctl,plugins)
                cmd="aiperf__ctl__subcmd__plugins"
                ;;
            aiperf__ctl,profile)
                cmd="aiperf__ctl__subcmd__profile"
                ;;
            aiperf__ctl,report)
                cmd="aiperf__ctl__subcmd__report"
                ;;
            aiperf__ctl,runs)
                cmd="aiperf__ctl__subcmd__runs"
                ;;
            aiperf__ctl,show-completion)
                cmd="aiperf__ctl__subcmd__show__subcmd__completion"
                ;;
            aiperf__ctl,trace)
                cmd="aiperf__ctl__subcmd__trace"
                ;;
            aiperf__ctl,version)
                cmd="aiperf__ctl__subcmd__version"
                ;;
            aiperf__ctl__subcmd__analyze,help)
                cmd="aiperf__ctl__subcmd__analyze__subcmd__help"
                ;;
            aiperf__ctl__subcmd__analyze,swim-lane)
                cmd="aiperf__ctl__subcmd__analyze__subcmd__swim__subcmd__lane"
                ;;
            aiperf__ctl__subcmd__analyze,turn-messages)
                cmd="aiperf__ctl__subcmd__analyze__subcmd__turn__subcmd__messages"
                ;;
            aiperf__ctl__subcmd__analyze__subcmd__help,help)
                cmd="aiperf__ctl__subcmd__analyze__subcmd__help__subcmd__help"
                ;;
            aiperf__ctl__subcmd__analyze__subcmd__help,swim-lane)
                cmd="aiperf__ctl__subcmd__analyze__subcmd__help__subcmd__swim__subcmd__lane"
                ;;
            aiperf__ctl__subcmd__analyze__subcmd__help,turn-messages)
                cmd="aiperf__ctl__subcmd__analyze__subcmd__help__subcmd__turn__subcmd__messages"
                ;;
            aiperf__ctl__subcmd__config,expand)
                cmd="aiperf__ctl__subcmd__config__subcmd__expand"
                ;;
            aiperf__ctl__subcmd__config,help)
                cmd="aiperf__ctl__subcmd__config__subcmd__help"
                ;;
            aiperf__ctl__subcmd__config,init)
                cmd="aiperf__ctl__subcmd__config__subcmd__init"
                ;;
            aiperf__ctl__subcmd__config,validate)
                cmd="aiperf__ctl__subcmd__config__subcmd__validate"
                ;;
            aiperf__ctl__subcmd__config__subcmd__help,expand)
                cmd="aiperf__ctl__subcmd__config__subcmd__help__subcmd__expand"
                ;;
            aiperf__ctl__subcmd__config__subcmd__help,help)
                cmd="aiperf__ctl__subcmd__config__subcmd__help__subcmd__help"
                ;;
            aiperf__ctl__subcmd__config__subcmd__help,init)
                cmd="aiperf__ctl__subcmd__config__subcmd__help__subcmd__init"
                ;;
            aiperf__ctl__subcmd__config__subcmd__help,validate)
                cmd="aiperf__ctl__subcmd__config__subcmd__help__subcmd__validate"
                ;;
            aiperf__ctl__subcmd__help,analyze)
                cmd="aiperf__ctl__subcmd__help__subcmd__analyze"
                ;;
            aiperf__ctl__subcmd__help,analyze-trace)
                cmd="aiperf__ctl__subcmd__help__subcmd__analyze__subcmd__trace"
                ;;
            aiperf__ctl__subcmd__help,audit)
                cmd="aiperf__ctl__subcmd__help__subcmd__audit"
                ;;
            aiperf__ctl__subcmd__help,compare)
                cmd="aiperf__ctl__subcmd__help__subcmd__compare"
                ;;
            aiperf__ctl__subcmd__help,config)
                cmd="aiperf__ctl__subcmd__help__subcmd__config"
                ;;
            aiperf__ctl__subcmd__help,doctor)
                cmd="aiperf__ctl__subcmd__help__subcmd__doctor"
                ;;
            aiperf__ctl__subcmd__help,help)
                cmd="aiperf__ctl__subcmd__help__subcmd__help"
                ;;
            aiperf__ctl__subcmd__help,install-alias)
                cmd="aiperf__ctl__subcmd__help__subcmd__install__subcmd__alias"
                ;;
            aiperf__ctl__subcmd__help,install-completion)
                cmd="aiperf__ctl__subcmd__help__subcmd__install__subcmd__completion"
                ;;
            aiperf__ctl__subcmd__help,observe)
                cmd="aiperf__ctl__subcmd__help__subcmd__observe"
                ;;
            aiperf__ctl__subcmd__help,plot)
                cmd="aiperf__ctl__subcmd__help__subcmd__plot"
                ;;
            aiperf__ctl__subcmd__help,plugins)
                cmd="aiperf__ctl__subcmd__help__subcmd__plugins"
                ;;
            aiperf__ctl__subcmd__help,profile)
                cmd="aiperf__ctl__subcmd__help__subcmd__profile"
                ;;
            aiperf__ctl__subcmd__help,report)
                cmd="aiperf__ctl__subcmd__help__subcmd__report"
                ;;
            aiperf__ctl__subcmd__help,runs)
                cmd="aiperf__ctl__subcmd__help__subcmd__runs"
                ;;
            aiperf__ctl__subcmd__help,show-completion)
                cmd="aiperf__ctl__subcmd__help__subcmd__show__subcmd__completion"
                ;;
            aiperf__ctl__subcmd__help,trace)
                cmd="aiperf__ctl__subcmd__help__subcmd__trace"
                ;;
            aiperf__ctl__subcmd__help,version)
                cmd="aiperf__ctl__subcmd__help__subcmd__version"
                ;;
            aiperf__ctl__subcmd__help__subcmd__analyze,swim-lane)
                cmd="aiperf__ctl__subcmd__help__subcmd__analyze__subcmd__swim__subcmd__lane"
                ;;
            aiperf__ctl__subcmd__help__subcmd__analyze,turn-messages)
                cmd="aiperf__ctl__subcmd__help__subcmd__analyze__subcmd__turn__subcmd__messages"
                ;;
            aiperf__ctl__subcmd__help__subcmd__config,expand)
                cmd="aiperf__ctl__subcmd__help__subcmd__config__subcmd__expand"
                ;;
            aiperf__ctl__subcmd__help__subcmd__config,init)
                cmd="aiperf__ctl__subcmd__help__subcmd__config__subcmd__init"
                ;;
            aiperf__ctl__subcmd__help__subcmd__config,validate)
                cmd="aiperf__ctl__subcmd__help__subcmd__config__subcmd__validate"
                ;;
            aiperf__ctl__subcmd__help__subcmd__plugins,new)
                cmd="aiperf__ctl__subcmd__help__subcmd__plugins__subcmd__new"
                ;;
            aiperf__ctl__subcmd__help__subcmd__runs,fetch)
                cmd="aiperf__ctl__subcmd__help__subcmd__runs__subcmd__fetch"
                ;;
            aiperf__ctl__subcmd__help__subcmd__runs,list)
                cmd="aiperf__ctl__subcmd__help__subcmd__runs__subcmd__list"
                ;;
            aiperf__ctl__subcmd__help__subcmd__runs,recover)
                cmd="aiperf__ctl__subcmd__help__subcmd__runs__subcmd__recover"
                ;;
            aiperf__ctl__subcmd__help__subcmd__runs,rm)
                cmd="aiperf__ctl__subcmd__help__subcmd__runs__subcmd__rm"
                ;;
            aiperf__ctl__subcmd__help__subcmd__runs,show)
                cmd="aiperf__ctl__subcmd__help__subcmd__runs__subcmd__show"
                ;;
            aiperf__ctl__subcmd__plugins,help)
                cmd="aiperf__ctl__subcmd__plugins__subcmd__help"
                ;;
            aiperf__ctl__subcmd__plugins,new)
                cmd="aiperf__ctl__subcmd__plugins__subcmd__new"
                ;;
            aiperf__ctl__subcmd__plugins__subcmd__help,help)
                cmd="aiperf__ctl__subcmd__plugins__subcmd__help__subcmd__help"
                ;;
            aiperf__ctl__subcmd__plugins__subcmd__help,new)
                cmd="aiperf__ctl__subcmd__plugins__subcmd__help__subcmd__new"
                ;;
            aiperf__ctl__subcmd__runs,delete)
                cmd="aiperf__ctl__subcmd__runs__subcmd__rm"
                ;;
            aiperf__ctl__subcmd__runs,fetch)
                cmd="aiperf__ctl__subcmd__runs__subcmd__fetch"
                ;;
            aiperf__ctl__subcmd__runs,help)
                cmd="aiperf__ctl__subcmd__runs__subcmd__help"
                ;;
            aiperf__ctl__subcmd__runs,list)
                cmd="aiperf__ctl__subcmd__runs__subcmd__list"
                ;;
            aiperf__ctl__subcmd__runs,recover)
                cmd="aiperf__ctl__subcmd__runs__subcmd__recover"
                ;;
            aiperf__ctl__subcmd__runs,rm)
                cmd="aiperf__ctl__subcmd__runs__subcmd__rm"
                ;;
            aiperf__ctl__subcmd__runs,show)
                cmd="aiperf__ctl__subcmd__runs__subcmd__show"
                ;;
            aiperf__ctl__subcmd__runs__subcmd__help,fetch)
                cmd="aiperf__ctl__subcmd__runs__subcmd__help__subcmd__fetch"
                ;;
            aiperf__ctl__subcmd__runs__subcmd__help,help)
                cmd="aiperf__ctl__subcmd__runs__subcmd__help__subcmd__help"
                ;;
            aiperf__ctl__subcmd__runs__subcmd__help,list)
                cmd="aiperf__ctl__subcmd__runs__subcmd__help__subcmd__list"
                ;;
            aiperf__ctl__subcmd__runs__subcmd__help,recover)
                cmd="aiperf__ctl__subcmd__runs__subcmd__help__subcmd__recover"
                ;;
            aiperf__ctl__subcmd__runs__subcmd__help,rm)
                cmd="aiperf__ctl__subcmd__runs__subcmd__help__subcmd__rm"
                ;;
            aiperf__ctl__subcmd__runs__subcmd__help,show)
                cmd="aiperf__ctl__subcmd__runs__subcmd__help__subcmd__show"
                ;;
            *)
                ;;
        esac
    done

    case "${cmd}" in
        aiperf__ctl)
            opts="-h --help profile audit observe report compare plot plugins config trace analyze analyze-trace runs doctor install-alias install-completion show-completion version help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 1 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__analyze)
            opts="-h --help swim-lane turn-messages help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__analyze__subcmd__trace)
            opts="-h --input-file --block-size --output-file --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --input-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --block-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --output-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__analyze__subcmd__help)
            opts="swim-lane turn-messages help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__analyze__subcmd__help__subcmd__help)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__analyze__subcmd__help__subcmd__swim__subcmd__lane)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__analyze__subcmd__help__subcmd__turn__subcmd__messages)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__analyze__subcmd__swim__subcmd__lane)
            opts="-o -c -h --run-dirs --output --out --concurrency --ramp --html --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --run-dirs)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --out)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --output)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --concurrency)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -c)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --ramp)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__analyze__subcmd__turn__subcmd__messages)
            opts="-o -n -h --run-dirs --output --out --limit-conversations --max-turns --content-cap --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --run-dirs)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --out)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --output)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limit-conversations)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -n)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-turns)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --content-cap)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__audit)
            opts="-h --output-artifact-dir --artifact-dir --client-result --port --snap-length --tokenizer --payload --socket --fail-on --console --quiet --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --artifact-dir)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --output-artifact-dir)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --client-result)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --port)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --snap-length)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --tokenizer)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --socket)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fail-on)
                    COMPREPLY=($(compgen -W "degraded invalid never" -- "${cur}"))
                    return 0
                    ;;
                --console)
                    COMPREPLY=($(compgen -W "summary full" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__compare)
            opts="-o -h --metric --fail-if --fail-if-unsure --relevant-shift --run-variation --format --output --console --tokenizer --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --metric)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fail-if)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fail-if-unsure)
                    COMPREPLY=($(compgen -W "status pass fail value" -- "${cur}"))
                    return 0
                    ;;
                --relevant-shift)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --run-variation)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "table json html" -- "${cur}"))
                    return 0
                    ;;
                --output)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --console)
                    COMPREPLY=($(compgen -W "summary full" -- "${cur}"))
                    return 0
                    ;;
                --tokenizer)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__config)
            opts="-h --help init validate expand help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__config__subcmd__expand)
            opts="-F -i -f -h --full --index --format --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --index)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -i)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "text yaml json" -- "${cur}"))
                    return 0
                    ;;
                -f)
                    COMPREPLY=($(compgen -W "text yaml json" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__config__subcmd__help)
            opts="init validate expand help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__config__subcmd__help__subcmd__expand)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__config__subcmd__help__subcmd__help)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__config__subcmd__help__subcmd__init)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__config__subcmd__help__subcmd__validate)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__config__subcmd__init)
            opts="-t -l -s -m -u -o -h --template --list --search --model --url --output --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --template)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -t)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --search)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -s)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --model)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -m)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --url)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -u)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --output)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__config__subcmd__validate)
            opts="-h --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__doctor)
            opts="-h --all --json --require --concurrency --cpus --output-artifact-dir --artifact-dir --socket --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --require)
                    COMPREPLY=($(compgen -W "ebpf so_timestamping timestamps daemon capabilities cgroup_v2 btf kernel io_uring container cores cpu_quota hot_core load governor idle_states steal clock_source time_namespace time_sync ports descriptors conntrack listen_queue port_reuse memory memlock disk inodes gpu" -- "${cur}"))
                    return 0
                    ;;
                --concurrency)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --cpus)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --artifact-dir)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --output-artifact-dir)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --socket)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__help)
            opts="profile audit observe report compare plot plugins config trace analyze analyze-trace runs doctor install-alias install-completion show-completion version help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__help__subcmd__analyze)
            opts="swim-lane turn-messages"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__help__subcmd__analyze__subcmd__trace)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__help__subcmd__analyze__subcmd__swim__subcmd__lane)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__help__subcmd__analyze__subcmd__turn__subcmd__messages)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__help__subcmd__audit)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__help__subcmd__compare)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__help__subcmd__config)
            opts="init validate expand"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__help__subcmd__config__subcmd__expand)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__help__subcmd__config__subcmd__init)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__help__subcmd__config__subcmd__validate)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__help__subcmd__doctor)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__help__subcmd__help)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__help__subcmd__install__subcmd__alias)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__help__subcmd__install__subcmd__completion)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__help__subcmd__observe)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__help__subcmd__plot)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__help__subcmd__plugins)
            opts="new"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__help__subcmd__plugins__subcmd__new)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__help__subcmd__profile)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__help__subcmd__report)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__help__subcmd__runs)
            opts="list show fetch recover rm"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__help__subcmd__runs__subcmd__fetch)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__help__subcmd__runs__subcmd__list)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__help__subcmd__runs__subcmd__recover)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__help__subcmd__runs__subcmd__rm)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__help__subcmd__runs__subcmd__show)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__help__subcmd__show__subcmd__completion)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__help__subcmd__trace)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__help__subcmd__version)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__install__subcmd__alias)
            opts="-h --dir --force --remove --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --dir)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__install__subcmd__completion)
            opts="-o -h --shell --output --help bash zsh fish"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --shell)
                    COMPREPLY=($(compgen -W "bash zsh fish" -- "${cur}"))
                    return 0
                    ;;
                --output)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__observe)
            opts="-h --pid --cgroup --unit --side --socket-wait --duration --ui-type --ui --web --output-artifact-dir --artifact-dir --port --snap-length --tokenizer --payload --socket --fail-on --console --quiet --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --pid)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --cgroup)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --unit)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --side)
                    COMPREPLY=($(compgen -W "client server" -- "${cur}"))
                    return 0
                    ;;
                --duration)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --ui)
                    COMPREPLY=($(compgen -W "dashboard simple none" -- "${cur}"))
                    return 0
                    ;;
                --ui-type)
                    COMPREPLY=($(compgen -W "dashboard simple none" -- "${cur}"))
                    return 0
                    ;;
                --web)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --artifact-dir)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --output-artifact-dir)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --port)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --snap-length)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --tokenizer)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --socket)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fail-on)
                    COMPREPLY=($(compgen -W "degraded invalid never" -- "${cur}"))
                    return 0
                    ;;
                --console)
                    COMPREPLY=($(compgen -W "summary full" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__plot)
            opts="-h --paths --output-dir --output --config --theme --format --width --show-config --mlflow-upload --mlflow-tracking-uri --mlflow-run-id --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --paths)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --output)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --output-dir)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --config)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --theme)
                    COMPREPLY=($(compgen -W "light dark" -- "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "png svg both json" -- "${cur}"))
                    return 0
                    ;;
                --width)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --mlflow-tracking-uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --mlflow-run-id)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__plugins)
            opts="-h --all --validate --plugin-python --help new help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --plugin-python)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__plugins__subcmd__help)
            opts="new help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__plugins__subcmd__help__subcmd__help)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__plugins__subcmd__help__subcmd__new)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__plugins__subcmd__new)
            opts="-h --lang --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --lang)
                    COMPREPLY=($(compgen -W "python rust" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__profile)
            opts="-m -u -H -f -b -v -h --model-names --model --model-selection-strategy --model-weights --url --url-strategy --endpoint-type --custom-endpoint --endpoint --streaming --request-timeout-seconds --wait-for-model-timeout --wait-for-model-mode --wait-for-model-interval --reset-kv-cache --cache --reset-kv-cache-timeout-seconds --reset-kv-cache-path --server-profiler --server-profiler-timeout-seconds --server-profiler-start-path --server-profiler-stop-path --api-key --transport-type --transport --header --extra-inputs --use-legacy-max-tokens --use-server-token-count --per-chunk-usage --connection-reuse-strategy --download-video-content --video-poll-interval --request-content-type --session-header --uuid-and-strip --ca-certificate --insecure --tokenizer --tokenizer-revision --apply-chat-template --input-file --custom-dataset-type --public-dataset --dataset-path --dataset-filter --dataset-sampling-strategy --ignore-trace-delays --trace-session-sample-ratio --random-seed --config --num-conversations --num-sessions --conversation-num --num-prompts --num-dataset-entries --session-turns-mean --conversation-turn-mean --session-turns-stddev --conversation-turn-stddev --session-turn-delay-mean --conversation-turn-delay-mean --session-turn-delay-stddev --conversation-turn-delay-stddev --session-delay-ratio --conversation-turn-delay-ratio --inter-turn-delay-cap-seconds --max-idle-gap-cap-seconds --replay-speedup --open-loop-replay --no-open-loop-replay --open-loop-strict --omit-kv-hints --force-min-tokens --no-force-min-tokens --synthetic-input-tokens-mean --isl --prompt-input-tokens-mean --synthetic-input-tokens-stddev --isl-stddev --prompt-input-tokens-stddev --synthetic-input-tokens-block-size --isl-block-size --prompt-input-tokens-block-size --output-tokens-mean --osl --prompt-output-tokens-mean --output-tokens-stddev --osl-stddev --prompt-output-tokens-stddev --sequence-distribution --seq-dist --random-range-ratio --random-corpus-style --batch-size-text --batch-size --prompt-batch-size --prompt-corpus --cache-bust --system-prompt --system-prompt-file --prefix-prompt-pool-size --num-prefix-prompts --prompt-prefix-pool-size --prefix-prompt-length --prompt-prefix-length --shared-system-prompt-length --user-context-prompt-length --image-width-mean --image-width-stddev --image-height-mean --image-height-stddev --batch-size-image --image-batch-size --image-format --image-source --image-source-sampling --batch-size-audio --audio-batch-size --audio-length-mean --audio-length-stddev --audio-format --audio-depths --audio-sample-rates --audio-num-channels --batch-size-video --video-batch-size --video-duration --video-fps --video-width --video-height --video-synth-type --video-format --video-codec --video-audio-sample-rate --video-audio-num-channels --video-audio-codec --video-audio-depth --rankings-passages-mean --rankings-passages-stddev --rankings-passages-prompt-token-mean --rankings-passages-prompt-token-stddev --rankings-query-prompt-token-mean --rankings-query-prompt-token-stddev --synthesis-speedup-ratio --synthesis-prefix-len-multiplier --synthesis-prefix-root-multiplier --synthesis-prompt-len-multiplier --synthesis-output-len-multiplier --synthesis-max-isl --synthesis-max-osl --concurrency --prefill-concurrency --request-rate --request-rate-mode --arrival-pattern --vllm-burstiness --arrival-smoothness --request-rate-series --num-requests --request-count --benchmark-duration --benchmark-grace-period --concurrency-ramp-duration --prefill-concurrency-ramp-duration --request-rate-ramp-duration --ramp-strategy --phases --failed-request-threshold --fixed-schedule --no-fixed-schedule --fixed-schedule-auto-offset --fixed-schedule-start-offset --fixed-schedule-end-offset --num-warmup-requests --warmup-request-count --warmup-duration --num-warmup-sessions --warmup-concurrency --warmup-prefill-concurrency --warmup-request-rate --warmup-arrival-pattern --warmup-grace-period --warmup-concurrency-ramp-duration --warmup-prefill-concurrency-ramp-duration --warmup-request-rate-ramp-duration --user-centric-rate --num-users --request-cancellation-rate --request-cancellation-delay --timestamps --cpus --workers-max --max-workers --workers --spin --fail-on --socket --goodput --slice-duration --steady-state --show-trace-timing --num-profile-runs --profile-run-cooldown-seconds --confidence-level --convergence-metric --convergence-stat --convergence-mode --convergence-threshold --profile-run-disable-warmup-after-first --no-profile-run-disable-warmup-after-first --set-consistent-seed --no-set-consistent-seed --sweep-type --sweep-variant --variant --parameter-sweep-mode --parameter-sweep-cooldown-seconds --parameter-sweep-same-seed --no-parameter-sweep-same-seed --no-sweep-table --restart --search-recipe --search-space --search-sla --search-sla-tier --search-metric --search-stat --search-direction --search-planner --search-max-iterations --search-initial-points --search-random-seed --optuna-sampler --optuna-acquisition --optuna-terminator --bo-constraint-mode --search-percentile-pooling --search-clock --stopping-scope --ttft-sla-ms --tpot-sla-ms --itl-sla-ms --e2e-sla-ms --error-rate-sla --slo-attainment-fraction --search-style --degradation-threshold --degradation-metric-tag --degradation-stat --isl-osl-pairs --isl-min --isl-max --isl-steps --concurrency-min --concurrency-max --concurrency-steps --c-max --c-min --osl-min --osl-max --osl-steps --output-artifact-dir --artifact-dir --profile-export-file --profile-export-prefix --profile-export-level --export-level --no-report-html --export-outputs-json --export-http-trace --ui-type --ui --web --console --auto-plot --no-auto-plot --plot-required --dry-run --otel-url --stream --otel-resource-attributes --gen-ai-provider --mlflow-tracking-uri --mlflow-experiment --mlflow-run-name --mlflow-tag --mlflow-parent-run-id --mlflow-artifact-glob --gpu-telemetry --no-gpu-telemetry --gpu-sample-interval --server-metrics --no-server-metrics --server-metrics-formats --network-latency-automatic --network-latency-mean --network-latency-ping-interval --plugin --plugin-python --plugin-timeout --plugin-allow --log-level --verbose --extra-verbose --record-processors --record-processor-service-count --stats-interval --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --model)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --model-names)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -m)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --model-selection-strategy)
                    COMPREPLY=($(compgen -W "round_robin random weighted" -- "${cur}"))
                    return 0
                    ;;
                --model-weights)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --url)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -u)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --url-strategy)
                    COMPREPLY=($(compgen -W "round_robin" -- "${cur}"))
                    return 0
                    ;;
                --endpoint-type)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --endpoint)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --custom-endpoint)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --request-timeout-seconds)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --wait-for-model-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --wait-for-model-mode)
                    COMPREPLY=($(compgen -W "models inference both" -- "${cur}"))
                    return 0
                    ;;
                --wait-for-model-interval)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --cache)
                    COMPREPLY=($(compgen -W "as-is cold warm" -- "${cur}"))
                    return 0
                    ;;
                --reset-kv-cache-timeout-seconds)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --reset-kv-cache-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --server-profiler-timeout-seconds)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --server-profiler-start-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --server-profiler-stop-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --api-key)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --transport)
                    COMPREPLY=($(compgen -W "http" -- "${cur}"))
                    return 0
                    ;;
                --transport-type)
                    COMPREPLY=($(compgen -W "http" -- "${cur}"))
                    return 0
                    ;;
                --header)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -H)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --extra-inputs)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --connection-reuse-strategy)
                    COMPREPLY=($(compgen -W "pooled never sticky-user-sessions" -- "${cur}"))
                    return 0
                    ;;
                --video-poll-interval)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --request-content-type)
                    COMPREPLY=($(compgen -W "application/json multipart/form-data" -- "${cur}"))
                    return 0
                    ;;
                --session-header)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --ca-certificate)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --tokenizer)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --tokenizer-revision)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --input-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --custom-dataset-type)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --public-dataset)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --dataset-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --dataset-filter)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --dataset-sampling-strategy)
                    COMPREPLY=($(compgen -W "sequential random shuffle" -- "${cur}"))
                    return 0
                    ;;
                --trace-session-sample-ratio)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --random-seed)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --config)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -f)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --conversation-num)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --num-conversations)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --num-sessions)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --num-dataset-entries)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --num-prompts)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --conversation-turn-mean)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --session-turns-mean)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --conversation-turn-stddev)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --session-turns-stddev)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --conversation-turn-delay-mean)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --session-turn-delay-mean)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --conversation-turn-delay-stddev)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --session-turn-delay-stddev)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --conversation-turn-delay-ratio)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --session-delay-ratio)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --inter-turn-delay-cap-seconds)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-idle-gap-cap-seconds)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --replay-speedup)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --prompt-input-tokens-mean)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --synthetic-input-tokens-mean)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --isl)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --prompt-input-tokens-stddev)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --synthetic-input-tokens-stddev)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --isl-stddev)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --prompt-input-tokens-block-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --synthetic-input-tokens-block-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --isl-block-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --prompt-output-tokens-mean)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --output-tokens-mean)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --osl)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --prompt-output-tokens-stddev)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --output-tokens-stddev)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --osl-stddev)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --seq-dist)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --sequence-distribution)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --random-range-ratio)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --random-corpus-style)
                    COMPREPLY=($(compgen -W "vllm sglang" -- "${cur}"))
                    return 0
                    ;;
                --prompt-batch-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --batch-size-text)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --batch-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -b)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --prompt-corpus)
                    COMPREPLY=($(compgen -W "sonnet coding random" -- "${cur}"))
                    return 0
                    ;;
                --cache-bust)
                    COMPREPLY=($(compgen -W "none system_prefix system_suffix first_turn_prefix first_turn_suffix warmup_isolation_system warmup_isolation_first_turn" -- "${cur}"))
                    return 0
                    ;;
                --system-prompt)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --system-prompt-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --prompt-prefix-pool-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --prefix-prompt-pool-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --num-prefix-prompts)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --prompt-prefix-length)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --prefix-prompt-length)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --shared-system-prompt-length)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user-context-prompt-length)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --image-width-mean)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --image-width-stddev)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --image-height-mean)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --image-height-stddev)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --image-batch-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --batch-size-image)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --image-format)
                    COMPREPLY=($(compgen -W "png jpeg random" -- "${cur}"))
                    return 0
                    ;;
                --image-source)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --image-source-sampling)
                    COMPREPLY=($(compgen -W "random-with-replacement shuffle-cycle sequential-cycle" -- "${cur}"))
                    return 0
                    ;;
                --audio-batch-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --batch-size-audio)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --audio-length-mean)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --audio-length-stddev)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --audio-format)
                    COMPREPLY=($(compgen -W "wav mp3" -- "${cur}"))
                    return 0
                    ;;
                --audio-depths)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --audio-sample-rates)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --audio-num-channels)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --video-batch-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --batch-size-video)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --video-duration)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --video-fps)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --video-width)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --video-height)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --video-synth-type)
                    COMPREPLY=($(compgen -W "moving_shapes grid_clock noise" -- "${cur}"))
                    return 0
                    ;;
                --video-format)
                    COMPREPLY=($(compgen -W "webm mp4" -- "${cur}"))
                    return 0
                    ;;
                --video-codec)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --video-audio-sample-rate)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --video-audio-num-channels)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --video-audio-codec)
                    COMPREPLY=($(compgen -W "libvorbis libopus aac" -- "${cur}"))
                    return 0
                    ;;
                --video-audio-depth)
                    COMPREPLY=($(compgen -W "8 16 24 32" -- "${cur}"))
                    return 0
                    ;;
                --rankings-passages-mean)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --rankings-passages-stddev)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --rankings-passages-prompt-token-mean)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --rankings-passages-prompt-token-stddev)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --rankings-query-prompt-token-mean)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --rankings-query-prompt-token-stddev)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --synthesis-speedup-ratio)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --synthesis-prefix-len-multiplier)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --synthesis-prefix-root-multiplier)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --synthesis-prompt-len-multiplier)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --synthesis-output-len-multiplier)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --synthesis-max-isl)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --synthesis-max-osl)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --concurrency)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --prefill-concurrency)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --request-rate)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --arrival-pattern)
                    COMPREPLY=($(compgen -W "constant poisson gamma concurrency_burst" -- "${cur}"))
                    return 0
                    ;;
                --request-rate-mode)
                    COMPREPLY=($(compgen -W "constant poisson gamma concurrency_burst" -- "${cur}"))
                    return 0
                    ;;
                --arrival-smoothness)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --vllm-burstiness)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --request-rate-series)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --request-count)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --num-requests)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --benchmark-duration)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --benchmark-grace-period)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --concurrency-ramp-duration)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --prefill-concurrency-ramp-duration)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --request-rate-ramp-duration)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --ramp-strategy)
                    COMPREPLY=($(compgen -W "linear exponential poisson" -- "${cur}"))
                    return 0
                    ;;
                --phases)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --failed-request-threshold)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fixed-schedule-start-offset)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fixed-schedule-end-offset)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --warmup-request-count)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --num-warmup-requests)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --warmup-duration)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --num-warmup-sessions)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --warmup-concurrency)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --warmup-prefill-concurrency)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --warmup-request-rate)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --warmup-arrival-pattern)
                    COMPREPLY=($(compgen -W "constant poisson gamma concurrency_burst" -- "${cur}"))
                    return 0
                    ;;
                --warmup-grace-period)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --warmup-concurrency-ramp-duration)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --warmup-prefill-concurrency-ramp-duration)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --warmup-request-rate-ramp-duration)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user-centric-rate)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --num-users)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --request-cancellation-rate)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --request-cancellation-delay)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --timestamps)
                    COMPREPLY=($(compgen -W "auto ebpf so_timestamping user" -- "${cur}"))
                    return 0
                    ;;
                --cpus)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --workers)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --workers-max)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-workers)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fail-on)
                    COMPREPLY=($(compgen -W "degraded invalid never" -- "${cur}"))
                    return 0
                    ;;
                --socket)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --goodput)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --slice-duration)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --num-profile-runs)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --profile-run-cooldown-seconds)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --confidence-level)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --convergence-metric)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --convergence-stat)
                    COMPREPLY=($(compgen -W "avg p50 p90 p95 p99 min max" -- "${cur}"))
                    return 0
                    ;;
                --convergence-mode)
                    COMPREPLY=($(compgen -W "ci_width cv distribution" -- "${cur}"))
                    return 0
                    ;;
                --convergence-threshold)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --sweep-type)
                    COMPREPLY=($(compgen -W "grid zip" -- "${cur}"))
                    return 0
                    ;;
                --variant)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --sweep-variant)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --parameter-sweep-mode)
                    COMPREPLY=($(compgen -W "repeated independent" -- "${cur}"))
                    return 0
                    ;;
                --parameter-sweep-cooldown-seconds)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --search-recipe)
                    COMPREPLY=($(compgen -W "max-throughput-ttft-sla max-throughput-itl-sla concurrency-ramp prefill-ttft-curve decode-itl-curve max-concurrency-under-sla pareto-sweep max-goodput-under-slo saturation mlperf-endpoints" -- "${cur}"))
                    return 0
                    ;;
                --search-space)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --search-sla)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --search-sla-tier)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --search-metric)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --search-stat)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --search-direction)
                    COMPREPLY=($(compgen -W "maximize minimize" -- "${cur}"))
                    return 0
                    ;;
                --search-planner)
                    COMPREPLY=($(compgen -W "bayesian optuna monotonic_sla smooth_isotonic slo saturation" -- "${cur}"))
                    return 0
                    ;;
                --search-max-iterations)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --search-initial-points)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --search-random-seed)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --optuna-sampler)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --optuna-acquisition)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --optuna-terminator)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --bo-constraint-mode)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --search-percentile-pooling)
                    COMPREPLY=($(compgen -W "mean pooled" -- "${cur}"))
                    return 0
                    ;;
                --search-clock)
                    COMPREPLY=($(compgen -W "kernel client" -- "${cur}"))
                    return 0
                    ;;
                --stopping-scope)
                    COMPREPLY=($(compgen -W "never run sweep" -- "${cur}"))
                    return 0
                    ;;
                --ttft-sla-ms)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --itl-sla-ms)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --tpot-sla-ms)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --e2e-sla-ms)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --error-rate-sla)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --slo-attainment-fraction)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --search-style)
                    COMPREPLY=($(compgen -W "slo smooth_isotonic monotonic bo optuna grid" -- "${cur}"))
                    return 0
                    ;;
                --degradation-threshold)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --degradation-metric-tag)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --degradation-stat)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --isl-osl-pairs)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --isl-min)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --isl-max)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --isl-steps)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --concurrency-min)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --concurrency-max)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --concurrency-steps)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --c-max)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --c-min)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --osl-min)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --osl-max)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --osl-steps)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --artifact-dir)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --output-artifact-dir)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --profile-export-prefix)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --profile-export-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --export-level)
                    COMPREPLY=($(compgen -W "summary records raw" -- "${cur}"))
                    return 0
                    ;;
                --profile-export-level)
                    COMPREPLY=($(compgen -W "summary records raw" -- "${cur}"))
                    return 0
                    ;;
                --ui)
                    COMPREPLY=($(compgen -W "dashboard simple none" -- "${cur}"))
                    return 0
                    ;;
                --ui-type)
                    COMPREPLY=($(compgen -W "dashboard simple none" -- "${cur}"))
                    return 0
                    ;;
                --web)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --console)
                    COMPREPLY=($(compgen -W "summary full" -- "${cur}"))
                    return 0
                    ;;
                --otel-url)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --stream)
                    COMPREPLY=($(compgen -W "metrics timing default none spans" -- "${cur}"))
                    return 0
                    ;;
                --otel-resource-attributes)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --gen-ai-provider)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --mlflow-tracking-uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --mlflow-experiment)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --mlflow-run-name)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --mlflow-tag)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --mlflow-parent-run-id)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --mlflow-artifact-glob)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --gpu-telemetry)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --gpu-sample-interval)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --server-metrics)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --server-metrics-formats)
                    COMPREPLY=($(compgen -W "json csv jsonl parquet" -- "${cur}"))
                    return 0
                    ;;
                --network-latency-mean)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --network-latency-ping-interval)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --plugin)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --plugin-python)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --plugin-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --plugin-allow)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --log-level)
                    COMPREPLY=($(compgen -W "TRACE DEBUG INFO NOTICE WARNING SUCCESS ERROR CRITICAL" -- "${cur}"))
                    return 0
                    ;;
                --record-processor-service-count)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --record-processors)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --stats-interval)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__report)
            opts="-h --input --output-artifact-dir --artifact-dir --format --tokenizer --goodput --slice-duration --steady-state --show-trace-timing --profile-export-file --profile-export-prefix --profile-export-level --export-level --console --mlflow-upload --mlflow-tracking-uri --mlflow-run-id --socket --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --input)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --artifact-dir)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --output-artifact-dir)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "json csv jsonl txt html parquet" -- "${cur}"))
                    return 0
                    ;;
                --tokenizer)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --goodput)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --slice-duration)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --profile-export-prefix)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --profile-export-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --export-level)
                    COMPREPLY=($(compgen -W "summary records raw" -- "${cur}"))
                    return 0
                    ;;
                --profile-export-level)
                    COMPREPLY=($(compgen -W "summary records raw" -- "${cur}"))
                    return 0
                    ;;
                --console)
                    COMPREPLY=($(compgen -W "summary full" -- "${cur}"))
                    return 0
                    ;;
                --mlflow-tracking-uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --mlflow-run-id)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --socket)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__runs)
            opts="-h --socket --help list show fetch recover rm delete help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --socket)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__runs__subcmd__fetch)
            opts="-h --artifact-dir --socket --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --artifact-dir)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --socket)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__runs__subcmd__help)
            opts="list show fetch recover rm help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__runs__subcmd__help__subcmd__fetch)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__runs__subcmd__help__subcmd__help)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__runs__subcmd__help__subcmd__list)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__runs__subcmd__help__subcmd__recover)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__runs__subcmd__help__subcmd__rm)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__runs__subcmd__help__subcmd__show)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__runs__subcmd__list)
            opts="-h --socket --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --socket)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__runs__subcmd__recover)
            opts="-h --socket --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --socket)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__runs__subcmd__rm)
            opts="-h --socket --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --socket)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__runs__subcmd__show)
            opts="-h --socket --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --socket)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__show__subcmd__completion)
            opts="-h --shell --help bash zsh fish"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --shell)
                    COMPREPLY=($(compgen -W "bash zsh fish" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__trace)
            opts="-o -h --output --format --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --output)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "perfetto chrome" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        aiperf__ctl__subcmd__version)
            opts="-h --json --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
    esac
}

if [[ "${BASH_VERSINFO[0]}" -eq 4 && "${BASH_VERSINFO[1]}" -ge 4 || "${BASH_VERSINFO[0]}" -gt 4 ]]; then
    complete -F _aiperf__ctl -o nosort -o bashdefault -o default aiperf-ctl
else
    complete -F _aiperf__ctl -o bashdefault -o default aiperf-ctl
fi
