//! What a wrapper and its agent say to each other over the user's Unix socket, and how they find
//! each other.
//!
//! A conversation is one [`Request`] and one [`Reply`], each a protobuf message behind its length
//! as a little-endian u32 of at most [`MAX_FRAME`] bytes. Unknown fields are skipped, so a wrapper
//! and an agent of neighbouring releases understand each other.
//! While a job takes long the agent sends [`Working`] replies ahead of the real one, at least every
//! [`HEARTBEAT`]: a wrapper that hears nothing for [`SILENCE`] compiles locally.

pub mod frame;
pub mod log;
pub mod meet;
pub mod place;
pub mod program;

use std::time::Duration;

use job::{Compiled, Input, JobRecord};

pub use frame::FrameError;
pub use meet::{NoAgent, connect_or_start};
pub use place::{PlaceError, RuntimeDir, state_dir};

/// How often an agent tells a waiting wrapper that it is still there.
pub const HEARTBEAT: Duration = Duration::from_secs(10);

/// How long a wrapper waits for a sign of life.
pub const SILENCE: Duration = Duration::from_secs(60);

/// The longest frame either side reads: arguments and environment are bounded by the kernel to a
/// few MiB, results of local processes by what the compiler prints.
pub const MAX_FRAME: usize = 64 << 20;

/// One call of the wrapper, or a question about the agent.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Request {
    #[prost(oneof = "Ask", tags = "1, 2, 3")]
    pub ask: Option<Ask>,
}

/// What is asked of the agent.
#[derive(Clone, PartialEq, Eq, prost::Oneof)]
pub enum Ask {
    /// Compile this.
    #[prost(message, tag = "1")]
    Run(Run),
    /// Say what you are doing.
    #[prost(message, tag = "2")]
    Status(StatusQuery),
    /// Leave when the running jobs are done.
    #[prost(message, tag = "3")]
    Stop(StopQuery),
}

/// An invocation as the wrapper saw it.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Run {
    /// Path of the real compiler or command that the wrapper found.
    #[prost(bytes = "vec", tag = "1")]
    pub program: Vec<u8>,
    /// The name it was called by (`g++`, `x86_64-linux-gnu-gcc-12`): decides how it is read.
    #[prost(bytes = "vec", tag = "2")]
    pub called_as: Vec<u8>,
    /// Arguments after the compiler, untouched.
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub arguments: Vec<Vec<u8>>,
    /// `NAME=value`, in order.
    #[prost(bytes = "vec", repeated, tag = "4")]
    pub environment: Vec<Vec<u8>>,
    #[prost(bytes = "vec", tag = "5")]
    pub directory: Vec<u8>,
    #[prost(uint32, tag = "6")]
    pub umask: u32,
    #[prost(bool, tag = "7")]
    pub stderr_is_terminal: bool,
    /// `icerun`: never distributed, only waits for a slot.
    #[prost(bool, tag = "8")]
    pub never_distribute: bool,
    /// Device and inode of `/` and of `directory` as the wrapper sees them: the agent refuses to
    /// act for a wrapper that sees another file system than itself.
    #[prost(message, required, tag = "9")]
    pub root: FileId,
    #[prost(message, required, tag = "10")]
    pub here: FileId,
    /// The wrapper's nice value, 0 to 19.
    #[prost(uint32, tag = "11")]
    pub niceness: u32,
    /// Of the terminal at standard input, in characters; 0 if it is none or does not tell.
    #[prost(uint32, tag = "12")]
    pub columns: u32,
}

/// Identity of a directory.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct FileId {
    #[prost(uint64, tag = "1")]
    pub device: u64,
    #[prost(uint64, tag = "2")]
    pub inode: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct StatusQuery {}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct StopQuery {}

/// The agent's answer.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Reply {
    #[prost(oneof = "Answer", tags = "1, 2, 3, 4")]
    pub answer: Option<Answer>,
}

#[derive(Clone, PartialEq, Eq, prost::Oneof)]
pub enum Answer {
    /// Become the compiler now: a slot is held for this process until it ends.
    #[prost(message, tag = "1")]
    BecomeCompiler(BecomeCompiler),
    /// The job is done; its outputs are written.
    #[prost(message, tag = "2")]
    Finished(Finished),
    #[prost(message, tag = "3")]
    Status(AgentStatus),
    /// Not yet: another reply follows.
    #[prost(message, tag = "4")]
    Working(Working),
}

/// The job goes on.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Working {
    /// A line for the user who waits at the terminal; empty when there is nothing to say.
    #[prost(string, tag = "1")]
    pub notice: String,
}

/// Run the invocation's own program with its own arguments.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct BecomeCompiler {
    #[prost(enumeration = "job::Reason", tag = "1")]
    pub reason: i32,
}

/// What to print and how to exit.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Finished {
    #[prost(bytes = "vec", tag = "1")]
    pub stdout: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub stderr: Vec<u8>,
    #[prost(int32, tag = "3")]
    pub exit_code: i32,
}

/// What the agent is doing.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct AgentStatus {
    #[prost(uint32, tag = "1")]
    pub pid: u32,
    #[prost(message, repeated, tag = "2")]
    pub running: Vec<RunningJob>,
    /// Path of the daemon's socket the agent uses; empty when none answers.
    #[prost(string, tag = "3")]
    pub daemon: String,
    #[prost(uint64, tag = "4")]
    pub jobs_done: u64,
    #[prost(message, optional, tag = "5")]
    pub inputs: Option<InputCounts>,
}

/// How many jobs another host compiled, by what it was sent. See [`job::Input`].
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct InputCounts {
    #[prost(uint64, tag = "1")]
    pub recorded: u64,
    #[prost(uint64, tag = "2")]
    pub evaluated: u64,
    #[prost(uint64, tag = "3")]
    pub text: u64,
    #[prost(uint64, tag = "4")]
    pub same_directives: u64,
}

impl InputCounts {
    /// Counts a job whose fate is decided.
    pub fn count(&mut self, record: &JobRecord) {
        if record.compiled() != Compiled::Remote {
            return;
        }
        match record.input() {
            Input::Recorded => self.recorded += 1,
            Input::SameDirectives => self.same_directives += 1,
            Input::Evaluated => self.evaluated += 1,
            Input::Text => self.text += 1,
            Input::Nothing => {}
        }
    }
}

/// One job that the agent handles now.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RunningJob {
    #[prost(bytes = "vec", tag = "1")]
    pub source: Vec<u8>,
    #[prost(string, tag = "2")]
    pub executor: String,
    #[prost(enumeration = "job::record::Phase", tag = "3")]
    pub phase: i32,
    #[prost(uint64, tag = "4")]
    pub age_us: u64,
}
