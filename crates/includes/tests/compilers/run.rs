//! One source, by a compiler and by the evaluator.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use includes::{
    Chain, Compiler, Dialect, Found, Library, Preset, Question, Reached, Source, Unknown, evaluate,
    question,
};

use crate::disk::Disk;

/// What a compile opens, and what it finds absent.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) opened: BTreeSet<PathBuf>,
    pub(crate) absent: BTreeSet<PathBuf>,
}

/// A compiler with the options that all its sources have.
pub(crate) struct Setting {
    program: &'static str,
    language: &'static str,
    options: Vec<String>,
    pub(crate) library: Library,
    pub(crate) disk: Disk,
    compiler: Compiler,
    chain: Chain,
    preincluded: Vec<includes::FileId>,
}

fn ask(
    program: &str,
    language: &str,
    options: &[String],
    start: &Path,
    asked: &[Question],
) -> (Vec<u8>, Vec<u8>) {
    let mut child = Command::new(program)
        .args(["-E", "-v", "-dD", "-x", language])
        .args(options)
        .arg("-")
        .env("LC_ALL", "C")
        .current_dir(start)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the compiler starts");
    let mut input = child.stdin.take().expect("piped");
    input.write_all(&question(asked)).expect("it reads");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    (output.stdout, output.stderr)
}

impl Setting {
    pub(crate) fn new(
        program: &'static str,
        language: &'static str,
        start: &Path,
        options: &[String],
    ) -> Self {
        let mut disk = Disk::default();
        start.clone_into(&mut disk.start);
        let (stdout, stderr) = ask(program, language, options, start, &[]);
        let mut library = Library::new(Dialect::told(&stdout));
        let compiler = Compiler::read(&stdout, &stderr, &[], &mut library).expect("an answer");
        let path = |bytes: &Vec<u8>| PathBuf::from(String::from_utf8_lossy(bytes).into_owned());
        let directories = compiler.directories.iter().map(path);
        let directories = directories.collect::<Vec<_>>();
        let chain = Chain {
            directories: directories
                .iter()
                .map(|path| disk.directory(path))
                .collect(),
            angled: compiler.quoted_only,
            ignores_source_directory: false,
        };
        let preincluded = compiler.preincluded.iter().map(path).collect::<Vec<_>>();
        let file = |path: &PathBuf| match disk.file(path) {
            Found::File(file) => file,
            found => panic!("{}: {found:?}", path.display()),
        };
        let preincluded = preincluded.iter().map(file).collect();
        Self {
            program,
            language,
            options: options.to_vec(),
            library,
            disk,
            compiler,
            chain,
            preincluded,
        }
    }

    /// What the evaluator says a source reads.
    pub(crate) fn evaluated(
        &mut self,
        source: &Path,
        presets: &[Preset],
    ) -> Result<BTreeSet<PathBuf>, String> {
        self.seen(source, presets).map(|seen| seen.opened)
    }

    /// The same with what it says is absent.
    pub(crate) fn seen(&mut self, source: &Path, presets: &[Preset]) -> Result<Seen, String> {
        let reached = self.reached(source, presets)?;
        let files = reached.files.iter();
        let opened = files.map(|file| self.disk.path(*file).to_owned()).collect();
        let places = reached.probes.iter();
        let places = places.map(|probe| self.disk.place(*probe, &self.library));
        let absent = places.collect::<BTreeSet<_>>();
        let is_absent = |path: &PathBuf| self.disk.file(path) == Found::Nothing;
        let absent = absent.into_iter().filter(is_absent).collect();
        Ok(Seen { opened, absent })
    }

    /// The same as the evaluator tells it.
    pub(crate) fn reached(&mut self, source: &Path, presets: &[Preset]) -> Result<Reached, String> {
        let Found::File(file) = self.disk.file(source) else {
            return Err(format!("{} is no file", source.display()));
        };
        let directory = self.disk.directory(Path::new(""));
        loop {
            let wanted = Source {
                file,
                presets,
                compiler: &self.compiler,
                chain: &self.chain,
                directory,
                preincluded: &self.preincluded,
            };
            match evaluate(wanted, &mut self.disk, &mut self.library) {
                Ok(Reached {
                    missing: Some(name),
                    ..
                }) => return Err(format!("{} is missing", String::from_utf8_lossy(&name))),
                Ok(reached) => return Ok(reached),
                Err(Unknown::Ask(asked)) => {
                    let (stdout, _) = ask(
                        self.program,
                        self.language,
                        &self.options,
                        &self.disk.start,
                        &asked,
                    );
                    self.compiler.learn(&stdout, &asked);
                }
                Err(Unknown::Doubt(doubt, at)) => {
                    return Err(format!("{}: {doubt}", self.disk.path(at).display()));
                }
            }
        }
    }

    /// What the compiler itself lists, or nothing where it fails.
    pub(crate) fn listed(&self, source: &Path, presets: &[String]) -> Option<BTreeSet<PathBuf>> {
        let output = Command::new(self.program)
            .args(["-M", "-x", self.language])
            .args(&self.options)
            .args(presets)
            .arg(source)
            .current_dir(&self.disk.start)
            .stderr(Stdio::null())
            .output()
            .expect("the compiler starts");
        output.status.success().then(|| {
            let text = String::from_utf8_lossy(&output.stdout).replace("\\\n", " ");
            let files = text.split_once(':').map_or("", |(_, files)| files);
            files.split_ascii_whitespace().map(PathBuf::from).collect()
        })
    }
}
