//! `floe cluster …` on the host of the authority, and `floe join` over loopback.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use acceptance::need;
use acceptance::skip::Need;
use anyhow::{Context, Result, ensure};
use lab::{Programs, Suite};
use serde_json::Value;

const SOON: Duration = Duration::from_secs(20);

/// The program, with a directory of its own for everything it keeps.
struct Floe {
    program: PathBuf,
    directory: tempfile::TempDir,
}

impl Floe {
    fn new() -> Result<Self> {
        let program = Programs::locate(Suite::Floe)?.floe.context("floe")?;
        let directory = tempfile::tempdir()?;
        Ok(Self { program, directory })
    }

    fn run(&self, arguments: &str) -> Result<Output> {
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            .env("FLOE_STATE_DIR", self.directory.path());
        Ok(command
            .arg("cluster")
            .args(arguments.split_whitespace())
            .output()?)
    }

    fn ok(&self, arguments: &str) -> Result<String> {
        let output = self.run(arguments)?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{arguments}: {said}");
        Ok(String::from_utf8(output.stdout)?)
    }

    fn json(&self, arguments: &str) -> Result<Value> {
        Ok(serde_json::from_str(&self.ok(arguments)?)?)
    }

    /// Fails with one line that has these words.
    fn fails(&self, arguments: &str, words: &str) -> Result<()> {
        let output = self.run(arguments)?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(!output.status.success(), "{arguments} went well");
        ensure!(
            said.contains(words),
            "{arguments}: no word of {words:?}: {said}"
        );
        ensure!(!said.contains("panicked"), "{said}");
        Ok(())
    }
}

#[test]
fn a_cluster_is_created_lists_its_members_and_rotates() -> Result<()> {
    need!(Need::Suite(Suite::Floe));
    let floe = Floe::new()?;
    floe.fails("members", "floe cluster create")?;
    floe.fails("create bad/name", "bad/name")?;
    let made = floe.json("create lab --name first --advertise first.example:10245 --json")?;
    ensure!(made["name"] == "lab" && made["addresses"][0] == "first.example:10245");
    let state = floe.directory.path();
    for (file, mode) in [
        ("authority", 0o700),
        ("authority/ca-1.key", 0o600),
        ("member/identity", 0o600),
    ] {
        let found = fs::metadata(state.join(file))?.permissions().mode() & 0o7777;
        ensure!(found == mode, "{file}: {found:o}");
    }
    floe.fails("create again", "holds the authority of a cluster")
        .or_else(|_| floe.fails("create again", "member of the cluster lab already"))?;

    let members = floe.json("members --json")?;
    let first = &members[0];
    ensure!(
        first["name"] == "first" && first["state"] == "active",
        "{members}"
    );
    ensure!(first["id"] == made["member"], "{members}");
    ensure!(
        floe.ok("members")?
            .lines()
            .nth(1)
            .is_some_and(|line| line.starts_with("first"))
    );

    let output = floe.run("invite --role submit --uses 3 --expires 7d")?;
    let (line, said) = (
        String::from_utf8(output.stdout)?,
        String::from_utf8(output.stderr)?,
    );
    ensure!(
        line.starts_with("floe1:") && line.lines().count() == 1,
        "{line}"
    );
    ensure!(
        said.contains("3 hosts") && said.contains("submit"),
        "{said}"
    );
    let invite = floe.json("invite --role execute,submit --json")?;
    ensure!(
        invite["roles"] == serde_json::json!(["submit", "execute"]) && invite["uses"] == 1,
        "{invite}"
    );
    for (arguments, words) in [
        (
            "invite --role root",
            "monitor, submit, execute, schedule and admin",
        ),
        ("invite --uses 0", "--uses"),
        ("invite --expires tomorrow", "12h"),
        ("invite --address nowhere", "HOST:PORT"),
        ("rotate --overlap 1h", "at least one day"),
        ("revoke nobody", "no member nobody"),
    ] {
        floe.fails(arguments, words)?;
    }

    let rotated = floe.json("rotate --json")?;
    ensure!(
        rotated["fingerprint"] != made["fingerprint"] && rotated["old_until"].is_u64(),
        "{rotated}"
    );
    floe.fails("rotate", "overlap lasts until")?;
    let revoked = floe.run("revoke first")?;
    let (done, said) = (
        String::from_utf8(revoked.stdout)?,
        String::from_utf8(revoked.stderr)?,
    );
    ensure!(
        revoked.status.success() && done.contains("revoked first"),
        "{done}"
    );
    ensure!(
        said.contains("the authority does not run") && said.contains("start it with floe up"),
        "nobody carries it out: {said}"
    );
    ensure!(floe.json("members --json")?[0]["state"] == "revoked");
    ensure!(
        floe.ok("rotate --overlap 0")?
            .contains("nobody is a member any more")
    );
    ensure!(floe.json("members --json")? == serde_json::json!([]));

    let log = fs::read_to_string(state.join("authority/audit.log"))?;
    for act in ["created", "admitted", "invited", "rotated", "revoked"] {
        ensure!(log.contains(&format!(" {act} ")), "{act}: {log}");
    }
    Ok(())
}

#[test]
fn an_authority_that_others_can_read_is_not_used() -> Result<()> {
    need!(Need::Suite(Suite::Floe));
    let floe = Floe::new()?;
    floe.ok("create --authority-only --advertise a.example:1")?;
    ensure!(!floe.directory.path().join("member").exists());
    let key = floe.directory.path().join("authority/ca-1.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640))?;
    floe.fails("invite", "can be opened by others")?;
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600))?;
    floe.ok("invite")?;
    Ok(())
}

/// A process that is ended with the test.
struct Served(std::process::Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// `floe cluster serve` on loopback, ready when somebody can connect.
fn serve(floe: &Floe, port: u16) -> Result<Served> {
    let mut command = Command::new(&floe.program);
    command
        .env_clear()
        .env("FLOE_STATE_DIR", floe.directory.path())
        .args(["cluster", "serve", "-i", "lo", "-p", &port.to_string()])
        .stderr(std::process::Stdio::null());
    let served = Served(command.spawn()?);
    acceptance::until::until("the authority listens", SOON, || {
        Ok(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok())
    })?;
    Ok(served)
}

fn join(host: &Floe, line: &str) -> Result<Output> {
    Ok(Command::new(&host.program)
        .env_clear()
        .env("FLOE_STATE_DIR", host.directory.path())
        .args(["join", line.trim(), "--name", "second", "--json"])
        .output()?)
}

#[test]
fn a_host_joins_with_one_line() -> Result<()> {
    need!(Need::Suite(Suite::Floe));
    let (first, second) = (Floe::new()?, Floe::new()?);
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = free.local_addr()?.port();
    drop(free);
    first.ok(&format!(
        "create lab --name first --advertise 127.0.0.1:{port}"
    ))?;
    let line = first.ok("invite")?;

    let unserved = join(&second, &line)?;
    let said = String::from_utf8_lossy(&unserved.stderr).into_owned();
    ensure!(
        !unserved.status.success() && said.contains("was not reached at"),
        "{said}"
    );
    let served = serve(&first, port)?;
    let mut mistyped = line.trim().to_owned();
    let last = if mistyped.ends_with('a') { 'b' } else { 'a' };
    mistyped.pop();
    mistyped.push(last);
    ensure!(!join(&second, &mistyped)?.status.success());

    let joined = join(&second, &line)?;
    let said = String::from_utf8_lossy(&joined.stderr).into_owned();
    ensure!(joined.status.success(), "{said}");
    let joined: Value = serde_json::from_slice(&joined.stdout)?;
    ensure!(
        joined["name"] == "lab" && joined["host"] == "second",
        "{joined}"
    );
    let members = first.json("members --json")?;
    ensure!(members[1]["id"] == joined["member"], "{members}");

    let third = Floe::new()?;
    let refused = join(&third, &line)?;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    ensure!(
        !refused.status.success() && said.contains("used as often as it may be"),
        "{said}"
    );
    let revoked = first.run("revoke second")?;
    let said = String::from_utf8(revoked.stderr)?;
    ensure!(revoked.status.success() && said.is_empty(), "{said}");
    drop(served);
    Ok(())
}
