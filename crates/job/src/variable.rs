//! Every environment variable that floe's programs read, once. Documentation is generated from
//! this list; code names a variable only through it.

/// Which program reads a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    Wrapper,
    Agent,
    Daemon,
    Scheduler,
    CreateEnv,
}

/// One variable: its name, who reads it and what it means.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    pub name: &'static str,
    pub readers: &'static [Reader],
    pub help: &'static str,
}

macro_rules! variables {
    ($($ident:ident = $name:literal, [$($reader:ident),*], $help:literal;)*) => {
        $(#[doc = $help] pub const $ident: &str = $name;)*

        /// All of them.
        pub const ALL: &[Variable] = &[
            $(Variable { name: $name, readers: &[$(Reader::$reader),*], help: $help },)*
        ];
    };
}

variables! {
    ICECC = "ICECC", [Wrapper, Agent], "`no`: compile locally, within this host's slots; `disable`: compile locally without asking anybody";
    ICECC_VERSION = "ICECC_VERSION", [Agent], "comma list of `[PLATFORM:]FILE[=PREFIX]`: toolchain archives to use instead of the automatic one";
    ICECC_DEBUG = "ICECC_DEBUG", [], "accepted, without effect: the client writes no log; `floe explain` says where each compile ran and why";
    ICECC_LOGFILE = "ICECC_LOGFILE", [], "accepted, without effect: the client writes no log; `floe explain` says where each compile ran and why";
    ICECC_REPEAT_RATE = "ICECC_REPEAT_RATE", [], "accepted, without effect: floe does not repeat jobs";
    ICECC_PREFERRED_HOST = "ICECC_PREFERRED_HOST", [Agent], "node name or address of the only host that may compile";
    ICECC_CC = "ICECC_CC", [Wrapper], "C compiler to run instead of the one called";
    ICECC_CXX = "ICECC_CXX", [Wrapper], "C++ compiler to run instead of the one called";
    ICECC_REMOTE_CPP = "ICECC_REMOTE_CPP", [Agent], "`0`: expand macros locally; `1`: send text with only its includes resolved";
    ICECC_CLANG_REMOTE_CPP = "ICECC_CLANG_REMOTE_CPP", [Agent], "the same, for clang only";
    ICECC_IGNORE_UNVERIFIED = "ICECC_IGNORE_UNVERIFIED", [Agent], "accepted: every host that floe talks to can verify toolchains";
    ICECC_EXTRAFILES = "ICECC_EXTRAFILES", [Agent], "colon list of files to add to the automatic toolchain archive";
    ICECC_COLOR_DIAGNOSTICS = "ICECC_COLOR_DIAGNOSTICS", [Agent], "`1`: the compiler colours its messages; `0`: it does not";
    ICECC_CARET_WORKAROUND = "ICECC_CARET_WORKAROUND", [Agent], "`0`: accept diagnostics of the remote compiler; otherwise the local compiler says them, and compiles again where it has to";
    ICECC_COMPRESSION = "ICECC_COMPRESSION", [Agent, Daemon], "zstd level of data that is sent; by default 1, less for texts that a fast network carries";
    ICECC_ENV_COMPRESSION = "ICECC_ENV_COMPRESSION", [Agent, CreateEnv], "compression of the automatic toolchain archive: none, gzip, bzip2, zstd or xz";
    ICECC_SLOW_NETWORK = "ICECC_SLOW_NETWORK", [Agent, Daemon], "`1`: send at most 10 KiB at a time";
    ICECC_SCHEDULER = "ICECC_SCHEDULER", [Daemon], "`HOST[:PORT]` of the scheduler, as with -s";
    USE_SCHEDULER = "USE_SCHEDULER", [Daemon], "older name of ICECC_SCHEDULER";
    SAFEGUARD = "_ICECC_SAFEGUARD", [Wrapper, Agent], "counts wrappers around a wrapper";
    UNCACHED_ERR_FD = "UNCACHED_ERR_FD", [Wrapper], "set by ccache: descriptor for messages that must not be cached";
    TEST_SOCKET = "ICECC_TEST_SOCKET", [Agent, Daemon], "the daemon's Unix socket, instead of the usual places";
    TEST_REMOTEBUILD = "ICECC_TEST_REMOTEBUILD", [Agent], "treat a job placed on 127.0.0.1 as remote";
    TESTS = "ICECC_TESTS", [Daemon, Scheduler], "broadcast on loopback only, reconnect fast";
    TEST_SCHEDULER_PORTS = "ICECC_TEST_SCHEDULER_PORTS", [Daemon, Scheduler], "`P1:P2`: send every broadcast to both ports";
    TEST_FLUSH_LOG_MARK = "ICECC_TEST_FLUSH_LOG_MARK", [Daemon, Scheduler], "file whose first line is logged at SIGHUP";
    TEST_LOG_HEADER = "ICECC_TEST_LOG_HEADER", [Daemon, Scheduler], "file whose first three lines are logged at SIGHUP";
    FAKE_STARTTIME = "ICECC_FAKE_STARTTIME", [Scheduler], "pretend to have started 1000 s earlier";
    FLOE_RUNTIME_DIR = "FLOE_RUNTIME_DIR", [Wrapper, Agent], "directory of the agent's socket, default $XDG_RUNTIME_DIR/floe or /tmp/floe-UID";
    FLOE_STATE_DIR = "FLOE_STATE_DIR", [Wrapper, Agent], "directory of the job log, default $XDG_STATE_HOME/floe or ~/.local/state/floe";
    FLOE_CACHE_DIR = "FLOE_CACHE_DIR", [Agent], "directory of packed toolchains, default $XDG_CACHE_HOME/floe or ~/.cache/floe";
    FLOE_PROGRAM = "FLOE_PROGRAM", [Wrapper], "path of the floe program that the wrapper starts as agent";
    FLOE_AGENT_IDLE = "FLOE_AGENT_IDLE", [Agent], "seconds without a wrapper after which the agent leaves, default 300";
    FLOE_INPUTS = "FLOE_INPUTS", [Agent], "what executors of a cluster of members are sent: `text`, preprocessed here; `headers`, the source and what it includes, each file once; `auto` (the default), headers once a compiler's own preprocessor was seen to read the same files a few times; `shadow`, text, with each comparison in the agent's log. What is not certain is text in any case (`floe explain` says why)";
    FLOE_LAB = "FLOE_LAB", [Agent], "set by test clusters: the host that a process belongs to";
    FLOE_LOG = "FLOE_LOG", [Agent, Daemon, Scheduler], "log level: error, warn, info, debug or trace";
}
