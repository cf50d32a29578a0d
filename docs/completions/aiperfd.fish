# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_aiperfd_global_optspecs
    string join \n socket= state-dir= config= loadgen= ebpf-object= nvml-library= kernel-ring-bytes= client-ring-bytes= collect-interval-ms= delegated-cgroup quit-on-stdin-eof private h/help
end

function __fish_aiperfd_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_aiperfd_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_aiperfd_using_subcommand
    set -l cmd (__fish_aiperfd_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c aiperfd -n "__fish_aiperfd_needs_command" -l socket -d 'The control socket that clients connect to. A socket from systemd (`LISTEN_FDS`) takes precedence' -r -F
complete -c aiperfd -n "__fish_aiperfd_needs_command" -l state-dir -d 'Where runs are kept. Made if it is not there' -r -F
complete -c aiperfd -n "__fish_aiperfd_needs_command" -l config -d 'The configuration: what is watched as a service, and who may watch what. Default: /etc/aiperfd.toml, if it is there' -r -F
complete -c aiperfd -n "__fish_aiperfd_needs_command" -l loadgen -d 'The load generator\'s program. Default: `aiperf-loadgen` next to this program' -r -F
complete -c aiperfd -n "__fish_aiperfd_needs_command" -l ebpf-object -d 'The kernel programs, if not those that were built in' -r -F
complete -c aiperfd -n "__fish_aiperfd_needs_command" -l nvml-library -d 'NVML\'s library, if it is not where the system\'s linker finds `libnvidia-ml.so.1`' -r -F
complete -c aiperfd -n "__fish_aiperfd_needs_command" -l kernel-ring-bytes -d 'Bytes of each of the kernel\'s two ring buffers (sent, received), a power of two of at least 4096' -r
complete -c aiperfd -n "__fish_aiperfd_needs_command" -l client-ring-bytes -d 'Bytes of each worker\'s shared ring, a power of two of at least 8 MiB' -r
complete -c aiperfd -n "__fish_aiperfd_needs_command" -l collect-interval-ms -d 'Milliseconds between two looks at the rings' -r
complete -c aiperfd -n "__fish_aiperfd_needs_command" -l delegated-cgroup -d 'Make the cgroups of runs below the daemon\'s own, not at the hierarchy\'s root: for a service manager that has delegated it (systemd\'s `Delegate=yes`)'
complete -c aiperfd -n "__fish_aiperfd_needs_command" -l quit-on-stdin-eof -d 'End when standard input ends'
complete -c aiperfd -n "__fish_aiperfd_needs_command" -l private -d 'Serve one client alone, which hands its connections over standard input, and end with it; `aiperf-ctl` starts it so when no shared daemon listens. No socket is made and no configuration is read'
complete -c aiperfd -n "__fish_aiperfd_needs_command" -s h -l help -d 'Print help'
complete -c aiperfd -n "__fish_aiperfd_needs_command" -f -a "version" -d 'Prints the version, the commit and the digest of the kernel programs'
complete -c aiperfd -n "__fish_aiperfd_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c aiperfd -n "__fish_aiperfd_using_subcommand version" -l json -d 'Print them as JSON'
complete -c aiperfd -n "__fish_aiperfd_using_subcommand version" -s h -l help -d 'Print help'
complete -c aiperfd -n "__fish_aiperfd_using_subcommand help; and not __fish_seen_subcommand_from version help" -f -a "version" -d 'Prints the version, the commit and the digest of the kernel programs'
complete -c aiperfd -n "__fish_aiperfd_using_subcommand help; and not __fish_seen_subcommand_from version help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
