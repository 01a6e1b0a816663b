//! Every option, once. Help, man pages and completions are generated from these definitions.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::cluster::{ClusterOptions, JoinOptions};
use super::up::UpOptions;

use super::values;

/// Spreads the compiler calls of a build over the machines of a network.
#[derive(Debug, Parser)]
#[command(name = "floe", version, disable_help_subcommand = true)]
pub(crate) struct Floe {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Try floe on this machine: a scheduler and two executors on loopback compile a small project
    Try(TryOptions),
    /// Show the scheduler, its hosts with their slots, and the running jobs
    Status(StatusOptions),
    /// Say where a file's last compile ran, and why
    Explain(ExplainOptions),
    /// Look for what keeps jobs from other hosts, or other hosts' jobs from this one
    Doctor(DoctorOptions),
    /// Run this host's daemon: its slots, and the jobs of other hosts
    Daemon(DaemonOptions),
    /// Run the scheduler of a network
    Scheduler(SchedulerOptions),
    /// Run the agent behind this user's wrappers (the first wrapper starts it by itself)
    Agent(AgentOptions),
    /// Make a cluster, invite hosts to it, list and revoke its members
    Cluster(ClusterOptions),
    /// Make this host a member of a cluster, with the line that floe cluster invite printed
    Join(JoinOptions),
    /// Make or join a cluster if this host is in none, and start all that it does there in the background
    Up(UpOptions),
    /// End what floe up started
    Down,
    /// Pack a compiler into an archive that executors can run (icecc-create-env's options)
    CreateEnv {
        /// COMPILER [CXX] [--addfile FILE]… [--compression none|gzip|bzip2|zstd|xz]
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Write man pages, completions and references below DIR
    #[command(hide = true)]
    Generate { directory: PathBuf },
}

#[derive(Args, Debug)]
pub(crate) struct TryOptions {
    /// Build command to run with the wrappers first in PATH; without one, a sample project is built
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) command: Vec<OsString>,
    /// Keep the directory with logs and objects, and print its path
    #[arg(long)]
    pub(crate) keep: bool,
}

#[derive(Args, Debug)]
pub(crate) struct StatusOptions {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Ask this scheduler instead of the daemon's
    #[arg(short = 's', long = "scheduler-host", value_name = "HOST[:PORT]")]
    pub(crate) scheduler: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct ExplainOptions {
    /// A source or an object; without one, the newest compiles
    pub(crate) file: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// How many compiles to show when no file is named
    #[arg(short = 'n', long, default_value_t = 20)]
    pub(crate) count: usize,
}

#[derive(Args, Debug)]
pub(crate) struct DoctorOptions {
    /// Compilers to look at, by name or path [default: gcc, g++, clang, clang++]
    pub(crate) compilers: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct AgentOptions {
    /// Leave after this many seconds without a wrapper [default: FLOE_AGENT_IDLE or 300]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) idle: Option<u64>,
    /// Ask the running agent to leave when its jobs are done
    #[arg(long, conflicts_with = "idle")]
    pub(crate) stop: bool,
    /// Try the toolchain in the directory in a sandbox; the agent calls itself so
    #[arg(long, hide = true, num_args = 1.., value_name = "DIR TRIAL")]
    pub(crate) try_toolchain: Vec<String>,
}

/// What the daemon and the scheduler have in common.
#[derive(Args, Debug)]
pub(crate) struct ServiceOptions {
    /// Append the log to this file instead of stderr
    #[arg(short = 'l', long = "log-file", alias = "l", value_name = "FILE", value_parser = values::path())]
    pub(crate) log_file: Option<PathBuf>,
    /// Detach and run in the background
    #[arg(short = 'd', long)]
    pub(crate) daemonize: bool,
    /// Account to run as when started by root
    #[arg(short = 'u', long = "user-uid", value_name = "USER", value_parser = values::name)]
    pub(crate) user: Option<String>,
    /// Write the process number to this file, and keep it locked while the service runs
    #[arg(long = "pid-file", value_name = "FILE", value_parser = values::path())]
    pub(crate) pid_file: Option<PathBuf>,
    /// Listen only on this interface's address, and send nothing by another one; agents of a daemon's host send nothing by another one either
    #[arg(short = 'i', long, alias = "i", value_name = "IFNAME", value_parser = values::name)]
    pub(crate) interface: Option<String>,
    /// Listen on this address, IPv4 or IPv6, instead of all; up to eight, with commas between
    #[arg(long, value_name = "ADDRESS,…", value_parser = values::listen, conflicts_with = "interface")]
    pub(crate) listen: Option<values::Listen>,
    /// Where other hosts reach this service, if not at the address that they see; up to eight, with commas between
    #[arg(long, value_name = "HOST:PORT,…", value_parser = values::advertise)]
    pub(crate) advertise: Option<values::Advertise>,
    /// Say more; repeat for even more
    #[arg(short = 'v', action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// What the owner of a host decides about jobs of other hosts.
const OWNER: &str = "Limits that the owner sets";

/// Options of `floe daemon` and `iceccd`.
// As with getopt_long, the last of several counts and a beginning of a long option does; one that
// floe's own options would make ambiguous is an alias of icecream's.
#[derive(Args, Debug)]
#[command(args_override_self = true, infer_long_args = true)]
pub(crate) struct DaemonOptions {
    /// Read options from this file [default: the first of $XDG_CONFIG_HOME/floe/daemon.toml and /etc/floe/daemon.toml]
    #[arg(long, value_name = "FILE", value_parser = values::path())]
    pub(crate) config: Option<PathBuf>,
    /// Print a commented configuration file with every option and its default
    #[arg(long = "print-config")]
    pub(crate) print_config: bool,
    /// Network name: only schedulers of this name are used
    #[arg(short = 'n', long, value_name = "NAME", value_parser = values::name)]
    pub(crate) netname: Option<String>,
    /// Slots: how many jobs run here at once; 0 takes no foreign jobs [default: CPUs]
    #[arg(
        short = 'm',
        long = "max-processes",
        aliases = ["m", "ma", "max", "max-"],
        value_name = "N",
        allow_negative_numbers = true,
        value_parser = values::slots,
        help_heading = OWNER
    )]
    pub(crate) max_processes: Option<i32>,
    /// This host's name in the cluster [default: its host name]
    #[arg(short = 'N', long = "name", value_name = "NAME", value_parser = values::name)]
    pub(crate) node_name: Option<String>,
    /// Niceness added to foreign compiles, 0 to 19
    #[arg(
        long,
        value_name = "LEVEL",
        default_value_t = 5,
        allow_negative_numbers = true,
        value_parser = values::niceness,
        help_heading = OWNER
    )]
    pub(crate) nice: i32,
    /// Scheduler to use, instead of looking for one on the network
    #[arg(short = 's', long = "scheduler-host", value_name = "HOST[:PORT]", value_parser = values::scheduler)]
    pub(crate) scheduler: Option<String>,
    /// Directory in which toolchains and scratch files are kept, in floe/; what else is there stays [default for root: /var/cache/floe, and /var/tmp/icecc-envs under icecream's name; for others floe/daemon in their cache]
    #[arg(short = 'b', long = "env-basedir", value_name = "DIR", value_parser = values::absolute())]
    pub(crate) base_dir: Option<PathBuf>,
    /// Disk space for toolchains of other hosts, never exceeded
    #[arg(
        long = "cache-limit",
        aliases = ["c", "ca"],
        value_name = "MB",
        default_value_t = 1024,
        value_parser = values::cache_limit,
        help_heading = OWNER
    )]
    pub(crate) cache_limit: u64,
    /// TCP port for foreign jobs
    #[arg(short = 'p', long, alias = "p", default_value_t = 10245, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: u16,
    /// Give foreign jobs only processor time and disk time that nothing else wants
    #[arg(long = "idle-only", help_heading = OWNER)]
    pub(crate) idle_only: bool,
    /// Start no foreign job while the load average of the last minute is above this
    #[arg(long = "max-load", value_name = "LOAD", value_parser = load, allow_negative_numbers = true, help_heading = OWNER)]
    pub(crate) max_load: Option<u32>,
    /// Start foreign jobs only at these times of day, for example 19:00-7:30
    #[arg(long, value_name = "FROM-TO", help_heading = OWNER)]
    pub(crate) hours: Option<daemon::owner::Hours>,
    /// Start no foreign job while this host runs on battery
    #[arg(long = "not-on-battery", help_heading = OWNER)]
    pub(crate) not_on_battery: bool,
    /// Memory for all foreign jobs together, in MB or as 8G [default: three quarters of what there is]
    #[arg(long, value_name = "SIZE", help_heading = OWNER)]
    pub(crate) memory: Option<daemon::owner::Size>,
    /// Freeze running foreign jobs when one of these limits is crossed, and hand them back after so long, 600 at most
    #[arg(long = "hand-back-after", value_name = "SECONDS", default_value_t = 20, allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(..=600), help_heading = OWNER)]
    pub(crate) hand_back_after: u64,
    /// Serve everybody who speaks icecream's protocol, without authentication, besides members of the cluster (icecream's program names always do)
    #[arg(long)]
    pub(crate) icecream: bool,
    /// Take no foreign jobs
    #[arg(long = "no-remote", alias = "no", help_heading = OWNER)]
    pub(crate) no_remote: bool,
    #[command(flatten)]
    pub(crate) service: ServiceOptions,
}

/// Options of `floe scheduler` and `icecc-scheduler`.
#[derive(Args, Debug)]
#[command(args_override_self = true, infer_long_args = true)]
pub(crate) struct SchedulerOptions {
    /// Network name
    #[arg(short = 'n', long, value_name = "NAME", default_value = "ICECREAM", value_parser = values::name)]
    pub(crate) netname: String,
    /// TCP and UDP port; the control port is the next one
    #[arg(short = 'p', long, default_value_t = 8765, value_parser = clap::value_parser!(u16).range(1..65535))]
    pub(crate) port: u16,
    /// How hosts are chosen: fastest, round_robin, least_busy or random
    #[arg(short = 'a', long, aliases = ["a", "al"], value_name = "NAME", default_value = "fastest")]
    pub(crate) algorithm: scheduler::Algorithm,
    /// Keep the daemons when a better scheduler announces itself
    #[arg(short = 'r', long = "persistent-client-connection")]
    pub(crate) persistent: bool,
    /// Serve everybody who speaks icecream's protocol, without authentication, besides members of the cluster (icecream's program names always do)
    #[arg(long)]
    pub(crate) icecream: bool,
    #[command(flatten)]
    pub(crate) service: ServiceOptions,
}

/// A load average, to thousandths.
fn load(text: &str) -> Result<u32, String> {
    let load: f64 = text
        .parse()
        .map_err(|_| "a load is a number such as 1.5".to_owned())?;
    if (0.0..=1e6).contains(&load) {
        Ok((load * 1000.0) as u32)
    } else {
        Err("a load is at least 0 and at most 1000000".to_owned())
    }
}
