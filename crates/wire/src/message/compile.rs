//! A job at its executor. The agent opens a stream with [`Compile`] and sends the input as data
//! behind it, without waiting for anything. It takes its wish back by resetting the stream.

use job::{Digest, Platform};

use super::view::JobInputs;
use crate::define::{messages, parts};
use crate::field::{Line, List};
use crate::grant::SignedGrant;
use crate::make::choices;
use crate::name::{Argument, Count, ExitCode, JobNumber, Micros, Signal, Size, SubmitPath};

choices! {
    /// Whose command line it is.
    Family {
        /// gcc
        Gcc = 1;
        /// clang
        Clang = 2;
    }

    /// What the input is written in.
    Language {
        /// C
        C = 1;
        /// C++
        Cxx = 2;
        /// Objective-C
        ObjectiveC = 3;
        /// Objective-C++
        ObjectiveCxx = 4;
    }

    /// What the data behind a Compile is.
    InputKind {
        /// text of one translation unit, preprocessed as far as the arguments say
        Text = 1;
        /// none: the source and what it includes are the files that `inputs` names
        Files = 2;
    }

    /// How data is packed.
    Packing {
        /// not at all
        Plain = 1;
        /// zstd frames, one behind the other, with windows of at most 8 MiB
        Zstd = 2;
    }

    /// What an executor sends back.
    OutputKind {
        /// what `-o` names: an object, or assembly
        Object = 1;
        /// the `.dwo` file beside it
        SplitDwarf = 2;
        /// the rules for make that say what it read
        Dependencies = 3;
        /// what the compiler wrote to its standard output
        StandardOutput = 16;
        /// what it wrote to its standard error
        StandardError = 17;
    }

    /// Why an executor does not run a job to its end.
    Refusal {
        /// see the text
        Other = 0;
        /// it does not have the toolchain
        ToolchainMissing = 1;
        /// the toolchain cannot be used there
        ToolchainUnusable = 2;
        /// the member's role does not allow it, or it was revoked
        Forbidden = 3;
        /// the grant is for another, too old, or not signed by its scheduler
        GrantInvalid = 4;
        /// all jobs of the grant are used up
        GrantUsed = 5;
        /// it needs more memory than this executor gives to anybody
        TooLarge = 6;
        /// other jobs have the memory
        Crowded = 7;
        /// its queue is full
        Busy = 8;
        /// its owner needs it now
        HandedBack = 9;
        /// it has no sandbox that holds
        NoSandbox = 10;
        /// the input or an argument is not acceptable
        BadInput = 11;
        /// its disk is full
        DiskFull = 12;
        /// one of the member's limits is reached
        OverLimit = 13;
        /// it failed by itself
        Failed = 14;
        /// it does not have the files that the job reads, or cannot lay them out
        FilesMissing = 15;
    } else Other

    /// Where trying again may help.
    Retry {
        /// at the same executor, a little later
        Here = 1;
        /// at another
        Elsewhere = 2;
        /// nowhere: compile at home
        Never = 3;
    } else Elsewhere
}

parts! {
    /// What a job may use beyond the executor's own rules.
    JobLimits {
        /// Bytes of memory.
        1 (uint64, optional) memory: Option<Size>;
        /// How long it may run.
        2 (uint64, optional) run_time_us: Option<Micros>;
    }

    /// What a job used.
    Usage {
        /// Processor time outside the kernel.
        1 (uint64) user_us: Micros;
        /// Processor time in the kernel.
        2 (uint64) system_us: Micros;
        /// The most bytes of memory that it had at a time.
        3 (uint64) peak_memory: Size;
        /// From its arrival to the start of the compiler.
        4 (uint64) waited_us: Micros;
        /// From the start of the compiler to its end.
        5 (uint64) ran_us: Micros;
    }
}

messages! {
    /// Run this compiler on the data that follows, which ends with the stream's direction.
    Compile = 16, "agent → executor, opens a stream; data follows" {
        /// The agent's number.
        1 (uint64) job: JobNumber;
        /// What allows it.
        2 (message, required) grant: SignedGrant;
        /// The toolchain's manifest.
        3 (bytes = "vec") toolchain: Digest;
        /// Where the tools run.
        4 (string) platform: Platform;
        /// The compiler's family.
        5 (uint32) family: Family;
        /// The language.
        6 (uint32) language: Language;
        /// In the user's order, without source and `-o`.
        7 (bytes = "vec", repeated) arguments: List<Argument, 16384>;
        /// The source's name as the user gave it.
        8 (bytes = "vec") source: SubmitPath;
        /// The working directory.
        9 (bytes = "vec") directory: SubmitPath;
        /// The output's name as the user gave it.
        10 (bytes = "vec") output: SubmitPath;
        /// What the data is.
        11 (uint32) input: InputKind;
        /// How it is packed.
        12 (uint32) packing: Packing;
        /// What is to come back if the compiler makes it.
        13 (uint32, repeated) wanted: List<OutputKind, 16>;
        /// The packings in which it may come back; unpacked is always allowed.
        14 (uint32, repeated) accepted: List<Packing, 16>;
        /// What the job may use.
        15 (message, required) limits: JobLimits;
        /// The files that it reads, if its input is files.
        16 (message, optional) inputs: Option<JobInputs>;
    }

    /// It will run.
    Accepted = 17, "executor → agent" {
        /// How many are before it.
        1 (uint32) queued: Count;
    }

    /// The compiler has started.
    Started = 18, "executor → agent" {}

    /// The data up to the next message or the end is one output.
    Output = 19, "executor → agent; data follows" {
        /// Which.
        1 (uint32) kind: OutputKind;
        /// Its length, unpacked. Less or more is a fault of the executor.
        2 (uint64) size: Size;
        /// How the data is packed.
        3 (uint32) packing: Packing;
    }

    /// The compiler has ended, and all outputs were sent before this.
    Finished = 20, "executor → agent, the last on its stream" {
        /// Its exit code, unless a signal ended it.
        1 (uint32, optional) exit_code: Option<ExitCode>;
        /// The signal that ended it.
        2 (uint32, optional) signal: Option<Signal>;
        /// How many Output messages came before.
        3 (uint32) outputs: Count;
        /// What it used.
        4 (message, required) usage: Usage;
        /// For each of them, in their order: BLAKE3 of its kind (four bytes, the lowest first) and its unpacked bytes. The key is derived by BLAKE3 in the context `floe output 1` from the job's encoded grant, so it fits this job only.
        5 (bytes = "vec", repeated) proofs: List<Digest, 16>;
    }

    /// There will be no result. Outputs that came are worthless.
    Refused = 21, "executor → agent, the last on its stream" {
        /// Why.
        1 (uint32) reason: Refusal;
        /// The same for people.
        2 (string) text: Line<400>;
        /// Where another try may help.
        3 (uint32) retry: Retry;
    }
}
