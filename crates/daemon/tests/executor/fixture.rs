//! An executor with two toolchains, and compiling something with it.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use daemon::executor::{Bounds, Executor, Failure, Finished, Order, Source, Toolchain};
use icecream::CompileFile;
use sandbox::{Protection, Rung, Unavailable, Zygote, privileges};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use toolchain::{Compiler, Compression, Limits, NotOwn, Own};

pub(crate) const C: &[u8] = b"#include <stdio.h>\nint main(void) { return printf(\"%d\", 7); }\n";
pub(crate) const CXX: &[u8] =
    b"#include <string>\n#include <vector>\nstd::vector<std::string> all(10, \"x\");\n";

pub(crate) struct Fixture {
    pub(crate) base: TempDir,
    pub(crate) executor: Executor,
    /// As on a host without namespaces, where the compilers of this host are all that is used.
    pub(crate) walled: Executor,
    pub(crate) runtime: Runtime,
    /// Dropping it would end the helper.
    zygote: Zygote,
    _walled: Zygote,
}

impl Fixture {
    pub(crate) fn new() -> Result<Self, Unavailable> {
        let base = tempfile::Builder::new()
            .prefix("floe-executor-")
            .tempdir()
            .unwrap();
        fs::set_permissions(base.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for compiler in ["gcc", "clang"] {
            plant(
                &base.path().join(compiler),
                &Path::new("/usr/bin").join(compiler),
            );
        }
        if privileges::is_root() {
            // All of it, so that it can be removed afterwards.
            let given = Command::new("chown")
                .args(["-R", "65534:65534"])
                .arg(base.path())
                .status();
            assert!(given.unwrap().success());
            privileges::drop_to("nobody", (65534, 65534)).unwrap();
        }
        let zygote = Zygote::start()?;
        let walled = Zygote::start_with(Protection::full(), &[Rung::Installed], None)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let executor = Executor::new(zygote.client(), base.path()).unwrap();
        let second = base.path().join("second");
        fs::create_dir(&second).unwrap();
        let own = Own::default();
        let knows = move |toolchain: &Toolchain| match toolchain.identity {
            Some(identity) => own.files(identity, &toolchain.root),
            None => Err(NotOwn::NoDriver),
        };
        let executor_of_own = Executor::new(walled.client(), &second).unwrap();
        Ok(Self {
            base,
            executor,
            walled: executor_of_own.with_installed(Arc::new(knows)),
            runtime,
            zygote,
            _walled: walled,
        })
    }

    pub(crate) fn root(&self, compiler: &str) -> PathBuf {
        self.base.path().join(if compiler.contains("clang") {
            "clang"
        } else {
            "gcc"
        })
    }

    pub(crate) async fn compile(
        &self,
        file: CompileFile,
        text: &[u8],
    ) -> Result<Finished, Failure> {
        self.bounded(file, text, Bounds::default()).await
    }

    /// With the source in pieces as a client sends them.
    pub(crate) async fn bounded(
        &self,
        file: CompileFile,
        text: &[u8],
        bounds: Bounds,
    ) -> Result<Finished, Failure> {
        let toolchain = self.root(&file.compiler_name).into();
        self.on(&self.executor, toolchain, file, text, bounds).await
    }

    /// The same where the toolchain is this host's own.
    pub(crate) async fn installed(
        &self,
        file: CompileFile,
        text: &[u8],
    ) -> Result<Finished, Failure> {
        let root = self.root(&file.compiler_name);
        let compiler = Path::new("/usr/bin").join(root.file_name().unwrap());
        let set = toolchain::collect(&Compiler::probe(&compiler).unwrap(), &[]).unwrap();
        let identity = Some(toolchain::identify(&set).unwrap().identity());
        let toolchain = Toolchain { root, identity };
        self.on(&self.walled, toolchain, file, text, Bounds::default())
            .await
    }

    async fn on(
        &self,
        executor: &Executor,
        toolchain: Toolchain,
        file: CompileFile,
        text: &[u8],
        bounds: Bounds,
    ) -> Result<Finished, Failure> {
        let (sender, receiver) = mpsc::channel(4);
        let order = Order::try_from(file)?;
        let running = executor.clone().run(order, toolchain, receiver, bounds);
        let sending = async {
            for piece in text.chunks(100_000) {
                let _ = sender.send(Source::Text(piece.to_vec())).await;
            }
            let _ = sender.send(Source::End).await;
            // A client stays until it has its result.
            std::future::pending::<()>().await;
        };
        tokio::select! {
            result = running => result,
            () = sending => unreachable!(),
        }
    }

    /// How many jobs have processes: the first of each is a child of the helper's, whose parent is
    /// the keeper.
    pub(crate) fn jobs(&self) -> usize {
        let helpers = children(&self.zygote.pid().to_string());
        helpers.iter().map(|helper| children(helper).len()).sum()
    }
}

fn children(pid: &str) -> Vec<String> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    list.unwrap_or_default()
        .split_whitespace()
        .map(str::to_owned)
        .collect()
}

/// Makes a toolchain as it would arrive from another host.
fn plant(root: &Path, compiler: &Path) {
    let archives = tempfile::tempdir().unwrap();
    let set = toolchain::collect(&Compiler::probe(compiler).unwrap(), &[]).unwrap();
    let archive = toolchain::pack(&set, Compression::None, archives.path()).unwrap();
    fs::create_dir(root).unwrap();
    toolchain::unpack(
        File::open(archive.path).unwrap(),
        "test",
        root,
        Limits::default(),
    )
    .unwrap();
    for directory in ["tmp", "dev"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    fs::write(root.join("dev/null"), "").unwrap();
    fs::set_permissions(root, fs::Permissions::from_mode(0o755)).unwrap();
}

pub(crate) fn order(compiler: &str, flags: &[&str]) -> CompileFile {
    CompileFile {
        lang: u32::from(compiler.ends_with("++")),
        job_id: 1,
        flags: flags.iter().map(|flag| flag.as_bytes().to_vec()).collect(),
        env_version: "test".into(),
        target_platform: "x86_64".into(),
        compiler_name: compiler.into(),
        input_file: b"source.c".to_vec(),
        working_dir: b"/build/here".to_vec(),
        output_file: b"obj/source.o".to_vec(),
        dwarf_fission: false,
    }
}

/// Runs a compiler of this host's outside any sandbox, on `text`.
pub(crate) fn locally(program: &str, arguments: &[&str], text: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let text = text.to_vec();
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut input, &text));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}");
    output.stdout
}
