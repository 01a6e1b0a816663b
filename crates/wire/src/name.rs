//! Names, addresses, paths and numbers in messages. Each has one constructor.

use job::MemberId;

use crate::field::{Field, Invalid, parsed};
use crate::make::numbers;

/// One argument for a compiler: any bytes but NUL, at most what Linux takes (`MAX_ARG_STRLEN`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Argument(Vec<u8>);

impl Argument {
    /// Its end included, Linux takes 128 KiB.
    pub const MOST: usize = (128 << 10) - 1;

    pub fn new(bytes: Vec<u8>) -> Result<Self, Invalid> {
        if bytes.len() > Self::MOST {
            return Err(Invalid::new("longer than an argument can be"));
        }
        if bytes.contains(&0) {
            return Err(Invalid::new("a NUL byte in an argument"));
        }
        Ok(Self(bytes))
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A path on the submit host. An executor itself never opens it: the compiler does in a view of files, and else writes it
/// into debug information. It may be empty, where there is nothing to write.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct SubmitPath(Vec<u8>);

impl SubmitPath {
    /// Linux's `PATH_MAX` without the end.
    pub const MOST: usize = 4095;

    pub fn new(bytes: Vec<u8>) -> Result<Self, Invalid> {
        if bytes.len() > Self::MOST {
            return Err(Invalid::new("longer than a path can be"));
        }
        if bytes.iter().any(|b| b.is_ascii_control()) {
            return Err(Invalid::new("a control character in a path"));
        }
        Ok(Self(bytes))
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

macro_rules! byte_fields {
    ($($type:ty, $text:literal;)*) => {$(
        impl Field for $type {
            type Wire = Vec<u8>;

            fn read(wire: Vec<u8>) -> Result<Self, Invalid> {
                Self::new(wire)
            }

            fn write(&self) -> Vec<u8> {
                self.0.clone()
            }

            fn describe() -> String {
                $text.to_owned()
            }
        }
    )*};
}

byte_fields! {
    Argument, "at most 131071 bytes without NUL";
    SubmitPath, "at most 4095 bytes without control characters; a path on the submit host; a job of text opens it nowhere else, one of files in its own view; may be empty";
}

impl Field for MemberId {
    type Wire = Vec<u8>;

    fn read(wire: Vec<u8>) -> Result<Self, Invalid> {
        match wire.try_into() {
            Ok(bytes) => Ok(Self::from_bytes(bytes)),
            Err(_) => Err(Invalid::new("not 16 bytes")),
        }
    }

    fn write(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn describe() -> String {
        "the 16 bytes that identify a member".to_owned()
    }
}

/// A host in an address: a name or an IP address in its usual spelling, without brackets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostText(String);

impl HostText {
    pub fn parse(given: &str) -> Result<Self, Invalid> {
        let good = |b: u8| b.is_ascii_alphanumeric() || b".-:_%".contains(&b);
        if (1..=253).contains(&given.len()) && given.bytes().all(good) && !given.starts_with('-') {
            Ok(Self(given.to_owned()))
        } else {
            Err(Invalid::new("neither a host's name nor an IP address"))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A network interface, as Linux lets them be called: 1 to 15 printable ASCII characters, no slash and no colon.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InterfaceName(String);

impl InterfaceName {
    pub fn parse(given: &str) -> Result<Self, Invalid> {
        let good = |b: u8| b.is_ascii_graphic() && !b"/:".contains(&b);
        let is_name = (1..16).contains(&given.len()) && given.bytes().all(good);
        if is_name && !matches!(given, "." | "..") {
            Ok(Self(given.to_owned()))
        } else {
            Err(Invalid::new("no name of a network interface"))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

parsed! {
    InterfaceName, "the name of a network interface: 1 to 15 printable ASCII characters without slash and colon";
    HostText, "a host's name or an IP address without brackets: 1 to 253 letters, digits and . - : _ %, not starting with -";
}

numbers! {
    /// An agent's own number for a job, for logs on both sides.
    JobNumber: u64 = 0 => u64::MAX;
    /// An agent's own number for what the jobs of a connection see of its files.
    ViewNumber: u64 = 0 => u64::MAX;
    /// The number of a grant, given by the scheduler that signed it.
    GrantNumber: u64 = 1 => u64::MAX;
    /// How many compilers at once.
    Slots: u32 = 1 => 4096;
    /// How many jobs, hosts or places in a queue.
    Count: u32 = 0 => 1_000_000;
    /// As of processes: the higher, the later.
    Niceness: u32 = 0 => 20;
    /// A TCP port.
    Port: u32 = 1 => 65_535;
    /// Bytes: at most a tebibyte.
    Size: u64 = 0 => 1 << 40;
    /// Seconds since 1970, leap seconds not counted.
    UnixSeconds: u64 = 0 => 1 << 40;
    /// Thousandths.
    PerMille: u32 = 0 => 1000;
    /// Microseconds: at most some ten days.
    Micros: u64 = 0 => 1 << 40;
    /// An exit code.
    ExitCode: u32 = 0 => 255;
    /// A signal's number on the executor.
    Signal: u32 = 1 => 64;
}
