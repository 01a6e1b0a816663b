//! Programs among a member's files: its jobs may run them, and they get no further than the toolchain's own.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use wire::message::OutputKind;
use wire::view::What;

use super::super::cluster::{Executor, Reply};
use super::author::{Author, Project, Told, text};

/// The programs that attack the sandbox as compilers, here as somebody's files.
fn attacks() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/hostile/attacks")
}

/// It fails, so that what it says comes back.
const ASSEMBLER: &str = r#"#include <stdio.h>
#include <string.h>
int main(int count, char **words) {
    for (int i = 1; i < count; i++)
        if (strncmp(words[i], "/var/tmp/", 9) == 0) {
            FILE *file = fopen(words[i], "r");
            fprintf(stderr, "%s %s\n", file ? "open" : "shut", words[i]);
        }
    return 1;
}
"#;

fn compiled(flags: &[&str], names: &[&str], to: &Path) {
    built(flags, names.iter().map(|name| attacks().join(name)), to);
}

fn built(flags: &[&str], sources: impl IntoIterator<Item = PathBuf>, to: &Path) {
    let status = Command::new("gcc")
        .args(flags)
        .args(sources)
        .arg("-o")
        .arg(to)
        .status();
    assert!(status.unwrap().success(), "{}", to.display());
}

fn executable(project: &Project, name: &str) -> Told {
    let (mut entry, bytes) = project.all(&[name]).remove(0);
    if let What::File(body) = &mut entry.what {
        body.executable = true;
    }
    (entry, bytes)
}

#[tokio::test]
async fn a_program_among_a_members_files_is_a_prisoner_as_the_compiler_is() {
    let Some(executor) = Executor::start().await else {
        return;
    };
    let project = Project::new();
    project.write("src/main.c", "int main(void) { return 0; }\n");
    fs::create_dir(project.at("src/evil")).unwrap();
    let all = [
        "main.c",
        "files.c",
        "network.c",
        "processes.c",
        "kernel.c",
        "bombs.c",
    ];
    let attack = project.at("src/tool");
    compiled(&["-static", "-O1"], &all, &attack);
    // What `gcc -B` takes for its assembler, and a plugin.
    project.write("src/as.c", ASSEMBLER);
    let assembler = project.at("src/evil/as");
    built(&["-static"], [project.at("src/as.c")], &assembler);
    let plugin = project.at("src/evil/plugin.so");
    compiled(&["-shared", "-fPIC"], &["plugin.c"], &plugin);
    // The attacks pass over what is in /tmp, where compilers have files of their own.
    let place = tempfile::tempdir_in("/var/tmp").unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let secret = place.path().join("secret");
    fs::write(&secret, "a secret of this host's").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o666)).unwrap();

    let mut author = Author::new(&executor).await;
    let programs = ["src/tool", "src/evil/as", "src/evil/plugin.so"];
    let mut told = project.all(&["src/main.c"]);
    told.extend(programs.map(|name| executable(&project, name)));
    let ids = author.tell(&told).await;

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let (tool, secret) = (attack.display(), secret.display());
    // Its own file and the toolchain's lie in a tree of hard links to files that others' jobs read.
    let wrapped = [
        (format!("{tool},read,{secret}"), vec![secret.to_string()]),
        (
            format!("{tool},write,{tool},/usr/bin/gcc,{secret}"),
            vec![tool.to_string(), "/usr/bin/gcc".into(), secret.to_string()],
        ),
        (format!("{tool},change,{tool}"), vec!["chmod".into()]),
        (format!("{tool},truncate,{tool}"), vec!["truncate".into()]),
        (format!("{tool},descriptors"), vec!["descriptors".into()]),
        (format!("{tool},network,tcp,{port}"), vec!["tcp".into()]),
    ];
    let mut jobs: Vec<(Vec<String>, Vec<String>)> = wrapped
        .into_iter()
        .map(|(wrapper, shut)| (vec!["-c".into(), "-wrapper".into(), wrapper], shut))
        .collect();
    let assembler = format!("-B{}/", project.at("src/evil").display());
    jobs.push((
        vec!["-c".into(), assembler, format!("-Wa,{secret}")],
        vec![secret.to_string()],
    ));
    jobs.push((
        vec!["-c".into(), format!("-fplugin={}", plugin.display())],
        vec!["plugin".into()],
    ));
    for (arguments, shut) in jobs {
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let order = author.order(&project, &words, &ids);
        let reply = author.compile(order).await;
        let Reply::Done { outputs, .. } = &reply else {
            panic!("{words:?}: {reply:?}");
        };
        // The compiler's words go to the assembler, which knows no such instruction: `shut`, `open`.
        let said = text(outputs, OutputKind::StandardError).unwrap_or_default();
        for what in shut {
            let is_shut = said.contains(&format!("shut {what}"));
            let is_open = said
                .to_lowercase()
                .contains(&format!("open {}", what.to_lowercase()));
            assert!(is_shut && !is_open, "{words:?}: {what}: {said}");
        }
    }
    // The same program does all that where nothing holds it.
    let free = Command::new(&attack)
        .args(["read", &secret.to_string()])
        .output();
    let free = String::from_utf8(free.unwrap().stdout).unwrap();
    assert!(free.contains("OPEN"), "{free}");
    assert_eq!(
        fs::read_to_string(place.path().join("secret")).unwrap(),
        "a secret of this host's"
    );
    // And the tree is what it was: an honest job of the same view gets its object.
    let order = author.order(&project, &["-O2", "-c"], &ids);
    assert!(author.compile(order).await.object() == project.compiled(&["-O2", "-c"]));
}
