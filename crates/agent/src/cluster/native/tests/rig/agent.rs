//! What an agent does for jobs.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use handover::Run;
use invocation::{Family, Language};
use job::Digest;
use membership::{Identity, Role, UnixTime};
use tokio::sync::Semaphore;
use transport::credentials;
use wire::message::Credentials;

use super::{OBJECT, SOON, Scheduler, World};
use crate::cluster::native::{Access, Cluster};
use crate::cluster::{Effort, Failure, Place, Seat, Toolchain, Verdict, Wish, Work};
use crate::hub::Hub;
use crate::job::Chronicle;
use crate::outputs::Targets;
use crate::text::{Order, Source, Text};
use crate::toolbox::Toolbox;

/// The agent's end.
pub(in super::super) struct Agent {
    pub(in super::super) cluster: Arc<Cluster>,
    pub(in super::super) identity: Identity,
    directory: PathBuf,
    hub: Hub,
    toolbox: Toolbox,
    budget: Arc<Semaphore>,
}

impl Agent {
    pub(in super::super) fn new(world: &mut World) -> Self {
        let identity = world.member("submitter", &[Role::Submit]);
        let directory = world.directory.path().join("work");
        std::fs::create_dir(&directory).unwrap();
        let (hub, _events) = Hub::channel();
        let toolbox = Toolbox::open(directory.join("cache"), "x86_64".to_owned(), None);
        Self {
            cluster: Arc::default(),
            identity,
            directory,
            hub,
            toolbox,
            budget: Arc::new(Semaphore::new(1 << 20)),
        }
    }

    pub(in super::super) fn credentials(&self, scheduler: Option<SocketAddr>) -> Credentials {
        let agent = self.identity.agent(UnixTime::now()).unwrap();
        credentials(&agent, scheduler, false, None).unwrap()
    }

    pub(in super::super) fn joins(&self, scheduler: &Scheduler) {
        let given = self.credentials(Some(scheduler.address));
        let taken = self.cluster.take(&given, Vec::new(), "socket".to_owned());
        assert_eq!(taken, Ok(true));
    }

    pub(in super::super) fn access(&self) -> Access {
        self.cluster.access().unwrap()
    }

    pub(in super::super) fn wish(&self) -> Wish {
        let archive = self.directory.join("archive.tar");
        std::fs::write(&archive, vec![5; 300_000]).unwrap();
        Wish {
            toolchains: vec![Toolchain {
                platform: "x86_64".to_owned(),
                name: "toolchain".to_owned(),
                path: archive,
                gzipped: None,
                manifest: Some(Digest::from_bytes([9; 32])),
                contents: None,
            }],
            source: "a.c".into(),
            language: Language::C,
            weight_flags: 0,
            preferred_host: String::new(),
            niceness: 0,
            much_memory: false,
            archive_compression: String::new(),
        }
    }

    pub(in super::super) async fn seat(&self) -> Result<Box<Seat>, Failure> {
        let wish = self.wish();
        let placing = self.access().place(&wish, false);
        match tokio::time::timeout(SOON, placing).await.unwrap()? {
            Place::Elsewhere(seat) => Ok(seat),
            Place::Here { reason, .. } => panic!("{reason}"),
        }
    }

    pub(in super::super) fn text(&self, content: &[u8]) -> Text {
        static NAMES: AtomicU64 = AtomicU64::new(0);
        let number = NAMES.fetch_add(1, Ordering::Relaxed);
        let path = self.directory.join(format!("{number}.i"));
        std::fs::write(&path, content).unwrap();
        let order = Order {
            source: Source::File(path),
            directory: self.directory.clone(),
            environment: Vec::new(),
            umask: 0o022,
            niceness: 0,
            effort: Effort::default(),
            permit: None,
        };
        Text::start(order, &self.budget)
    }

    pub(in super::super) fn targets(&self, name: &str) -> Targets {
        Targets {
            object: Some(self.directory.join(name)),
            dwo: None,
            dependencies: None,
            umask: 0o022,
        }
    }

    pub(in super::super) async fn compile(
        &self,
        seat: &mut Seat,
        name: &str,
    ) -> Result<Verdict, Failure> {
        let mut text = self.text(b"int main;");
        self.compile_text(seat, name, &mut text).await
    }

    pub(in super::super) async fn compile_text(
        &self,
        seat: &mut Seat,
        name: &str,
        text: &mut Text,
    ) -> Result<Verdict, Failure> {
        let run = Run::default();
        let mut chronicle = Chronicle::new(&self.hub, 1, &run);
        let targets = self.targets(name);
        let work = work(&self.directory);
        let compiling = seat.compile(&work, text, &targets, &mut chronicle, &self.toolbox);
        let verdict = tokio::time::timeout(SOON, compiling).await.unwrap()?;
        let writer = seat
            .receive(&targets, verdict.has_dwo, &mut chronicle)
            .await?;
        if verdict.status == 0 {
            writer.finish().await.unwrap();
            assert_eq!(std::fs::read(targets.object.unwrap()).unwrap(), OBJECT);
        }
        Ok(verdict)
    }

    /// A whole job.
    pub(in super::super) async fn job(&self, name: &str) -> Result<Verdict, Failure> {
        let mut seat = self.seat().await?;
        self.compile(&mut seat, name).await
    }

    /// No name in the directory of outputs but these.
    pub(in super::super) fn outputs(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.directory).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name.contains(".o")).collect();
        names.sort();
        names
    }
}

fn work(directory: &Path) -> Work {
    Work {
        files: None,
        family: Family::Gcc,
        language: Language::C,
        arguments: vec![b"-O2".to_vec()],
        source: "a.c".into(),
        directory: directory.to_owned(),
        output: "a.o".into(),
        has_object: true,
        split_dwarf: false,
    }
}
