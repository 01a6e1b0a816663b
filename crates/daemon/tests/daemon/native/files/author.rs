//! A scripted agent that tells of a project's files, and the project.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use job::Digest;
use tokio::time::timeout;
use transport::{Exchange, Incoming, Link};
use wire::field::{Exactly, List};
use wire::message::{
    Compile, Entries, Gone, InputKind, JobInputs, Message, OutputKind, Packing, View, ViewLost,
};
use wire::name::{Argument, Count, Size, SubmitPath, ViewNumber};
use wire::view::{Batch, Body, Entry, EntryId, EntryPath, Ids, Modified, What, digest};

use super::super::cluster::{Executor, Member, Reply, reply, sign};
use crate::rig::PATIENCE;

/// A directory of sources.
pub(super) struct Project {
    place: tempfile::TempDir,
}

/// An entry, and the bytes of its file.
pub(super) type Told = (Entry, Vec<u8>);

impl Project {
    pub(super) fn new() -> Self {
        let project = Self {
            place: tempfile::tempdir().unwrap(),
        };
        fs::create_dir_all(project.at("src/sub")).unwrap();
        project
    }

    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        fs::write(self.at(name), text).unwrap();
    }

    /// Files as they are.
    pub(super) fn all(&self, names: &[&str]) -> Vec<Told> {
        names.iter().map(|name| file(&self.at(name))).collect()
    }

    pub(super) fn entry(&self, name: &str, what: What) -> Told {
        (entry(&self.at(name), what), Vec::new())
    }

    pub(super) fn unsent(&self, name: &str) -> Told {
        self.entry(name, What::Unsent)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let output = Command::new("gcc")
            .args(arguments)
            .args(["main.c", "-o", "main.o"])
            .current_dir(self.at("src"))
            .env("PWD", self.at("src"))
            .env_remove("LANG")
            .env_remove("LC_ALL")
            .output();
        output.unwrap()
    }

    /// What gcc makes of it here.
    pub(super) fn compiled(&self, arguments: &[&str]) -> Vec<u8> {
        let output = self.run(arguments);
        assert!(output.status.success(), "{output:?}");
        fs::read(self.at("src/main.o")).unwrap()
    }

    pub(super) fn rules(&self, arguments: &[&str]) -> String {
        assert!(self.run(arguments).status.success());
        fs::read_to_string(self.at("src/main.d")).unwrap()
    }

    pub(super) fn complaint(&self, arguments: &[&str]) -> String {
        String::from_utf8(self.run(arguments).stderr).unwrap()
    }
}

pub(super) fn entry(path: &Path, what: What) -> Entry {
    Entry {
        path: EntryPath::new(path.as_os_str().as_bytes()).unwrap(),
        what,
        is_fresh: false,
    }
}

pub(super) fn file(path: &Path) -> Told {
    let bytes = fs::read(path).unwrap();
    let meta = fs::metadata(path).unwrap();
    let what = What::File(Body {
        digest: Digest::from_bytes(*blake3::hash(&bytes).as_bytes()),
        size: bytes.len() as u64,
        modified: Modified {
            seconds: meta.mtime(),
            nanoseconds: meta.mtime_nsec() as u32,
        },
        executable: false,
    });
    (entry(path, what), bytes)
}

/// Where this host's gcc searches, and what it reads unasked.
fn system() -> Vec<Told> {
    let own = Command::new("gcc").arg("-print-file-name=include").output();
    let own = String::from_utf8(own.unwrap().stdout).unwrap();
    let own = fs::canonicalize(own.trim()).unwrap();
    let triple = Command::new("gcc").arg("-dumpmachine").output().unwrap();
    let triple = String::from_utf8(triple.stdout).unwrap();
    let places = [
        own,
        "/usr/local/include".into(),
        Path::new("/usr/include").join(triple.trim()),
        "/usr/include".into(),
    ];
    let places = places.iter().filter(|place| place.is_dir());
    let mut told: Vec<Told> = places
        .map(|place| (entry(place, What::Directory), Vec::new()))
        .collect();
    let predefined = Path::new("/usr/include/stdc-predef.h");
    if predefined.exists() {
        told.push(file(predefined));
    }
    told
}

/// One output as text.
pub(super) fn text(
    outputs: &[(OutputKind, Packing, Vec<u8>)],
    wanted: OutputKind,
) -> Option<String> {
    let (_, packing, bytes) = outputs.iter().find(|(kind, ..)| *kind == wanted)?;
    assert_eq!(*packing, Packing::Plain);
    Some(String::from_utf8(bytes.clone()).unwrap())
}

/// Of a member that has a view.
pub(super) struct Author<'a> {
    executor: &'a Executor,
    submitter: job::MemberId,
    pub(super) link: Link,
    pub(super) stream: Exchange,
    pub(super) number: u64,
    next: u32,
    said: u32,
    keys: Vec<Digest>,
    /// What every job reads.
    system: Vec<u32>,
}

const MARKER: [u8; 16] = [0xa7; 16];

impl<'a> Author<'a> {
    pub(super) async fn new(executor: &'a Executor) -> Self {
        Self::of(executor, &executor.submitter).await
    }

    pub(super) async fn of(executor: &'a Executor, member: &Member) -> Self {
        let (link, _none) = executor.link_of(&member.agent()).await.unwrap();
        let view = View {
            number: ViewNumber::new(1).unwrap(),
            toolchain: executor.toolchain,
            marker: Exactly(MARKER),
        };
        let stream = link.open(view).await.unwrap();
        let mut author = Self {
            executor,
            submitter: member.id(),
            link,
            stream,
            number: 1,
            next: 10,
            said: 0,
            keys: Vec::new(),
            system: Vec::new(),
        };
        author.system = author.tell(&system()).await;
        author
    }

    /// The number of the next entry.
    pub(super) fn next(&self) -> u32 {
        self.next
    }

    pub(super) fn marker(&self) -> String {
        MARKER.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Tells entries, and gives their numbers.
    pub(super) async fn tell(&mut self, told: &[Told]) -> Vec<u32> {
        let (ids, batch) = self.number(told);
        self.send(batch.count(), batch.bytes(), self.said.is_multiple_of(2))
            .await;
        ids
    }

    /// Numbers entries without telling them.
    pub(super) fn number(&mut self, told: &[Told]) -> (Vec<u32>, Batch) {
        let mut batch = Batch::default();
        let mut ids = Vec::new();
        for (entry, bytes) in told {
            let id = self.next;
            self.next += 1;
            let same = match &entry.what {
                What::Same(other) => Some(self.keys[other.0 as usize - 10]),
                _ => None,
            };
            self.keys.push(entry.key(same.as_ref()));
            batch.push(EntryId(id), entry, bytes);
            ids.push(id);
        }
        (ids, batch)
    }

    pub(super) async fn send(&mut self, count: u32, bytes: &[u8], packed: bool) {
        let entries = Entries {
            count: Count::new(count).unwrap(),
            size: Size::new(bytes.len() as u64).unwrap(),
            packing: if packed {
                Packing::Zstd
            } else {
                Packing::Plain
            },
        };
        self.stream.send(entries).await.unwrap();
        let data = match packed {
            true => zstd::encode_all(bytes, 1).unwrap(),
            false => bytes.to_vec(),
        };
        self.stream.send_data(data).await.unwrap();
        self.said += 1;
    }

    pub(super) async fn gone(&mut self, ids: &[u32]) {
        let entries = set(ids);
        self.stream.send(Gone { entries }).await.unwrap();
        self.said += 1;
    }

    /// A job that reads these, and wants its dependencies if it says so.
    pub(super) fn order(&self, project: &Project, arguments: &[&str], ids: &[u32]) -> Compile {
        let mut grant = self.executor.grant();
        grant.submitter = self.submitter;
        let mut order = self.executor.order(sign(&grant, &self.executor.scheduler));
        let argument = |text: &&str| Argument::new(text.as_bytes().to_vec()).unwrap();
        let path = |path: &Path| SubmitPath::new(path.as_os_str().as_bytes().to_vec()).unwrap();
        order.arguments = List::new(arguments.iter().map(argument).collect()).unwrap();
        order.source = path(Path::new("main.c"));
        order.directory = path(&project.at("src"));
        order.output = path(Path::new("main.o"));
        order.input = InputKind::Files;
        let mut wanted = vec![
            OutputKind::Object,
            OutputKind::StandardOutput,
            OutputKind::StandardError,
        ];
        if arguments.contains(&"-MD") {
            wanted.push(OutputKind::Dependencies);
        }
        order.wanted = List::new(wanted).unwrap();
        order.inputs = Some(self.inputs(ids));
        order
    }

    pub(super) fn inputs(&self, ids: &[u32]) -> JobInputs {
        let entries = set(&[&self.system, ids].concat());
        let key = |id: EntryId| self.keys.get((id.0 as usize).checked_sub(10)?).copied();
        let digest = digest(&entries, key).unwrap_or(Digest::from_bytes([0; 32]));
        JobInputs {
            terminal: false,
            view: ViewNumber::new(self.number).unwrap(),
            after: Count::new(self.said).unwrap(),
            entries,
            digest,
            environment: List::default(),
        }
    }

    pub(super) async fn compile(&self, order: Compile) -> Reply {
        let mut exchange = self.begin(order).await;
        reply(&mut exchange).await
    }

    pub(super) async fn begin(&self, order: Compile) -> Exchange {
        let mut exchange = self.link.open(order).await.unwrap();
        // It may be refused already.
        let _refused = exchange.finish().await;
        exchange
    }

    /// How the executor ends the view.
    pub(super) async fn lost(&mut self) -> ViewLost {
        match timeout(PATIENCE, self.stream.next()).await.unwrap() {
            Ok(Some(Incoming::Message(message))) => match *message {
                Message::ViewLost(lost) => lost,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    /// How many trees there are, of all views.
    pub(super) fn trees(&self, executor: &Executor) -> usize {
        let views = views(executor);
        let names = |path: &PathBuf| {
            let names = fs::read_dir(path).unwrap();
            names
                .filter(|name| {
                    let name = name.as_ref().unwrap().file_name();
                    name.to_string_lossy().starts_with("tree-")
                })
                .count()
        };
        views.iter().map(names).sum()
    }
}

/// The directories of all views.
pub(super) fn views(executor: &Executor) -> Vec<PathBuf> {
    let place = executor.rig.directory.path().join("base/floe/views");
    let names = fs::read_dir(place).unwrap();
    names.map(|name| name.unwrap().path()).collect()
}

fn set(ids: &[u32]) -> Ids {
    Ids::new(ids.iter().copied().map(EntryId).collect()).unwrap()
}
