//! Which addresses a cluster uses: IPv6 alone, one interface of two, and hosts that nobody can connect to.

use std::path::Path;
use std::time::Duration;

use acceptance::jobs;
use acceptance::need;
use acceptance::skip::Need;
use acceptance::until::until;
use acceptance::written::SMALL;
use anyhow::{Context, Result, ensure};
use lab::Suite::Floe;
use lab::{Cluster, Host, HostSpec, Kind, Lab, LabOptions, Launch, LinkSpec, Programs};

const SOON: Duration = Duration::from_secs(60);
const BUILD: Duration = Duration::from_secs(400);

fn lab(floe: &Path) -> Result<Lab> {
    let programs = floe.parent().context("its directory")?;
    let options = LabOptions {
        visible: vec![programs.into()],
        ..LabOptions::default()
    };
    Lab::with(Kind::Namespaces, options)
}

/// A shell on a host, with floe installed.
fn on(host: &Host, floe: &Path, command: &str) -> Launch {
    let programs = floe.parent().unwrap_or(Path::new("/")).display();
    host.shell(command)
        .env("PATH", format!("{programs}:/usr/sbin:/usr/bin:/sbin:/bin"))
        .env("FLOE_STATE_DIR", host.home().join("state"))
        .dir(host.home())
}

#[test]
fn a_cluster_with_ipv6_only_makes_a_remote_object() -> Result<()> {
    need!(Need::Namespaces, Need::Suite(Floe), Need::Program("gcc"));
    let floe = Programs::locate(Floe)?.floe.context("floe")?;
    let mut lab = lab(&floe)?;
    let (one, other) = (
        lab.host(&HostSpec::new("one"))?,
        lab.host(&HostSpec::new("other"))?,
    );
    for (host, address) in [(&one, "fd77::1"), (&other, "fd77::2")] {
        let renumber = format!(
            "ip -4 address flush dev eth0 && ip -6 address add {address}/64 dev eth0 nodad"
        );
        on(host, &floe, &renumber).run(SOON)?.ok()?;
    }
    let said = on(&one, &floe, "floe up").run(SOON)?.ok()?;
    let mut words = said.split_whitespace();
    let line = words.find(|word| word.starts_with("floe1:"));
    let join = format!("floe up {}", line.context("no line was printed")?);
    on(&other, &floe, &join).run(SOON)?.ok()?;
    std::fs::write(
        other.home().join("hello.c"),
        "int main(void) { return 0; }\n",
    )?;
    until("a job runs on the other host", SOON, || {
        on(&other, &floe, "icecc gcc -c hello.c").run(SOON)?.ok()?;
        let told = on(&other, &floe, "floe explain --json hello.c").run(SOON)?;
        Ok(told.ok()?.contains("[fd77::1]:10245"))
    })?;
    for host in [&one, &other] {
        on(host, &floe, "floe down").run(SOON)?.ok()?;
    }
    Ok(())
}

/// Packets that a host has sent by an interface.
fn sent(host: &Host, interface: &str) -> Result<u64> {
    let all = host
        .command("cat")
        .args(["/proc/net/dev"])
        .run(SOON)?
        .ok()?;
    let line = all
        .lines()
        .find_map(|line| line.trim().strip_prefix(&format!("{interface}:")));
    let column = line.and_then(|line| line.split_whitespace().nth(9));
    Ok(column.context("no such interface")?.parse()?)
}

#[test]
fn a_pinned_interface_is_the_only_one_that_anything_leaves_by() -> Result<()> {
    need!(Need::Namespaces, Need::Suite(Floe));
    let floe = Programs::locate(Floe)?.floe.context("floe")?;
    let mut lab = lab(&floe)?;
    let host = lab.host(&HostSpec::new("two-links"))?;
    let second =
        format!("{SECOND_LINK} && ip neighbour add 10.99.0.7 lladdr 02:00:00:00:00:07 dev eth1");
    on(&host, &floe, &second).run(SOON)?.ok()?;
    // A scheduler that announces itself, a daemon that looks for one, and one that was told of one behind
    // the other link.
    let services = |pin: &str| {
        format!(
            "timeout 4 floe scheduler --icecream {pin} & \
             timeout 4 floe daemon --icecream -b /var/tmp/a {pin} & \
             ICECC_TEST_SOCKET=$HOME/b.socket timeout 4 floe daemon --icecream -p 10300 \
               -b /var/tmp/b -s 10.99.0.7 {pin} & wait"
        )
    };
    let before = sent(&host, "eth1")?;
    on(&host, &floe, &services("-i eth0")).run(SOON)?;
    let pinned = sent(&host, "eth1")?;
    ensure!(pinned == before, "{} packets went astray", pinned - before);
    on(&host, &floe, &services("")).run(SOON)?;
    let loose = sent(&host, "eth1")?;
    ensure!(loose >= pinned + 3, "without -i {} packets", loose - pinned);
    Ok(())
}

/// A second link, whose other end answers nobody.
const SECOND_LINK: &str = "ip link add eth1 type veth peer name far1 \
     && echo 1 >/proc/sys/net/ipv6/conf/eth1/disable_ipv6 \
     && echo 1 >/proc/sys/net/ipv6/conf/far1/disable_ipv6 \
     && ip address add 10.99.0.1/24 broadcast + dev eth1 \
     && ip link set eth1 up && ip link set far1 up";

/// The routing table names the wrong link for the executor: who does as it says has no job done there, and
/// leaves packets on that link.
fn an_agent_keeps_to_its_daemons_interface(cluster: &[&str], daemon: &str) -> Result<()> {
    let floe = Programs::locate(Floe)?.floe.context("floe")?;
    let mut lab = lab(&floe)?;
    let (one, two) = (
        lab.host(&HostSpec::new("one"))?,
        lab.host(&HostSpec::new("two"))?,
    );
    let executor = one.address();
    let mut line = String::new();
    for command in cluster {
        let said = on(&one, &floe, command).run(SOON)?.ok()?;
        let mut words = said.split_whitespace();
        line = words
            .find(|word| word.starts_with("floe1:"))
            .map_or(line, str::to_owned);
    }
    if !line.is_empty() {
        let join = format!("floe join {line}");
        on(&two, &floe, &join).run(SOON)?.ok()?;
    }
    let misled = format!(
        "{SECOND_LINK} && ip neighbour add 10.99.0.7 lladdr 02:00:00:00:00:07 dev eth1 \
         && ip route add {executor}/32 via 10.99.0.7 dev eth1"
    );
    on(&two, &floe, &misled).run(SOON)?.ok()?;
    let before = sent(&two, "eth1")?;
    let daemon = format!("exec floe daemon -s {executor} {daemon} -i eth0");
    let daemon = on(&two, &floe, &daemon).log("daemon").start()?;
    std::fs::write(two.home().join("hello.c"), "int main(void) { return 0; }\n")?;
    let done = until("a job runs on the other host", SOON, || {
        on(&two, &floe, "icecc gcc -c hello.c").run(SOON)?.ok()?;
        let told = on(&two, &floe, "floe explain --json hello.c").run(SOON)?;
        Ok(told.ok()?.contains(&format!("{executor}:10245")))
    });
    done.with_context(|| daemon.log())?;
    let status = on(&two, &floe, "floe status").run(SOON)?.ok()?;
    ensure!(status.contains("one"), "{status}");
    let after = sent(&two, "eth1")?;
    ensure!(after == before, "{} packets went astray", after - before);
    // Without the option they go where the table says, the agent's and the daemon's.
    drop(daemon);
    let agent = format!(
        "floe agent --stop; timeout 3 python3 -c 'import socket; socket.create_connection((\"{executor}\", 10245))'"
    );
    ensure!(
        on(&two, &floe, &agent).run(SOON)?.ok().is_err(),
        "it was reached"
    );
    ensure!(sent(&two, "eth1")? > after, "the other link is not used");
    Ok(())
}

#[test]
fn a_members_agent_keeps_to_the_interface_of_its_daemon() -> Result<()> {
    need!(Need::Namespaces, Need::Suite(Floe), Need::Program("gcc"));
    an_agent_keeps_to_its_daemons_interface(&["floe up"], "")
}

#[test]
fn an_agent_of_no_member_keeps_to_the_interface_of_its_daemon() -> Result<()> {
    need!(Need::Namespaces, Need::Suite(Floe), Need::Program("gcc"));
    let cluster = ["floe scheduler --icecream -d", "floe daemon --icecream -d"];
    an_agent_keeps_to_its_daemons_interface(&cluster, "--icecream")
}

#[test]
fn a_submit_host_that_nobody_can_connect_to_has_its_jobs_done() -> Result<()> {
    need!(Need::Namespaces, Need::Suite(Floe));
    let cluster = Cluster::builder()
        .members()
        .executor("one", Floe, 2)
        .submitter("submit", Floe, 0)
        .link(LinkSpec {
            outbound_only: true,
            ..LinkSpec::default()
        })
        .start()?;
    // Nothing comes in, whatever listens there.
    let (one, submit) = (cluster.host("one")?, cluster.host("submit")?);
    let listening = submit.shell("exec python3 -m http.server 8000").start()?;
    let reach = format!(
        "timeout 2 python3 -c 'import socket; socket.create_connection((\"{}\", 8000))'",
        submit.address()
    );
    ensure!(
        one.shell(&reach).run(SOON)?.ok().is_err(),
        "it can be reached"
    );
    drop(listening);
    let tree = SMALL.open()?;
    tree.reset()?;
    jobs::forget(submit);
    let built = tree
        .build(cluster.client("submit", Floe, "sh")?, 8)
        .run(BUILD)?;
    built.ok().with_context(|| cluster.logs())?;
    let jobs = jobs::of(&cluster, submit, Floe)?;
    ensure!(
        jobs.remote_total() >= SMALL.objects && jobs.failed_tries.is_empty(),
        "{jobs:?}"
    );
    println!("{:?}", tree.compare()?);
    Ok(())
}
