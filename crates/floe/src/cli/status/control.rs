//! What a scheduler's control port says, read back into values. The forms are those of
//! `listcs`, which Debian's scheduler and ours share.

use serde::Serialize;

/// One executor as the scheduler sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Host {
    pub(crate) name: String,
    /// `IP:PORT`; port 0 takes no foreign jobs.
    pub(crate) address: String,
    pub(crate) platform: String,
    pub(crate) speed: f64,
    pub(crate) jobs: u32,
    pub(crate) slots: u32,
    /// 0 to 1000; 1000 takes no work.
    pub(crate) load: u32,
    /// Seconds since a toolchain is being installed.
    pub(crate) installing_s: Option<u64>,
    /// Why it gets no work now, as far as a scheduler knows.
    pub(crate) no_work: Option<&'static str>,
}

/// A host may be without work for one of these, and say itself why it chose so.
fn no_work(address: &str, slots: u32, load: u32, is_installing: bool) -> Option<&'static str> {
    match () {
        () if address.ends_with(":0") => Some("takes no foreign jobs (--no-remote)"),
        () if slots == 0 => Some("has no slots (-m 0)"),
        () if is_installing => None,
        () if load >= 1000 => Some("takes no work just now (`floe status` on it says why)"),
        () => None,
    }
}

/// One job that the scheduler knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Job {
    pub(crate) id: u32,
    /// `pending`, `assigned` or `running`.
    pub(crate) state: &'static str,
    pub(crate) submitter: String,
    /// Absent while pending.
    pub(crate) executor: Option<String>,
    pub(crate) file: String,
}

/// Reads the answer to `listcs`: host lines, each followed by its jobs.
pub(crate) fn hosts(text: &str) -> Vec<Host> {
    text.lines()
        .filter(|line| !line.starts_with("   "))
        .filter_map(host)
        .collect()
}

/// Reads the answer to `listjobs`.
pub(crate) fn jobs(text: &str) -> Vec<Job> {
    text.lines().filter_map(job).collect()
}

// ` NAME (IP:PORT) [PLATFORM] speed=S jobs=CUR/MAX load=N[ busy installing since T s]`
fn host(line: &str) -> Option<Host> {
    let (name, rest) = line.strip_prefix(' ')?.split_once(" (")?;
    let (address, rest) = rest.split_once(") [")?;
    let (platform, rest) = rest.split_once("] speed=")?;
    let mut words = rest.split(' ');
    let speed = words.next()?.parse().ok()?;
    let (jobs, slots) = words.next()?.strip_prefix("jobs=")?.split_once('/')?;
    let load = words.next()?.strip_prefix("load=")?.parse().ok()?;
    let installing_s = rest
        .split_once("since ")
        .and_then(|(_, tail)| tail.split(' ').next()?.parse().ok());
    let slots = slots.parse().ok()?;
    Some(Host {
        no_work: no_work(address, slots, load, installing_s.is_some()),
        name: name.to_owned(),
        address: address.to_owned(),
        platform: platform.to_owned(),
        speed,
        jobs: jobs.parse().ok()?,
        slots,
        load,
        installing_s,
    })
}

// ` ID STATE sub:SUBMITTER on:SERVER FILENAME`
fn job(line: &str) -> Option<Job> {
    let mut words = line.trim_start().splitn(5, ' ');
    let id = words.next()?.parse().ok()?;
    let state = match words.next()? {
        "PEND" => "pending",
        "WAIT" => "assigned",
        "COMP" => "running",
        _ => return None,
    };
    let submitter = words.next()?.strip_prefix("sub:")?.to_owned();
    let executor = words.next()?.strip_prefix("on:")?;
    let executor = (executor != "<unknown>").then(|| executor.to_owned());
    Some(Job {
        id,
        state,
        submitter,
        executor,
        file: words.next().unwrap_or_default().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTCS: &str = " nodeA (127.0.0.1:20245) [x86_64] speed=0.00 jobs=0/2 load=501\n \
        nodeB (127.0.0.5:20246) [x86_64] speed=12.50 jobs=1/2 load=501 busy installing since 7 s\n   \
        1 WAIT sub:nodeA on:nodeB rt/src/slow.cpp\n200 done\n";

    #[test]
    fn hosts_are_read_with_their_slots() {
        let hosts = hosts(LISTCS);
        assert_eq!(hosts.len(), 2);
        assert_eq!(
            (hosts[1].name.as_str(), hosts[1].jobs, hosts[1].slots),
            ("nodeB", 1, 2)
        );
        assert_eq!(hosts[1].installing_s, Some(7));
        assert_eq!((hosts[0].no_work, hosts[1].no_work), (None, None));
    }

    #[test]
    fn a_host_without_work_says_why() {
        let text = " a (10.0.0.1:0) [x86_64] speed=0.00 jobs=0/2 load=0\n \
            b (10.0.0.2:10245) [x86_64] speed=0.00 jobs=0/0 load=0\n \
            c (10.0.0.3:10245) [x86_64] speed=0.00 jobs=0/2 load=1000\n";
        let why: Vec<_> = hosts(text)
            .iter()
            .map(|host| host.no_work.unwrap_or_default())
            .collect();
        for (why, part) in why.iter().zip(["--no-remote", "-m 0", "just now"]) {
            assert!(why.contains(part), "{why}");
        }
    }

    #[test]
    fn jobs_are_read_in_every_state() {
        let text = " 1 WAIT sub:a on:b x y.c\n 2 PEND sub:a on:<unknown> z.c\n200 done\n";
        let jobs = jobs(text);
        assert_eq!(jobs[0].file, "x y.c");
        assert_eq!((jobs[1].state, jobs[1].executor.clone()), ("pending", None));
    }
}
