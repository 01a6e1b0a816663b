# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_floe_global_optspecs
    string join \n h/help V/version
end

function __fish_floe_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_floe_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_floe_using_subcommand
    set -l cmd (__fish_floe_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c floe -n "__fish_floe_needs_command" -s h -l help -d 'Print help'
complete -c floe -n "__fish_floe_needs_command" -s V -l version -d 'Print version'
complete -c floe -n "__fish_floe_needs_command" -f -a "try" -d 'Try floe on this machine: a scheduler and two executors on loopback compile a small project'
complete -c floe -n "__fish_floe_needs_command" -f -a "status" -d 'Show the scheduler, its hosts with their slots, and the running jobs'
complete -c floe -n "__fish_floe_needs_command" -f -a "explain" -d 'Say where a file\'s last compile ran, and why'
complete -c floe -n "__fish_floe_needs_command" -f -a "doctor" -d 'Look for what keeps jobs from other hosts, or other hosts\' jobs from this one'
complete -c floe -n "__fish_floe_needs_command" -f -a "scheduler" -d 'Run the scheduler of a network'
complete -c floe -n "__fish_floe_needs_command" -f -a "agent" -d 'Run the agent behind this user\'s wrappers (the first wrapper starts it by itself)'
complete -c floe -n "__fish_floe_needs_command" -f -a "cluster" -d 'Make a cluster, invite hosts to it, list and revoke its members'
complete -c floe -n "__fish_floe_needs_command" -f -a "join" -d 'Make this host a member of a cluster, with the line that floe cluster invite printed'
complete -c floe -n "__fish_floe_needs_command" -f -a "up" -d 'Make or join a cluster if this host is in none, and start all that it does there in the background'
complete -c floe -n "__fish_floe_needs_command" -f -a "down" -d 'End what floe up started'
complete -c floe -n "__fish_floe_needs_command" -f -a "create-env" -d 'Pack a compiler into an archive that executors can run (icecc-create-env\'s options)'
complete -c floe -n "__fish_floe_needs_command" -f -a "generate" -d 'Write man pages, completions and references below DIR'
complete -c floe -n "__fish_floe_needs_command" -f -a "daemon" -d 'Run this host\'s daemon: its slots, and the jobs of other hosts'
complete -c floe -n "__fish_floe_using_subcommand try" -l keep -d 'Keep the directory with logs and objects, and print its path'
complete -c floe -n "__fish_floe_using_subcommand try" -s h -l help -d 'Print help'
complete -c floe -n "__fish_floe_using_subcommand status" -s s -l scheduler-host -d 'Ask this scheduler instead of the daemon\'s' -r
complete -c floe -n "__fish_floe_using_subcommand status" -l json -d 'Print JSON'
complete -c floe -n "__fish_floe_using_subcommand status" -s h -l help -d 'Print help'
complete -c floe -n "__fish_floe_using_subcommand explain" -s n -l count -d 'How many compiles to show when no file is named' -r
complete -c floe -n "__fish_floe_using_subcommand explain" -l json -d 'Print JSON'
complete -c floe -n "__fish_floe_using_subcommand explain" -s h -l help -d 'Print help'
complete -c floe -n "__fish_floe_using_subcommand doctor" -l json -d 'Print JSON'
complete -c floe -n "__fish_floe_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c floe -n "__fish_floe_using_subcommand scheduler" -s n -l netname -d 'Network name' -r
complete -c floe -n "__fish_floe_using_subcommand scheduler" -s p -l port -d 'TCP and UDP port; the control port is the next one' -r
complete -c floe -n "__fish_floe_using_subcommand scheduler" -s a -l algorithm -d 'How hosts are chosen: fastest, round_robin, least_busy or random' -r
complete -c floe -n "__fish_floe_using_subcommand scheduler" -s l -l log-file -d 'Append the log to this file instead of stderr' -r -F
complete -c floe -n "__fish_floe_using_subcommand scheduler" -s u -l user-uid -d 'Account to run as when started by root' -r
complete -c floe -n "__fish_floe_using_subcommand scheduler" -l pid-file -d 'Write the process number to this file, and keep it locked while the service runs' -r -F
complete -c floe -n "__fish_floe_using_subcommand scheduler" -s i -l interface -d 'Listen only on this interface\'s address, and send nothing by another one; agents of a daemon\'s host send nothing by another one either' -r
complete -c floe -n "__fish_floe_using_subcommand scheduler" -l listen -d 'Listen on this address, IPv4 or IPv6, instead of all; up to eight, with commas between' -r
complete -c floe -n "__fish_floe_using_subcommand scheduler" -l advertise -d 'Where other hosts reach this service, if not at the address that they see; up to eight, with commas between' -r
complete -c floe -n "__fish_floe_using_subcommand scheduler" -s r -l persistent-client-connection -d 'Keep the daemons when a better scheduler announces itself'
complete -c floe -n "__fish_floe_using_subcommand scheduler" -l icecream -d 'Serve everybody who speaks icecream\'s protocol, without authentication, besides members of the cluster (icecream\'s program names always do)'
complete -c floe -n "__fish_floe_using_subcommand scheduler" -s d -l daemonize -d 'Detach and run in the background'
complete -c floe -n "__fish_floe_using_subcommand scheduler" -s v -d 'Say more; repeat for even more'
complete -c floe -n "__fish_floe_using_subcommand scheduler" -s h -l help -d 'Print help'
complete -c floe -n "__fish_floe_using_subcommand agent" -l idle -d 'Leave after this many seconds without a wrapper [default: FLOE_AGENT_IDLE or 300]' -r
complete -c floe -n "__fish_floe_using_subcommand agent" -l try-toolchain -d 'Try the toolchain in the directory in a sandbox; the agent calls itself so' -r
complete -c floe -n "__fish_floe_using_subcommand agent" -l stop -d 'Ask the running agent to leave when its jobs are done'
complete -c floe -n "__fish_floe_using_subcommand agent" -s h -l help -d 'Print help'
complete -c floe -n "__fish_floe_using_subcommand cluster; and not __fish_seen_subcommand_from create invite members revoke rotate serve" -s h -l help -d 'Print help'
complete -c floe -n "__fish_floe_using_subcommand cluster; and not __fish_seen_subcommand_from create invite members revoke rotate serve" -f -a "create" -d 'Make a cluster: its authority, and this host its first member; nothing is started'
complete -c floe -n "__fish_floe_using_subcommand cluster; and not __fish_seen_subcommand_from create invite members revoke rotate serve" -f -a "invite" -d 'Print one line that makes another host a member, for floe join'
complete -c floe -n "__fish_floe_using_subcommand cluster; and not __fish_seen_subcommand_from create invite members revoke rotate serve" -f -a "members" -d 'List the members'
complete -c floe -n "__fish_floe_using_subcommand cluster; and not __fish_seen_subcommand_from create invite members revoke rotate serve" -f -a "revoke" -d 'Refuse a member from now on, and end its jobs'
complete -c floe -n "__fish_floe_using_subcommand cluster; and not __fish_seen_subcommand_from create invite members revoke rotate serve" -f -a "rotate" -d 'Replace the authority\'s key'
complete -c floe -n "__fish_floe_using_subcommand cluster; and not __fish_seen_subcommand_from create invite members revoke rotate serve" -f -a "serve" -d 'Answer hosts that join and members that renew, as the authority'
complete -c floe -n "__fish_floe_using_subcommand cluster; and __fish_seen_subcommand_from create" -l advertise -d 'Where other hosts reach the authority; up to four times [default: this host\'s name and addresses, port 8767]' -r
complete -c floe -n "__fish_floe_using_subcommand cluster; and __fish_seen_subcommand_from create" -s N -l name -d 'This host\'s name in the cluster [default: its host name]' -r
complete -c floe -n "__fish_floe_using_subcommand cluster; and __fish_seen_subcommand_from create" -l directory -d 'Where authority/ and member/ are [default: FLOE_STATE_DIR, for root /var/lib/floe, else ~/.local/state/floe]' -r -F
complete -c floe -n "__fish_floe_using_subcommand cluster; and __fish_seen_subcommand_from create" -l authority-only -d 'Make no member of this host'
complete -c floe -n "__fish_floe_using_subcommand cluster; and __fish_seen_subcommand_from create" -l json -d 'Print JSON'
complete -c floe -n "__fish_floe_using_subcommand cluster; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help'
complete -c floe -n "__fish_floe_using_subcommand cluster; and __fish_seen_subcommand_from invite" -l role -d 'What the hosts may do: monitor, submit, execute, schedule, admin (all of these, and invite and revoke)' -r
complete -c floe -n "__fish_floe_using_subcommand cluster; and __fish_seen_subcommand_from invite" -l uses -d 'How many hosts may use the line' -r
complete -c floe -n "__fish_floe_using_subcommand cluster; and __fish_seen_subcommand_from invite" -l expires -d 'How long the line is good: 30m, 12h, 7d' -r
complete -c floe -n "__fish_floe_using_subcommand cluster; and __fish_seen_subcommand_from invite" -l address -d 'Where these hosts reach the authority, if not where others do' -r
complete -c floe -n "__fish_floe_using_subcommand cluster; and __fish_seen_subcommand_from invite" -l directory -d 'Where authority/ and member/ are [default: FLOE_STATE_DIR, for root /var/lib/floe, else ~/.local/state/floe]' -r -F
complete -c floe -n "__fish_floe_using_subcommand cluster; and __fish_seen_subcommand_from invite" -l json -d 'Print JSON'
complete -c floe -n "__fish_floe_using_subcommand cluster; and __fish_seen_subcommand_from invite" -s h -l help -d 'Print help'
complete -c floe -n "__fish_floe_using_subcommand cluster; and __fish_seen_subcommand_from members" -l directory -d 'Where authority/ and member/ are [default: FLOE_STATE_DIR, for root /var/lib/floe, else ~/.local/state/floe]' -r -F
complete -c floe -n "__fish_floe_using_subcommand cluster; and __fish_seen_subcommand_from members" -l json -d 'Print JSON; times are seconds since 1970'
complete -c floe -n "__fish_floe_using_subcommand cluster; and __fish_seen_subcommand_from members" -s h -l help -d 'Print help'
complete -c floe -n "__fish_floe_using_subcommand cluster; and __fish_seen_subcommand_from revoke" -l directory -d 'Where authority/ and member/ are [default: FLOE_STATE_DIR, for root /var/lib/floe, else ~/.local/state/floe]' -r -F
complete -c floe -n "__fish_floe_using_subcommand cluster; and __fish_seen_subcommand_from revoke" -l json -d 'Print JSON'
complete -c floe -n "__fish_floe_using_subcommand cluster; and __fish_seen_subcommand_from revoke" -s h -l help -d 'Print help'
complete -c floe -n "__fish_floe_using_subcommand cluster; and __fish_seen_subcommand_from rotate" -l overlap -d 'How long the old key vouches for the new one: 2d, 30d, or 0 for not at all' -r
complete -c floe -n "__fish_floe_using_subcommand cluster; and __fish_seen_subcommand_from rotate" -l directory -d 'Where authority/ and member/ are [default: FLOE_STATE_DIR, for root /var/lib/floe, else ~/.local/state/floe]' -r -F
complete -c floe -n "__fish_floe_using_subcommand cluster; and __fish_seen_subcommand_from rotate" -l json -d 'Print JSON'
complete -c floe -n "__fish_floe_using_subcommand cluster; and __fish_seen_subcommand_from rotate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c floe -n "__fish_floe_using_subcommand cluster; and __fish_seen_subcommand_from serve" -s p -l port -d 'Port to listen on' -r
complete -c floe -n "__fish_floe_using_subcommand cluster; and __fish_seen_subcommand_from serve" -s l -l log-file -d 'Append the log to this file instead of stderr' -r -F
complete -c floe -n "__fish_floe_using_subcommand cluster; and __fish_seen_subcommand_from serve" -s u -l user-uid -d 'Account to run as when started by root' -r
complete -c floe -n "__fish_floe_using_subcommand cluster; and __fish_seen_subcommand_from serve" -l pid-file -d 'Write the process number to this file, and keep it locked while the service runs' -r -F
complete -c floe -n "__fish_floe_using_subcommand cluster; and __fish_seen_subcommand_from serve" -s i -l interface -d 'Listen only on this interface\'s address, and send nothing by another one; agents of a daemon\'s host send nothing by another one either' -r
complete -c floe -n "__fish_floe_using_subcommand cluster; and __fish_seen_subcommand_from serve" -l listen -d 'Listen on this address, IPv4 or IPv6, instead of all; up to eight, with commas between' -r
complete -c floe -n "__fish_floe_using_subcommand cluster; and __fish_seen_subcommand_from serve" -l advertise -d 'Where other hosts reach this service, if not at the address that they see; up to eight, with commas between' -r
complete -c floe -n "__fish_floe_using_subcommand cluster; and __fish_seen_subcommand_from serve" -l directory -d 'Where authority/ and member/ are [default: FLOE_STATE_DIR, for root /var/lib/floe, else ~/.local/state/floe]' -r -F
complete -c floe -n "__fish_floe_using_subcommand cluster; and __fish_seen_subcommand_from serve" -s d -l daemonize -d 'Detach and run in the background'
complete -c floe -n "__fish_floe_using_subcommand cluster; and __fish_seen_subcommand_from serve" -s v -d 'Say more; repeat for even more'
complete -c floe -n "__fish_floe_using_subcommand cluster; and __fish_seen_subcommand_from serve" -s h -l help -d 'Print help'
complete -c floe -n "__fish_floe_using_subcommand join" -s N -l name -d 'This host\'s name in the cluster [default: its host name]' -r
complete -c floe -n "__fish_floe_using_subcommand join" -l directory -d 'Where authority/ and member/ are [default: FLOE_STATE_DIR, for root /var/lib/floe, else ~/.local/state/floe]' -r -F
complete -c floe -n "__fish_floe_using_subcommand join" -l json -d 'Print JSON'
complete -c floe -n "__fish_floe_using_subcommand join" -s h -l help -d 'Print help'
complete -c floe -n "__fish_floe_using_subcommand up" -s N -l name -d 'This host\'s name in the cluster [default: its host name]' -r
complete -c floe -n "__fish_floe_using_subcommand up" -l advertise -d 'Where other hosts reach this one\'s authority [default: this host\'s name and addresses, port 8767]' -r
complete -c floe -n "__fish_floe_using_subcommand up" -s h -l help -d 'Print help'
complete -c floe -n "__fish_floe_using_subcommand down" -s h -l help -d 'Print help'
complete -c floe -n "__fish_floe_using_subcommand create-env" -s h -l help -d 'Print help'
complete -c floe -n "__fish_floe_using_subcommand generate" -s h -l help -d 'Print help'
complete -c floe -n "__fish_floe_using_subcommand daemon" -l config -d 'Read options from this file [default: the first of $XDG_CONFIG_HOME/floe/daemon.toml and /etc/floe/daemon.toml]' -r -F
complete -c floe -n "__fish_floe_using_subcommand daemon" -s n -l netname -d 'Network name: only schedulers of this name are used' -r
complete -c floe -n "__fish_floe_using_subcommand daemon" -s m -l max-processes -d 'Slots: how many jobs run here at once; 0 takes no foreign jobs [default: CPUs]' -r
complete -c floe -n "__fish_floe_using_subcommand daemon" -s N -l name -d 'This host\'s name in the cluster [default: its host name]' -r
complete -c floe -n "__fish_floe_using_subcommand daemon" -l nice -d 'Niceness added to foreign compiles, 0 to 19' -r
complete -c floe -n "__fish_floe_using_subcommand daemon" -s s -l scheduler-host -d 'Scheduler to use, instead of looking for one on the network' -r
complete -c floe -n "__fish_floe_using_subcommand daemon" -s b -l env-basedir -d 'Directory in which toolchains and scratch files are kept, in floe/; what else is there stays [default for root: /var/cache/floe, and /var/tmp/icecc-envs under icecream\'s name; for others floe/daemon in their cache]' -r -F
complete -c floe -n "__fish_floe_using_subcommand daemon" -l cache-limit -d 'Disk space for toolchains of other hosts, never exceeded' -r
complete -c floe -n "__fish_floe_using_subcommand daemon" -s p -l port -d 'TCP port for foreign jobs' -r
complete -c floe -n "__fish_floe_using_subcommand daemon" -l idle-only -d 'Give foreign jobs only processor time and disk time that nothing else wants' -r -f -a "true\t''
false\t''"
complete -c floe -n "__fish_floe_using_subcommand daemon" -l max-load -d 'Start no foreign job while the load average of the last minute is above this' -r
complete -c floe -n "__fish_floe_using_subcommand daemon" -l hours -d 'Start foreign jobs only at these times of day, for example 19:00-7:30' -r
complete -c floe -n "__fish_floe_using_subcommand daemon" -l not-on-battery -d 'Start no foreign job while this host runs on battery' -r -f -a "true\t''
false\t''"
complete -c floe -n "__fish_floe_using_subcommand daemon" -l memory -d 'Memory for all foreign jobs together, in MB or as 8G [default: three quarters of what there is]' -r
complete -c floe -n "__fish_floe_using_subcommand daemon" -l hand-back-after -d 'Freeze running foreign jobs when one of these limits is crossed, and hand them back after so long, 600 at most' -r
complete -c floe -n "__fish_floe_using_subcommand daemon" -l icecream -d 'Serve everybody who speaks icecream\'s protocol, without authentication, besides members of the cluster (icecream\'s program names always do)' -r -f -a "true\t''
false\t''"
complete -c floe -n "__fish_floe_using_subcommand daemon" -l no-remote -d 'Take no foreign jobs' -r -f -a "true\t''
false\t''"
complete -c floe -n "__fish_floe_using_subcommand daemon" -s l -l log-file -d 'Append the log to this file instead of stderr' -r -F
complete -c floe -n "__fish_floe_using_subcommand daemon" -s u -l user-uid -d 'Account to run as when started by root' -r
complete -c floe -n "__fish_floe_using_subcommand daemon" -l pid-file -d 'Write the process number to this file, and keep it locked while the service runs' -r -F
complete -c floe -n "__fish_floe_using_subcommand daemon" -s i -l interface -d 'Listen only on this interface\'s address, and send nothing by another one; agents of a daemon\'s host send nothing by another one either' -r
complete -c floe -n "__fish_floe_using_subcommand daemon" -l listen -d 'Listen on this address, IPv4 or IPv6, instead of all; up to eight, with commas between' -r
complete -c floe -n "__fish_floe_using_subcommand daemon" -l advertise -d 'Where other hosts reach this service, if not at the address that they see; up to eight, with commas between' -r
complete -c floe -n "__fish_floe_using_subcommand daemon" -l print-config -d 'Print a commented configuration file with every option and its default'
complete -c floe -n "__fish_floe_using_subcommand daemon" -s d -l daemonize -d 'Detach and run in the background'
complete -c floe -n "__fish_floe_using_subcommand daemon" -s v -d 'Say more; repeat for even more'
complete -c floe -n "__fish_floe_using_subcommand daemon" -s h -l help -d 'Print help'
