//! The one line that says why a build pauses: a toolchain is packed or sent for the first time.
//!
//! Every job of the build waits for it, and one of them says so.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use job::Phase;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// What takes shorter is not worth a line.
const WORTH_A_LINE: Duration = Duration::from_secs(1);

/// The other jobs of the same build find it said.
const SAID_LASTS: Duration = Duration::from_secs(120);

/// A job's phase, when it began, and the host that has to do with it.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    pub(crate) phase: Option<Phase>,
    pub(crate) since: Instant,
    pub(crate) host: String,
}

/// What was said lately, by whichever job.
#[derive(Debug, Default)]
pub(crate) struct Said(Mutex<HashMap<(PathBuf, String), Instant>>);

impl Said {
    /// Whether the caller is the one to say it.
    fn claim(&self, compiler: &Path, host: &str, now: Instant) -> bool {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.retain(|_, at| now.saturating_duration_since(*at) < SAID_LASTS);
        let key = (compiler.to_path_buf(), host.to_owned());
        said.insert(key, now).is_none()
    }
}

/// Watches one job.
pub(crate) struct Progress<'a> {
    said: &'a Said,
    compiler: PathBuf,
    stages: watch::Receiver<Stage>,
    /// The stage for which nothing more is to be said.
    done: Option<Instant>,
}

impl<'a> Progress<'a> {
    pub(crate) fn new(said: &'a Said, compiler: &[u8], stages: watch::Receiver<Stage>) -> Self {
        use std::os::unix::ffi::OsStrExt;
        let compiler = Path::new(std::ffi::OsStr::from_bytes(compiler)).to_path_buf();
        Self {
            said,
            compiler,
            stages,
            done: None,
        }
    }

    /// The next line, when it is due. May be dropped and called again.
    pub(crate) async fn line(&mut self) -> String {
        loop {
            let stage = self.stages.borrow_and_update().clone();
            let text = match stage.phase {
                Some(Phase::Toolchain) => {
                    format!("packing {} for other hosts, once", self.compiler.display())
                }
                Some(Phase::Install) => format!(
                    "sending {} to {}, once",
                    self.compiler.display(),
                    stage.host
                ),
                _ => String::new(),
            };
            if text.is_empty() || self.done == Some(stage.since) {
                if self.stages.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
                continue;
            }
            tokio::select! {
                changed = self.stages.changed() => {
                    if changed.is_err() {
                        std::future::pending::<()>().await;
                    }
                }
                () = sleep_until(stage.since + WORTH_A_LINE) => {
                    self.done = Some(stage.since);
                    if self.said.claim(&self.compiler, &stage.host, Instant::now()) {
                        return text;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(phase: Phase, host: &str) -> Stage {
        Stage {
            phase: Some(phase),
            since: Instant::now(),
            host: host.to_owned(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_job_says_it_after_a_second_and_each_host_is_told_of() {
        let said = Said::default();
        let (tell, stages) = watch::channel(stage(Phase::Toolchain, ""));
        let mut first = Progress::new(&said, b"/usr/bin/g++", stages.clone());
        let mut second = Progress::new(&said, b"/usr/bin/g++", stages);
        let began = Instant::now();
        assert_eq!(
            first.line().await,
            "packing /usr/bin/g++ for other hosts, once"
        );
        assert_eq!(began.elapsed(), WORTH_A_LINE);
        let silent = tokio::time::timeout(WORTH_A_LINE * 5, second.line()).await;
        assert!(silent.is_err(), "{silent:?}");
        tell.send_replace(stage(Phase::Install, "10.0.0.2"));
        assert_eq!(
            second.line().await,
            "sending /usr/bin/g++ to 10.0.0.2, once"
        );
        tell.send_replace(stage(Phase::Wait, "10.0.0.2"));
        assert!(
            tokio::time::timeout(WORTH_A_LINE * 5, first.line())
                .await
                .is_err()
        );
    }
}
