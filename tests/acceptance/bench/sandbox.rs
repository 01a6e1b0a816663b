//! What the sandbox costs for each job: processor time of its helpers from request to end, beside
//! that of starting the same program without one, and what past jobs leave behind.

use std::ffi::CString;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use sandbox::{
    Ended, Job, Limits, Protection, Rung, Scratch, View, Wall, Zygote, ZygoteClient, privileges,
};

use crate::Options;
use crate::table::Table;

const NOBODY: (u32, u32) = (65534, 65534);
/// Processor time comes in ticks of 10 ms: many jobs make one figure.
const JOBS_PER_ROUND: u32 = 20;
/// Of a second.
const TICK: Duration = Duration::from_millis(10);

pub(crate) fn measure(options: &Options, table: &mut Table) -> Result<()> {
    let base = tempdir()?;
    let root = base.join("toolchain");
    let program = plant(&root)?;
    let zygote = if privileges::is_root() {
        Zygote::start_as_root(NOBODY)?
    } else {
        Zygote::start()?
    };
    let client = zygote.client();
    let helper = children(zygote.pid())
        .pop()
        .context("the sandbox's helper is gone")?;
    // The toolchain's mounts are made once.
    for _ in 0..3 {
        run(&client, &root)?;
    }
    let jobs = options.rounds.max(5) * JOBS_PER_ROUND;
    let before = Holdings::of(helper)?;
    let (used_before, began) = (used(helper)?, Instant::now());
    let mut set_up = Vec::new();
    for _ in 0..jobs {
        set_up.push(run(&client, &root)?);
    }
    let (wall, with) = (began.elapsed(), used(helper)? - used_before);
    let after = Holdings::of(helper)?;

    let (bare_before, bare_began) = (used(std::process::id())?, Instant::now());
    for _ in 0..jobs {
        ensure!(Command::new(&program).status()?.success());
    }
    let (bare_wall, bare) = (
        bare_began.elapsed(),
        used(std::process::id())? - bare_before,
    );

    let each = |time: Duration| Some(time.as_secs_f64() * 1e3 / f64::from(jobs));
    let rung = zygote.findings().rung;
    let rung = rung.map_or_else(String::new, |rung| rung.to_string());
    table.row(
        format!("processor time of a sandboxed job that does nothing ({rung})"),
        "ms",
        None,
        each(with),
        "≤ 3 ms with the program's own",
    );
    table.row(
        "the same program without a sandbox",
        "ms",
        None,
        each(bare),
        "",
    );
    table.row(
        "from request to end, one at a time",
        "ms",
        None,
        each(wall),
        "",
    );
    table.row(
        "the same without a sandbox",
        "ms",
        None,
        each(bare_wall),
        "",
    );
    table.row("making the sandbox (least)", "ms", None, least(&set_up), "");
    for wall in [Wall::Seccomp, Wall::Landlock, Wall::Network] {
        let user = privileges::is_root().then_some(NOBODY);
        let walls = Protection::full().without(wall);
        let zygote = Zygote::start_with(walls, &[Rung::Namespaces], user)?;
        let times: Result<Vec<Duration>> =
            (0..jobs).map(|_| run(&zygote.client(), &root)).collect();
        let what = format!("the same without {wall:?}");
        table.row(what, "ms", None, least(&times?), "");
    }
    table.note(format!(
        "after {jobs} jobs the helper holds {} descriptors (before: {}), {} KiB of memory ({}) and {} threads ({})",
        after.descriptors, before.descriptors, after.memory_kib, before.memory_kib, after.threads, before.threads
    ));
    drop(zygote);
    fs::remove_dir_all(&base)?;
    Ok(())
}

/// On a busy machine the least says most about the work itself.
fn least(times: &[Duration]) -> Option<f64> {
    times.iter().min().map(|least| least.as_secs_f64() * 1e3)
}

/// Readable for the helper's user.
fn tempdir() -> Result<PathBuf> {
    let base = Path::new("/var/tmp").join(format!("floe-bench-sandbox-{}", std::process::id()));
    fs::create_dir_all(&base)?;
    Ok(base)
}

/// A toolchain with one program, static and small, so that nearly all the time is the sandbox's.
fn plant(root: &Path) -> Result<PathBuf> {
    for directory in ["tmp", "dev", "bin"] {
        fs::create_dir_all(root.join(directory))?;
    }
    fs::write(root.join("dev/null"), "")?;
    let source = root.join("nothing.c");
    fs::write(&source, "int main(void) { return 0; }\n")?;
    let program = root.join("bin/nothing");
    let mut compiler = Command::new("gcc");
    compiler
        .args(["-static", "-O1", "-o"])
        .arg(&program)
        .arg(&source);
    ensure!(compiler.status()?.success(), "gcc cannot make a program");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    Ok(program)
}

/// How long it took to make the sandbox.
fn run(client: &ZygoteClient, root: &Path) -> Result<Duration> {
    let null = || -> Result<OwnedFd> {
        let file = fs::File::options().read(true).write(true).open("/dev/null");
        Ok(file?.into())
    };
    let job = Job {
        view: View::Toolchain(root.to_path_buf()),
        scratch: Scratch::Memory {
            bytes: 1 << 30,
            files: 4096,
            directories: Vec::new(),
        },
        arguments: vec![CString::from(c"/bin/nothing")],
        environment: vec![c"PATH=/usr/bin".into()],
        directory: PathBuf::from("/tmp"),
        stdin: null()?,
        stdout: null()?,
        stderr: null()?,
        limits: Limits {
            address_space: Some(4 << 30),
            memory: Some(4 << 30),
            processes: Some(64),
            nice: 5,
            ..Limits::default()
        },
    };
    let outcome = client.spawn(&job)?.wait()?;
    ensure!(outcome.ended == Ended::Exited(0), "{:?}", outcome.ended);
    Ok(outcome.usage.set_up)
}

/// Processor time of a process and of its children that have ended.
fn used(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name may hold anything; the numbers begin after its last bracket. utime is field 14.
    let (_, rest) = stat.rsplit_once(')').context("an odd stat file")?;
    let ticks: u32 = rest
        .split_whitespace()
        .skip(11)
        .take(4)
        .filter_map(|field| field.parse::<u32>().ok())
        .sum();
    Ok(TICK * ticks)
}

fn children(pid: u32) -> Vec<u32> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let list = list.unwrap_or_default();
    list.split_whitespace()
        .filter_map(|child| child.parse().ok())
        .collect()
}

/// What a process has.
struct Holdings {
    descriptors: usize,
    memory_kib: u64,
    threads: u64,
}

impl Holdings {
    fn of(pid: u32) -> Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
                .unwrap_or(0)
        };
        Ok(Self {
            descriptors: fs::read_dir(format!("/proc/{pid}/fd"))?.count(),
            memory_kib: field("VmRSS:"),
            threads: field("Threads:"),
        })
    }
}
