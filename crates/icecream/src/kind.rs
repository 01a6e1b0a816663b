//! Message types: their numbers on the wire and their usual names.

use std::fmt;

use crate::Message;

macro_rules! kinds {
    ($($kind:ident = $number:literal $name:literal,)*) => {
        /// The type word of a message.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum MessageKind {
            $(#[doc = $name] $kind,)*
        }

        impl MessageKind {
            /// Every type there is.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// The number on the wire.
            pub const fn number(self) -> u32 {
                match self {
                    $(Self::$kind => $number,)*
                }
            }

            /// The type of this number. 65 (unknown), 68 (timeout) and 89 (text) are never sent.
            pub const fn from_number(number: u32) -> Option<Self> {
                match number {
                    $($number => Some(Self::$kind),)*
                    _ => None,
                }
            }

            /// The name in icecream's documentation.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }
        }
    };
}

kinds! {
    Ping = 66 "PING",
    End = 67 "END",
    GetNativeEnv = 69 "GET_NATIVE_ENV",
    NativeEnv = 70 "NATIVE_ENV",
    GetCs = 71 "GET_CS",
    UseCs = 72 "USE_CS",
    CompileFile = 73 "COMPILE_FILE",
    FileChunk = 74 "FILE_CHUNK",
    CompileResult = 75 "COMPILE_RESULT",
    JobBegin = 76 "JOB_BEGIN",
    JobDone = 77 "JOB_DONE",
    JobLocalBegin = 78 "JOB_LOCAL_BEGIN",
    JobLocalDone = 79 "JOB_LOCAL_DONE",
    Login = 80 "LOGIN",
    Stats = 81 "STATS",
    MonLogin = 82 "MON_LOGIN",
    MonGetCs = 83 "MON_GET_CS",
    MonJobBegin = 84 "MON_JOB_BEGIN",
    MonJobDone = 85 "MON_JOB_DONE",
    MonLocalJobBegin = 86 "MON_LOCAL_JOB_BEGIN",
    MonStats = 87 "MON_STATS",
    TransferEnv = 88 "TRANSFER_ENV",
    StatusText = 90 "STATUS_TEXT",
    GetInternals = 91 "GET_INTERNALS",
    CsConf = 92 "CS_CONF",
    VerifyEnv = 93 "VERIFY_ENV",
    VerifyEnvResult = 94 "VERIFY_ENV_RESULT",
    BlacklistHostEnv = 95 "BLACKLIST_HOST_ENV",
    NoCs = 96 "NO_CS",
}

impl fmt::Display for MessageKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl Message {
    /// The type word this message goes out under.
    pub fn kind(&self) -> MessageKind {
        match self {
            Self::BlacklistHostEnv(_) => MessageKind::BlacklistHostEnv,
            Self::CompileFile(_) => MessageKind::CompileFile,
            Self::CompileResult(_) => MessageKind::CompileResult,
            Self::CsConf(_) => MessageKind::CsConf,
            Self::End => MessageKind::End,
            Self::FileChunk(_) => MessageKind::FileChunk,
            Self::GetCs(_) => MessageKind::GetCs,
            Self::GetInternals => MessageKind::GetInternals,
            Self::GetNativeEnv(_) => MessageKind::GetNativeEnv,
            Self::JobBegin(_) => MessageKind::JobBegin,
            Self::JobDone(_) => MessageKind::JobDone,
            Self::JobLocalBegin(_) => MessageKind::JobLocalBegin,
            Self::JobLocalDone(_) => MessageKind::JobLocalDone,
            Self::Login(_) => MessageKind::Login,
            Self::MonGetCs(_) => MessageKind::MonGetCs,
            Self::MonJobBegin(_) => MessageKind::MonJobBegin,
            Self::MonJobDone(_) => MessageKind::MonJobDone,
            Self::MonLocalJobBegin(_) => MessageKind::MonLocalJobBegin,
            Self::MonLogin => MessageKind::MonLogin,
            Self::MonStats(_) => MessageKind::MonStats,
            Self::NativeEnv(_) => MessageKind::NativeEnv,
            Self::NoCs(_) => MessageKind::NoCs,
            Self::Ping => MessageKind::Ping,
            Self::Stats(_) => MessageKind::Stats,
            Self::StatusText(_) => MessageKind::StatusText,
            Self::TransferEnv(_) => MessageKind::TransferEnv,
            Self::UseCs(_) => MessageKind::UseCs,
            Self::VerifyEnv(_) => MessageKind::VerifyEnv,
            Self::VerifyEnvResult(_) => MessageKind::VerifyEnvResult,
        }
    }
}
