//! Why a job ran where it ran. One list: the code is stable and goes into logs and JSON, the
//! sentence and the remedy are what `floe explain` prints and what documentation is generated from.

use std::fmt;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $code:literal, $sentence:literal, $remedy:literal;)*) => {
        /// A stable code for one decision about a job.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, prost::Enumeration)]
        #[repr(i32)]
        pub enum Reason {
            $($(#[$doc])* #[doc = $sentence] $name = $number,)*
        }

        impl Reason {
            /// Every reason, in the order of the list.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The code: lower case, words joined by underscores, never changed once released.
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// What happened, as a fragment that follows "ran here: ".
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$name => $sentence,)* }
            }

            /// What the user can do about it; empty when nothing needs doing.
            pub fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy,)* }
            }
        }
    };
}

reasons! {
    // Unspecified is what an unknown number from a newer program decodes to.
    Unspecified = 0, "unspecified", "no reason was recorded", "";
    Remote = 1, "remote", "another host compiled it", "";

    // By rule: this command line does not travel.
    NotCompiler = 10, "not_a_compiler", "the command is not a compiler that floe knows", "";
    ByRequest = 11, "by_request", "the user asked for a local compile (ICECC=no, ICECC=disable or icerun)", "unset ICECC to distribute again";
    NoCompileStep = 12, "no_compile_step", "the command links or does more than one step (neither -c nor -S)", "";
    PreprocessOnly = 13, "preprocess_only", "the command only preprocesses", "";
    DependenciesOnly = 14, "dependencies_only", "the command only lists dependencies", "";
    SyntaxOnly = 15, "syntax_only", "the command produces no object", "";
    SeveralInputs = 16, "several_inputs", "the command names more than one source", "compile one source per command";
    NoInput = 17, "no_input", "the command names no source", "";
    InputFromStdin = 18, "input_from_stdin", "the source is read from standard input or a pipe", "";
    UnknownLanguage = 19, "unknown_language", "the source's language or extension is not one that travels", "";
    Assembler = 20, "assembler", "assembler sources are assembled here", "";
    OutputNotFile = 21, "output_not_a_file", "the output is not a regular file, or is the source itself", "";
    SideOutput = 22, "side_output", "the compiler would write a further file that would not come back", "";
    SideInput = 23, "side_input", "the compiler would read a further file that would not be sent", "";
    ToolSearch = 24, "tool_search", "an option changes where the compiler finds its tools or plugins", "";
    ConfigureProbe = 25, "configure_probe", "the source is a probe of a configure script", "";
    UnreadableOption = 26, "unreadable_option", "an option could not be read the way the compiler reads it", "";
    Modules = 27, "modules", "C++ modules are read and written here, precompiled headers written, and read if they are older than their headers", "";
    NativeUnresolved = 28, "native_unresolved", "-march=native could not be resolved to plain options", "";
    ExtraFileMissing = 29, "extra_file_missing", "a file that the command or ICECC_EXTRAFILES names cannot be read", "check that the file exists and is readable";
    ClockInSource = 30, "environment_sensitive", "the result depends on this host's clock or environment (__TIME__, SOURCE_DATE_EPOCH)", "";

    LocalReport = 31, "local_report", "the command reports on the compile as it runs on this host (-v, -H, -ftime-report)", "";
    CommandLineRecorded = 32, "command_line_recorded", "the object records the compiler's command line", "";
    SeveralTargets = 33, "several_targets", "the command compiles for several kinds of machine at once", "";
    NotInText = 34, "not_in_text", "the object records something about its sources that preprocessed text does not keep", "";

    // By circumstance: it could have travelled.
    AgentUnavailable = 40, "agent_unavailable", "the agent could not be started or did not answer", "run `floe agent` by hand to see why";
    DaemonUnavailable = 41, "daemon_unavailable", "no daemon answers on this host", "start `floe daemon` (or iceccd)";
    NoScheduler = 42, "no_scheduler", "the daemon has no scheduler", "start `floe scheduler`, or name one with ICECC_SCHEDULER";
    NoHost = 43, "no_host", "no other host was free or faster, or the daemon has no scheduler", "see `floe status` for the scheduler, its hosts and free slots";
    ToolchainFailed = 44, "toolchain_failed", "the compiler could not be packed", "run `floe create-env COMPILER` to see what is missing";
    ForeignRoot = 45, "foreign_root", "the build sees another root directory than the agent", "start an agent inside that chroot or container";
    PreprocessorFailed = 46, "preprocessor_failed", "preprocessing failed; the local compiler's own messages are shown", "";
    Diagnostics = 47, "diagnostics", "the remote compiler had something to say; the local compiler says it with source lines", "ICECC_CARET_WORKAROUND=0 accepts the remote text";
    Cancelled = 48, "cancelled", "the build went away before the job ended", "";
    AssignmentTimeout = 49, "assignment_timeout", "the scheduler did not answer in time", "see `floe status`";

    NobodyWilling = 50, "nobody_willing", "every host that could have compiled it takes no work just now: its owner, memory or disk does not allow it", "see `floe status` for the hosts, and the daemon's log there for what it objects to";
    NoMember = 51, "no_member", "this host is a member of its cluster no more: it was revoked, was away for too long, or is a copy of another one", "`floe join LINE`, with a new line of `floe cluster invite`, makes it a member again; `floe status` says what it was";

    // Failed over: it travelled and came back without a result.
    ConnectFailed = 60, "connect_failed", "the executor could not be reached", "check that its port is open from here";
    PeerRefused = 61, "peer_refused", "the executor refused the job", "see the executor's log";
    PeerProtocol = 62, "peer_protocol", "the executor broke the protocol", "see the executor's log";
    PeerLost = 63, "peer_lost", "the connection to the executor broke", "";
    PeerTimeout = 64, "peer_timeout", "the executor did not answer in time", "";
    RemoteMemory = 65, "remote_memory", "the executor ran out of memory or disk", "give it more memory (`floe daemon --memory` there)";
    RemoteKilled = 66, "remote_killed", "the remote compiler was killed, and not by floe", "see that host's kernel log (dmesg); fewer slots or a smaller --memory there keep the kernel from killing";
    EnvironmentRefused = 67, "environment_refused", "the executor could not install or verify the toolchain", "see the executor's log";
    RemoteFailed = 68, "remote_failed", "the remote compiler failed; the local compiler decides", "";
    ResultIncomplete = 69, "result_incomplete", "the result arrived incomplete", "";
    OutputWrite = 70, "output_write", "the result could not be written", "check rights and free space of the output directory";
    NoLargerHost = 71, "no_larger_host", "the executors that tried it have too little memory or disk for it, and no other host took it", "run `floe daemon` with a larger --memory on a host that has it";
    RemoteDisk = 72, "remote_disk", "the compile's files found no more room on the executor", "free disk and memory on that host";
    RemoteLimit = 73, "remote_limit", "the compile met a limit of the executor: processor time, time, the size of a file or of its messages", "";
    RemoteCrashed = 74, "remote_crashed", "the remote compiler crashed; the local compiler decides", "if only that host's crashes, test its memory";
    HandedBack = 75, "handed_back", "the owner of the executor needed it before the compile had ended", "";
    RemoteSandbox = 76, "remote_sandbox", "the executor's sandbox refused the compiler a system call without which it dies", "report the compiler and its version to floe's makers";
    ResultWrong = 77, "result_wrong", "what the executor sent is not the result of this job", "see the executor's log; test that host, or `floe cluster revoke` it";
    ExecutorLeaves = 78, "executor_leaves", "the executor was being stopped and took no more jobs", "";
    FilesMissing = 79, "files_missing", "the executor did not have the job's files, or could not lay them out", "";
}

impl Reason {
    /// Why a job was sent home, by the number in the answer; one that says nothing stands for no host.
    pub fn of_answer(number: u32) -> Self {
        let known = i32::try_from(number)
            .ok()
            .and_then(|number| Self::try_from(number).ok());
        match known {
            None | Some(Self::Unspecified) => Self::NoHost,
            Some(reason) => reason,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_always_has_a_reason() {
        let willing = Reason::NobodyWilling;
        assert_eq!(Reason::of_answer(willing as u32), willing);
        for nothing in [0, 9999, u32::MAX] {
            assert_eq!(Reason::of_answer(nothing), Reason::NoHost);
        }
    }

    #[test]
    fn codes_are_unique_and_spelled_alike() {
        let mut codes: Vec<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        assert!(
            codes
                .iter()
                .all(|code| code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
        );
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Reason::ALL.len());
    }
}
