//! Several schedulers on one network: names keep them apart, age decides.
//!
//! All programs run on one host and broadcast on its loopback, as the original's suite does it.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use compliance::Case;
use compliance::bed::{Bed, COMMAND};
use lab::control::Control;
use lab::{Host, HostSpec, Kind, Lab, Launch, Process, Signal};

const NET: &str = "compliance";
const FIRST: u16 = 8767;
const SECOND: u16 = 8769;
const DAEMONS: [(&str, &str); 3] = [
    ("localice", "10245"),
    ("remoteice1", "10246"),
    ("remoteice2", "10247"),
];
/// The original tries again after 3 s under `ICECC_TESTS`, and its scheduler sleeps at times.
const MOVED: Duration = Duration::from_secs(60);

pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new(
        "T80-T82",
        "another net name displaces nobody; an older scheduler takes over; daemons return",
        moving,
    )]
}

fn moving(bed: &mut Bed) -> Result<()> {
    let mut lab = Lab::new(Kind::Namespaces)?;
    let host = lab.host(&HostSpec::new("box"))?;
    let _first = scheduler(bed, &host, FIRST, NET, false).start()?;
    wait_listening(&host, FIRST)?;
    let mut daemons: Vec<Process> = Vec::new();
    for (name, port) in DAEMONS {
        let launch = tested(host.command(&bed.programs.daemon))
            .args([
                "-n",
                NET,
                "-N",
                name,
                "-m",
                "2",
                "-p",
                port,
                "-b",
                &format!("/var/tmp/{name}"),
                "-vvv",
            ])
            .env("ICECC_TEST_SOCKET", format!("/run/{name}.socket"))
            .env("ICECC_SCHEDULER", format!(":{FIRST}"))
            .log(name);
        daemons.push(launch.start()?);
    }
    let mut first = control(&host, FIRST)?;
    first.wait_hosts(MOVED, "all daemons found the first scheduler", |hosts| {
        hosts.len() == 3
    })?;

    // T80: one with another name.
    let mut other = scheduler(bed, &host, SECOND, "compliance-other", true).start()?;
    wait_listening(&host, SECOND)?;
    let mut second = control(&host, SECOND)?;
    let end = Instant::now() + Duration::from_secs(5);
    while Instant::now() < end {
        let (here, there) = (first.hosts()?, second.hosts()?);
        ensure!(
            here.len() == 3 && there.is_empty(),
            "T80: {here:?} left, {there:?} moved"
        );
        std::thread::sleep(Duration::from_millis(200));
    }
    other.kill(Signal::TERM);
    other.wait(COMMAND)?;

    // T81: one of the same name that is older.
    let mut older = scheduler(bed, &host, SECOND, NET, true).start()?;
    wait_listening(&host, SECOND)?;
    let mut second = control(&host, SECOND)?;
    second.wait_hosts(
        MOVED,
        "T81: all daemons moved to the older scheduler",
        |hosts| hosts.len() == 3,
    )?;

    // T82: it goes away.
    older.kill(Signal::TERM);
    older.wait(COMMAND)?;
    let mut first = control(&host, FIRST)?;
    first.wait_hosts(MOVED, "T82: all daemons returned", |hosts| hosts.len() == 3)?;
    for daemon in &mut daemons {
        ensure!(daemon.is_running(), "a daemon ended");
    }
    Ok(())
}

/// The variables that keep broadcasts on loopback and send them to both ports.
fn tested(launch: Launch) -> Launch {
    launch
        .env("ICECC_TESTS", "1")
        .env("ICECC_TEST_SCHEDULER_PORTS", format!("{FIRST}:{SECOND}"))
}

fn scheduler(bed: &Bed, host: &Host, port: u16, net: &str, older: bool) -> Launch {
    let launch = tested(host.command(&bed.programs.scheduler))
        .args(["-p", &port.to_string(), "-n", net, "-vvv"])
        .log(&format!("scheduler-{port}"));
    if older {
        launch.env("ICECC_FAKE_STARTTIME", "1")
    } else {
        launch
    }
}

fn wait_listening(host: &Host, port: u16) -> Result<()> {
    let end = Instant::now() + MOVED;
    while host.connect(host.address(), port).is_err() {
        if Instant::now() > end {
            bail!("the scheduler on port {port} does not listen");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn control(host: &Host, scheduler: u16) -> Result<Control> {
    Control::open(host, host.address(), scheduler + 1, MOVED)
}
