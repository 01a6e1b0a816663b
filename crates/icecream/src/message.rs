//! icecream's messages as values, one struct each, fields in the order of the wire.
//!
//! Field sets are those of versions 42 to 44; what is version-dependent within that range says so.
//! Strings are bytes without a charset on the wire; here they are `String` where only ASCII makes
//! sense or the text is for display (decoded lossily), and `Vec<u8>` where they are paths,
//! arguments or output.

/// Everything that may cross a channel after the handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    BlacklistHostEnv(BlacklistHostEnv),
    CompileFile(CompileFile),
    CompileResult(CompileResult),
    CsConf(CsConf),
    End,
    FileChunk(FileChunk),
    GetCs(GetCs),
    GetInternals,
    GetNativeEnv(GetNativeEnv),
    JobBegin(JobBegin),
    JobDone(JobDone),
    JobLocalBegin(JobLocalBegin),
    JobLocalDone(JobLocalDone),
    Login(Login),
    MonGetCs(MonGetCs),
    MonJobBegin(MonJobBegin),
    MonJobDone(JobDone),
    MonLocalJobBegin(MonLocalJobBegin),
    MonLogin,
    MonStats(MonStats),
    NativeEnv(NativeEnv),
    NoCs(NoCs),
    Ping,
    Stats(Stats),
    StatusText(StatusText),
    TransferEnv(TransferEnv),
    UseCs(UseCs),
    VerifyEnv(VerifyEnv),
    VerifyEnvResult(VerifyEnvResult),
}

/// (platform, toolchain name), as LOGIN and GET_CS order them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Environment {
    pub platform: String,
    pub name: String,
}

/// LOGIN 80, daemon to scheduler. A second one on the same connection renews `environments` only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// TCP port for compile requests; 0 for none and in a renewal.
    pub port: u32,
    /// Slots; 0 in a renewal.
    pub max_kids: u32,
    pub environments: Vec<Environment>,
    pub node_name: String,
    pub host_platform: String,
    pub chroot_possible: bool,
    pub no_remote: bool,
    /// Bit 0: can unpack xz; bit 1: zstd. Bits that they do not know mean nothing to icecream's
    /// schedulers.
    pub features: u32,
}

impl Login {
    /// In `features`, from floe's daemons to floe's schedulers: see [`UseCs::matched_job_id`].
    pub const HEARS_REASONS: u32 = 1 << 31;
}

/// CS_CONF 92, scheduler to daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsConf {
    /// Seconds between load samples.
    pub max_scheduler_pong: u32,
    pub max_scheduler_ping: u32,
    pub bench_source: String,
}

/// STATS 81, daemon to scheduler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    /// 0 to 1000; 1000 asks for no work.
    pub load: u32,
    /// Load averages times 1000.
    pub load_avg_1: u32,
    pub load_avg_5: u32,
    pub load_avg_10: u32,
    /// MiB.
    pub free_mem: u32,
}

/// GET_NATIVE_ENV 69, client to its daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetNativeEnv {
    pub compiler: Vec<u8>,
    pub extra_files: Vec<Vec<u8>>,
    pub compression: String,
}

/// NATIVE_ENV 70, daemon to client: an absolute path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NativeEnv {
    pub path: Vec<u8>,
}

/// GET_CS 71, client to daemon to scheduler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetCs {
    pub versions: Vec<Environment>,
    /// For display; cut to three path components when encoded.
    pub filename: Vec<u8>,
    /// 0 C, 1 C++, 2 Objective-C, 3 Objective-C++, 4 other.
    pub lang: u32,
    pub count: u32,
    pub target: String,
    /// 1 -g, 2 -g3, 4 -O1, 8 -O2, 16 other -O; and [`GetCs::MUCH_MEMORY`].
    pub arg_flags: u32,
    pub client_id: u32,
    pub preferred_host: String,
    /// 1 when `minimal_host_version` is at least 31.
    pub ignore_unverified: u32,
    pub minimal_host_version: u32,
    pub client_count: u32,
    pub required_features: u32,
    /// Since 43: nice value 0 to 20. Not on the wire at 42, decoded as 0.
    pub niceness: u32,
}

impl GetCs {
    /// In `arg_flags`: an executor had too little memory for this job, so one with much is wanted.
    /// floe's own; icecream's schedulers look at the five lower bits one by one and at no other.
    pub const MUCH_MEMORY: u32 = 1 << 16;
}

/// USE_CS 72, scheduler to daemon to client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UseCs {
    pub job_id: u32,
    pub port: u32,
    pub hostname: String,
    pub host_platform: String,
    pub got_env: bool,
    /// In a daemon's "compile it yourself" (host 127.0.0.1): 1 from icecream's; from floe's 0 without
    /// a scheduler, and [`UseCs::WITH_REASON`].
    pub client_id: u32,
    /// Only informs. Where floe sends a job home with a reason, its number: a scheduler by an empty
    /// `hostname`, to daemons that hear reasons; a daemon by `client_id`.
    pub matched_job_id: u32,
}

impl UseCs {
    /// In `client_id` of a "compile it yourself": `matched_job_id` is the number of a reason.
    pub const WITH_REASON: u32 = 2;
}

/// NO_CS 96, scheduler to daemon: compile on the submit host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoCs {
    pub job_id: u32,
    pub client_id: u32,
}

/// COMPILE_FILE 73.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileFile {
    pub lang: u32,
    pub job_id: u32,
    pub flags: Vec<Vec<u8>>,
    /// `__client` announces a compile that the client does itself.
    pub env_version: String,
    pub target_platform: String,
    /// `gcc`, `g++` or `clang`.
    pub compiler_name: String,
    pub input_file: Vec<u8>,
    pub working_dir: Vec<u8>,
    pub output_file: Vec<u8>,
    pub dwarf_fission: bool,
}

/// FILE_CHUNK 74, still compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChunk {
    /// At most 1 MiB.
    pub uncompressed_len: u32,
    /// 0 LZO1X, 1 Zstandard.
    pub compression: u32,
    pub data: Vec<u8>,
}

/// COMPILE_RESULT 75. On the wire stderr comes before stdout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileResult {
    pub stderr: Vec<u8>,
    pub stdout: Vec<u8>,
    pub status: i32,
    pub out_of_memory: bool,
    pub have_dwo: bool,
}

/// JOB_BEGIN 76, daemon to scheduler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobBegin {
    pub job_id: u32,
    /// Unix seconds of the sender.
    pub start_time: u32,
    pub client_count: u32,
}

impl JobBegin {
    /// As `start_time`: the job has come and waits for a slot. floe's own, and told to floe's schedulers only,
    /// in clusters where jobs have grants; a second message says when it begins.
    pub const WAITS: u32 = 0;
}

/// JOB_DONE 77, and MON_JOB_DONE 85 with the same body.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct JobDone {
    pub job_id: u32,
    pub exit_code: i32,
    pub real_msec: u32,
    pub user_msec: u32,
    pub sys_msec: u32,
    pub page_faults: u32,
    pub in_compressed: u32,
    pub in_uncompressed: u32,
    pub out_compressed: u32,
    pub out_uncompressed: u32,
    /// Bit 0: from the submitter; bit 1: `job_id` is a client id.
    pub flags: u32,
    pub client_count: u32,
}

/// JOB_LOCAL_BEGIN 78.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobLocalBegin {
    pub start_time: u32,
    pub outfile: Vec<u8>,
    pub id: u32,
    /// Since 44: takes all slots. Not on the wire before, decoded as false.
    pub full: bool,
}

/// JOB_LOCAL_DONE 79.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobLocalDone {
    pub job_id: u32,
}

/// MON_STATS 87, scheduler to monitor: `Key:Value` lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonStats {
    pub host_id: u32,
    pub text: String,
}

/// MON_GET_CS 83.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonGetCs {
    pub filename: Vec<u8>,
    pub lang: u32,
    pub job_id: u32,
    pub client_host_id: u32,
}

/// MON_JOB_BEGIN 84.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonJobBegin {
    pub job_id: u32,
    pub start_time: u32,
    pub host_id: u32,
}

/// MON_LOCAL_JOB_BEGIN 86.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonLocalJobBegin {
    pub host_id: u32,
    pub job_id: u32,
    pub start_time: u32,
    pub file: Vec<u8>,
}

/// TRANSFER_ENV 88, followed by chunks and END.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferEnv {
    pub name: String,
    pub target: String,
}

/// STATUS_TEXT 90.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusText {
    pub text: String,
}

/// VERIFY_ENV 93.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyEnv {
    pub name: String,
    pub target: String,
}

/// VERIFY_ENV_RESULT 94.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyEnvResult {
    pub ok: bool,
}

/// BLACKLIST_HOST_ENV 95.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlacklistHostEnv {
    pub name: String,
    pub target: String,
    pub hostname: String,
}
