//! `floe doctor`: what keeps this host from running other hosts' jobs, or others from running its.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;
use toolchain::{Fate, NativeError};

use super::options::DoctorOptions;
use super::status::gather;

/// Asked about when none is named, as far as they are in `PATH`.
const USUAL: &[&str] = &["gcc", "g++", "clang", "clang++"];

#[derive(Debug, Serialize)]
struct Report {
    sandbox: Sandbox,
    /// Who may ask this host's daemon for compiles; none if it does not say, or none runs.
    open_to: Option<String>,
    /// Why this host is no member of its cluster any more.
    membership: Option<String>,
    /// The scheduler that the daemon uses, and why it is that one; or why there is none.
    scheduler: Option<String>,
    toolchains: Vec<Toolchain>,
}

/// How other hosts' jobs run here.
#[derive(Debug, Serialize)]
struct Sandbox {
    /// The kind in use; none when such jobs are refused.
    rung: Option<String>,
    /// Jobs with any compiler are taken, and not only with one that is installed here.
    any_toolchain: bool,
    findings: Vec<String>,
}

/// Whether a compiler can travel.
#[derive(Debug, Serialize)]
struct Toolchain {
    compiler: PathBuf,
    #[serde(flatten)]
    verdict: Verdict,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Travels {
        version: String,
        target: String,
        files: usize,
        bytes: u64,
        languages: Vec<Language>,
        /// Why the collected files were not tried in a sandbox here.
        untried: Option<String>,
    },
    /// Its jobs run locally.
    Stays { why: String },
}

#[derive(Debug, Serialize)]
struct Language {
    language: &'static str,
    travels: bool,
    /// Such jobs run somewhere.
    installed: bool,
    why: Option<String>,
}

/// To be called before the program has threads: a sandbox is tried.
pub(crate) fn run(options: &DoctorOptions) -> ExitCode {
    // Before there is a runtime.
    let sandbox = sandbox();
    let (daemon, scheduler) = network().unwrap_or_default();
    let report = Report {
        sandbox,
        membership: gather::fallen(daemon.as_ref()),
        open_to: daemon.and_then(|daemon| daemon.open_to),
        scheduler,
        toolchains: compilers(options)
            .into_iter()
            .map(|compiler| Toolchain {
                verdict: verdict(&compiler),
                compiler,
            })
            .collect(),
    };
    let text = if options.json {
        serde_json::to_string_pretty(&report)
            .map(|text| text + "\n")
            .unwrap_or_default()
    } else {
        shown(&report)
    };
    let printed = std::io::stdout().write_all(text.as_bytes());
    ExitCode::from(u8::from(printed.is_err() || !report.is_well()))
}

/// As a daemon that this user starts would have it.
fn sandbox() -> Sandbox {
    let findings = match daemon::usual_account() {
        Ok(Some(user)) => sandbox::Zygote::start_as_root(user),
        // Without an account there is nothing to drop to, and the findings say so.
        Ok(None) | Err(_) => sandbox::Zygote::start(),
    }
    .map_or_else(
        |sandbox::Unavailable(findings)| findings,
        |zygote| zygote.findings().clone(),
    );
    Sandbox {
        rung: findings.rung.map(|rung| rung.to_string()),
        any_toolchain: findings
            .rung
            .is_some_and(sandbox::Rung::takes_any_toolchain),
        findings: findings.lines(),
    }
}

/// The daemon, and its scheduler; asked by a runtime of this moment.
fn network() -> Option<(Option<gather::Daemon>, Option<String>)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .ok()?;
    runtime.block_on(async {
        let daemon = gather::daemon().await.ok()??;
        let scheduler = match daemon.openness() {
            Some(daemon::Openness::Members) => match gather::among_members(&daemon).await {
                Ok(gather::Scheduler {
                    address, elected, ..
                }) => Some(match elected {
                    Some(why) => format!("{address}: {why}"),
                    None => address,
                }),
                Err(error) => Some(format!("not asked: {error:#}")),
            },
            _ => daemon.scheduler.clone(),
        };
        Some((Some(daemon), scheduler))
    })
}

fn compilers(options: &DoctorOptions) -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = |name: &Path| {
        std::env::split_paths(&path)
            .map(|directory| directory.join(name))
            .find(|file| file.is_file())
    };
    if options.compilers.is_empty() {
        return USUAL
            .iter()
            .filter_map(|name| found(Path::new(name)))
            .collect();
    }
    let named = options.compilers.iter();
    named
        .map(|name| {
            let is_path = name.components().count() > 1;
            let found = if is_path { None } else { found(name) };
            found.unwrap_or_else(|| name.clone())
        })
        .collect()
}

/// As the agent of this user would find it: collected, and tried with the collected files alone.
fn verdict(compiler: &Path) -> Verdict {
    match toolchain::examine(compiler, &std::env::temp_dir(), &agent::trials) {
        Ok(examined) => Verdict::Travels {
            version: examined.version,
            target: examined.target,
            files: examined.files,
            bytes: examined.bytes,
            languages: examined.languages.map(language).into(),
            untried: examined.untried,
        },
        Err(NativeError::Toolchain(why)) => Verdict::Stays { why },
        Err(error) => Verdict::Stays {
            why: error.to_string(),
        },
    }
}

fn language(language: toolchain::Language) -> Language {
    let (travels, installed, why) = match language.fate {
        Fate::Travels => (true, true, None),
        Fate::NotInstalled(why) => (false, false, Some(why)),
        Fate::Stays(why) => (false, true, Some(why)),
    };
    Language {
        language: language.name,
        travels,
        installed,
        why,
    }
}

impl Toolchain {
    /// A language that nobody installed is nobody's trouble, unless the compiler is named for it.
    fn is_well(&self) -> bool {
        let Verdict::Travels { languages, .. } = &self.verdict else {
            return false;
        };
        let name = self.compiler.file_name().unwrap_or_default();
        let is_cxx = name.to_string_lossy().contains("++");
        let own = if is_cxx { "C++" } else { "C" };
        languages
            .iter()
            .all(|one| one.travels || !one.installed && one.language != own)
    }
}

impl Report {
    fn is_well(&self) -> bool {
        self.membership.is_none()
            && self.sandbox.any_toolchain
            && self.toolchains.iter().all(Toolchain::is_well)
    }
}

fn shown(report: &Report) -> String {
    let mut text = String::from("Jobs of other hosts on this one\n");
    for line in &report.sandbox.findings {
        let _ = writeln!(text, "  {line}");
    }
    if let Some(open_to) = &report.open_to {
        let _ = writeln!(text, "  its daemon is open to {open_to}");
        if daemon::Openness::read(open_to).is_some_and(daemon::Openness::has_strangers) {
            text.push_str(
                "  for members only: floe cluster create, floe join LINE on each host, and floe daemon without --icecream\n",
            );
        }
    }
    if let Some(fallen) = &report.membership {
        let _ = writeln!(text, "  {fallen}");
    }
    if let Some(scheduler) = &report.scheduler {
        let _ = writeln!(text, "  its scheduler: {scheduler}");
    }
    text.push_str("\nThis host's compilers on others\n");
    if report.toolchains.is_empty() {
        text.push_str("  no compiler is in PATH; name one: floe doctor /opt/gcc/bin/gcc\n");
    }
    for one in &report.toolchains {
        toolchain(&mut text, one);
    }
    text
}

fn toolchain(text: &mut String, one: &Toolchain) {
    let compiler = one.compiler.display();
    let (version, target, files, bytes, languages, untried) = match &one.verdict {
        Verdict::Travels {
            version,
            target,
            files,
            bytes,
            languages,
            untried,
        } => (version, target, files, bytes, languages, untried),
        Verdict::Stays { why } => {
            let _ = writeln!(text, "  {why}; its jobs run here");
            return;
        }
    };
    let megabytes = bytes / 1_000_000;
    let _ = writeln!(
        text,
        "  {compiler}: {version} for {target}: {files} files, {megabytes} MB"
    );
    for Language {
        language,
        travels,
        why,
        ..
    } in languages
    {
        let _ = match why {
            Some(why) => writeln!(text, "    {language} stays: {why}"),
            None if *travels && untried.is_none() => writeln!(
                text,
                "    {language} travels: a trial compile with these files alone worked"
            ),
            None => writeln!(text, "    {language} travels, as far as one can see here"),
        };
    }
    if let Some(why) = untried {
        let _ = writeln!(text, "    not tried in a sandbox: {why}");
    }
}
