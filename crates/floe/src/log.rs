//! The log of daemon, scheduler and agent: one line an event, to stderr or a file, reopened on
//! SIGHUP. The form is icecream's (`[pid] date time: text`), so that scripts which read its logs
//! can read ours.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use job::variable;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

/// Whose conventions decide how much is said without `-v`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `floe …`: information.
    Floe,
    /// icecream's names: errors only, one level more for each `-v`.
    Icecream,
}

impl Origin {
    /// The program's name in messages.
    pub(crate) fn name(self, floe: &'static str, icecream: &'static str) -> &'static str {
        match self {
            Self::Floe => floe,
            Self::Icecream => icecream,
        }
    }
}

/// The open log, shared between the subscriber and the SIGHUP handler.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    sink: Arc<Mutex<Sink>>,
}

#[derive(Debug)]
struct Sink {
    /// `None` writes to stderr.
    path: Option<PathBuf>,
    file: Option<File>,
}

impl Log {
    /// Opens the log and makes it the process's subscriber.
    pub(crate) fn start(origin: Origin, verbose: u8, path: Option<&Path>) -> io::Result<Self> {
        let file = path.map(open).transpose()?;
        let sink = Sink {
            path: path.map(Path::to_path_buf),
            file,
        };
        let log = Self {
            sink: Arc::new(Mutex::new(sink)),
        };
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level(origin, verbose))
            // They would go to a standard error that may be gone, and that ends the program.
            .log_internal_errors(false)
            .event_format(Line)
            .with_writer(log.clone())
            .finish();
        // Only a second call in one process could fail, and then the first log goes on.
        let _first_stays = tracing::subscriber::set_global_default(subscriber);
        Ok(log)
    }

    /// Closes and opens the file again (log rotation), then writes the lines that icecream's test
    /// hooks ask for.
    pub(crate) fn reopen(&self) {
        let mut sink = self.lock();
        if let Some(path) = sink.path.clone() {
            match open(&path) {
                Ok(file) => sink.file = Some(file),
                Err(error) => {
                    let text = format!(
                        "log file {} cannot be reopened: {error}; still writing to the old one\n",
                        path.display()
                    );
                    let _nowhere_else = sink.write_all(text.as_bytes());
                }
            }
        }
        for line in marks() {
            let _nowhere_else = sink.write_all(line.as_bytes());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Sink> {
        self.sink.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What `ICECC_TEST_FLUSH_LOG_MARK` and `ICECC_TEST_LOG_HEADER` ask for, each line with its end.
fn marks() -> Vec<String> {
    let lines = |name: &str| {
        let path = std::env::var_os(name)?;
        std::fs::read_to_string(path).ok()
    };
    let mut all = Vec::new();
    if let Some(text) = lines(variable::TEST_FLUSH_LOG_MARK) {
        all.push(format!(
            "flush log mark: {}\n",
            text.lines().next().unwrap_or_default()
        ));
    }
    if let Some(text) = lines(variable::TEST_LOG_HEADER) {
        all.extend(text.lines().take(3).map(|line| format!("{line}\n")));
    }
    all
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

fn level(origin: Origin, verbose: u8) -> Level {
    if let Some(level) = std::env::var(variable::FLOE_LOG)
        .ok()
        .and_then(|name| name.parse().ok())
    {
        return level;
    }
    let quietest = match origin {
        Origin::Icecream => 0,
        Origin::Floe => 2,
    };
    match quietest + verbose {
        0 => Level::ERROR,
        1 => Level::WARN,
        2 => Level::INFO,
        3 => Level::DEBUG,
        _ if origin == Origin::Icecream => Level::DEBUG,
        _ => Level::TRACE,
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.file {
            Some(file) => file.write(bytes),
            None => io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Access to the sink for one line.
pub(crate) struct OneLine<'a>(MutexGuard<'a, Sink>);

impl Write for OneLine<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = OneLine<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        OneLine(self.lock())
    }
}

/// icecream's line form.
struct Line;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let now = jiff::Zoned::now().strftime("%Y-%m-%d %H:%M:%S").to_string();
        write!(out, "[{}] {now}: ", std::process::id())?;
        let mut text = String::new();
        context
            .field_format()
            .format_fields(Writer::new(&mut text), event)?;
        // One event is one line, whatever a peer put into its names.
        for part in text.split(|c: char| c.is_control()) {
            out.write_str(part)?;
        }
        out.write_char('\n')
    }
}
