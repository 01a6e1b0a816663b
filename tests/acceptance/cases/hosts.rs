//! The lab itself: hosts are apart from each other and from the machine, and links do what they say.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use acceptance::need;
use acceptance::skip::Need;
use anyhow::{Context, Result};
use lab::{HostSpec, Kind, Lab, LinkSpec};

const SHORT: Duration = Duration::from_secs(10);

#[test]
fn hosts_have_their_own_name_network_and_directories() -> Result<()> {
    need!(Need::Namespaces);
    let mut lab = Lab::new(Kind::Namespaces)?;
    let one = lab.host(&HostSpec::new("one"))?;
    let two = lab.host(&HostSpec::new("two"))?;

    assert_eq!(one.shell("hostname").run(SHORT)?.ok()?, "one\n");
    for place in ["/tmp", "/run", "/var/tmp", "/var/cache"] {
        one.shell(&format!("echo x >{place}/mark"))
            .run(SHORT)?
            .ok()?;
        let seen = two.shell(&format!("cat {place}/mark")).run(SHORT)?;
        assert!(!seen.status.success(), "{place} is shared");
    }
    assert!(!std::path::Path::new("/tmp/mark").exists());
    let file = lab.shared().join("file");
    one.shell(&format!("echo shared >{}", file.display()))
        .run(SHORT)?
        .ok()?;
    assert_eq!(two.command("cat").arg(&file).run(SHORT)?.ok()?, "shared\n");

    let interfaces = one
        .shell("ls /sys/class/net; cat /proc/net/dev")
        .run(SHORT)?
        .ok()?;
    let names: Vec<&str> = interfaces
        .lines()
        .filter_map(|line| Some(line.split_once(':')?.0.trim()))
        .collect();
    assert!(
        names.contains(&"lo") && names.contains(&"eth0"),
        "{names:?}"
    );

    // A connection from one to two, and a process list of its own.
    let address = two.address();
    let listener = two.listen(7000)?;
    let mut stream = one.connect(address, 7000)?;
    stream.write_all(b"hello")?;
    let (mut accepted, peer) = listener.accept()?;
    let mut text = [0; 5];
    accepted.read_exact(&mut text)?;
    assert_eq!((&text, peer.ip()), (b"hello", one.address().into()));
    Ok(())
}

#[test]
fn each_host_counts_its_own_cpu_time_and_shows_its_own_load() -> Result<()> {
    need!(Need::Namespaces);
    let mut lab = Lab::new(Kind::Namespaces)?;
    let busy = lab.host(&HostSpec::new("busy"))?;
    let idle = lab.host(&HostSpec::new("idle"))?;
    let spin = "i=0; while [ $i -lt 1000000 ]; do i=$((i+1)); done";
    busy.shell(spin).run(Duration::from_secs(60))?.ok()?;
    let (worked, rested) = (busy.cpu()?, idle.cpu()?);
    assert!(worked > Duration::from_millis(100), "{worked:?}");
    assert!(rested < worked / 4, "{rested:?} of {worked:?}");

    let ticks = |host: &lab::Host| -> Result<u64> {
        let stat = host.command("cat").arg("/proc/stat").run(SHORT)?.ok()?;
        let field = stat
            .split_whitespace()
            .nth(1)
            .context("/proc/stat is empty")?;
        Ok(field.parse()?)
    };
    let end = Instant::now() + SHORT;
    while ticks(&busy)? < 10 {
        assert!(Instant::now() < end, "the load view does not follow");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(ticks(&idle)? < ticks(&busy)?);
    Ok(())
}

#[test]
fn what_runs_in_a_lab_ends_with_it() -> Result<()> {
    need!(Need::Namespaces);
    let mut lab = Lab::new(Kind::Namespaces)?;
    let host = lab.host(&HostSpec::new("host"))?;
    let mut sleeper = host.command("sleep").arg("1000").start()?;
    // Detached from its parent, in a session of its own.
    host.shell("setsid sleep 1001 >/dev/null 2>&1 &")
        .run(SHORT)?
        .ok()?;
    let ids = host.processes();
    assert!(ids.len() >= 2, "{ids:?}");
    sleeper.kill(lab::Signal::TERM);
    assert!(!sleeper.wait(SHORT)?.success());
    drop((host, lab));
    for id in ids {
        let command = std::fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
        assert!(!command.starts_with("sleep"), "{id} {command} survived");
    }
    Ok(())
}

#[test]
fn a_loopback_host_needs_no_privilege_and_leaves_nothing() -> Result<()> {
    let mut lab = Lab::new(Kind::Loopback)?;
    let host = lab.host(&HostSpec::new("host"))?;
    host.shell("setsid sleep 1002 >/dev/null 2>&1 &")
        .run(SHORT)?
        .ok()?;
    let home = host.shell("echo $HOME").run(SHORT)?.ok()?;
    assert_eq!(home.trim(), host.home().to_string_lossy());
    let end = Instant::now() + SHORT;
    while host.processes().is_empty() {
        assert!(Instant::now() < end, "the detached process is not found");
    }
    let ids = host.processes();
    drop((host, lab));
    for id in ids {
        let command = std::fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
        assert!(!command.starts_with("sleep"), "{id} {command} survived");
    }
    Ok(())
}

/// 50 ms, 20 Mbit/s: the figures are wide enough for a machine that is busy.
#[test]
fn a_link_delays_limits_and_loses() -> Result<()> {
    need!(Need::Namespaces);
    let mut lab = Lab::new(Kind::Namespaces)?;
    let slow = LinkSpec {
        delay: Duration::from_millis(50),
        rate: Some(20_000_000),
        ..LinkSpec::default()
    };
    let near = lab.host(&HostSpec::new("near"))?;
    let far = lab.host(&HostSpec::new("far").link(slow))?;
    let lossy = lab.host(&HostSpec::new("lossy").link(LinkSpec { loss: 0.2, ..slow }))?;

    let listener = far.listen(7000)?;
    let start = Instant::now();
    let mut stream = near.connect(far.address(), 7000)?;
    let connected = start.elapsed(); // ARP and the handshake: two round trips at most
    assert!(connected > Duration::from_millis(95), "{connected:?}");
    let (mut accepted, _) = listener.accept()?;
    let size = 2_500_000; // 1 s at 20 Mbit/s
    let sender = std::thread::spawn(move || stream.write_all(&vec![7; size]));
    let start = Instant::now();
    let mut received = vec![0; size];
    accepted.read_exact(&mut received)?;
    let took = start.elapsed().as_secs_f64();
    sender
        .join()
        .map_err(|_| anyhow::anyhow!("sender panicked"))??;
    println!(
        "connect {connected:?}, {:.1} Mbit/s",
        size as f64 * 8e-6 / took
    );
    assert!((0.9..5.0).contains(&took), "{took} s");

    let echo = lossy.datagrams(7001)?;
    let ask = near.datagrams(7002)?;
    let count = 200;
    for number in 0..count {
        // Paced, so that only the link loses anything.
        ask.send_to(&[number], (lossy.address(), 7001))?;
        std::thread::sleep(Duration::from_millis(1));
    }
    echo.set_read_timeout(Some(Duration::from_millis(500)))?;
    let mut byte = [0];
    let arrived = std::iter::from_fn(|| echo.recv(&mut byte).ok()).count();
    println!("{arrived} of {count} datagrams over a link that loses a fifth");
    assert!((120..=190).contains(&arrived), "{arrived}");

    far.unplug()?;
    assert!(
        near.connect_within(far.address(), 7000, Duration::from_millis(500))
            .is_err()
    );
    far.plug()?;
    near.connect(far.address(), 7000)?;
    Ok(())
}
