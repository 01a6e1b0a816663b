//! The status as a table for people.

use std::fmt::Write;

use super::gather::{Agent, Daemon, Scheduler, Status};

pub(crate) fn table(status: &Status) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _infallible = agent(&mut text, status.agent.as_ref())
        .and_then(|()| daemon(&mut text, status.daemon.as_ref()))
        .and_then(|()| scheduler(&mut text, status.scheduler.as_ref(), &status.problems));
    text
}

fn agent(text: &mut String, agent: Option<&Agent>) -> std::fmt::Result {
    let Some(agent) = agent else {
        return writeln!(text, "agent      not running (the first wrapper starts it)");
    };
    write!(
        text,
        "agent      pid {}, {} jobs done",
        agent.pid, agent.jobs_done
    )?;
    match &agent.inputs {
        Some(sent) if sent.sum() > 0 => writeln!(
            text,
            "; elsewhere: {} from files as recorded, {} from files with the same directives, {} from files as \
             evaluated, {} from text",
            sent.recorded, sent.same_directives, sent.evaluated, sent.text
        )?,
        _ => writeln!(text)?,
    }
    for job in &agent.running {
        let whence = if job.executor.is_empty() {
            "-"
        } else {
            &job.executor
        };
        writeln!(
            text,
            "             {:<10} {:>8.1} s  {:<22} {}",
            job.phase, job.age_s, whence, job.source
        )?;
    }
    Ok(())
}

fn daemon(text: &mut String, daemon: Option<&Daemon>) -> std::fmt::Result {
    match daemon {
        Some(daemon) => {
            writeln!(text, "daemon     {} ({})", daemon.node_name, daemon.socket)?;
            if let Some(open_to) = &daemon.open_to {
                writeln!(text, "             open to: {open_to}")?;
            }
            if let Some(interface) = &daemon.interface {
                writeln!(text, "             sends by {interface} only")?;
            }
            let Some(jobs) = &daemon.foreign_jobs else {
                return Ok(());
            };
            let how = if jobs.taken { "" } else { "not taken: " };
            write!(text, "             jobs of other hosts: {how}{}", jobs.why)?;
            match &jobs.again {
                Some(again) => writeln!(text, "; again {again}"),
                None => writeln!(text),
            }
        }
        None => writeln!(text, "daemon     not running: start `floe daemon`"),
    }
}

fn scheduler(
    text: &mut String,
    scheduler: Option<&Scheduler>,
    problems: &[String],
) -> std::fmt::Result {
    if let Some(scheduler) = scheduler {
        writeln!(
            text,
            "scheduler  {} ({})",
            scheduler.address, scheduler.greeting
        )?;
        if let Some(why) = &scheduler.elected {
            writeln!(text, "             elected: {why}")?;
        }
        writeln!(text)?;
        writeln!(
            text,
            "{:<20} {:<22} {:<10} {:>7} {:>6} {:>9}",
            "host", "address", "platform", "jobs", "load", "speed"
        )?;
        for host in &scheduler.hosts {
            let jobs = format!("{}/{}", host.jobs, host.slots);
            let note = match host.installing_s {
                Some(seconds) => format!("  installing a toolchain for {seconds} s"),
                None => host
                    .no_work
                    .map_or_else(String::new, |why| format!("  {why}")),
            };
            writeln!(
                text,
                "{:<20} {:<22} {:<10} {jobs:>7} {:>6} {:>9.2}{note}",
                host.name, host.address, host.platform, host.load, host.speed
            )?;
        }
        for job in &scheduler.jobs {
            let executor = job.executor.as_deref().unwrap_or("-");
            writeln!(
                text,
                "  job {:<8} {:<9} {} -> {executor}  {}",
                job.id, job.state, job.submitter, job.file
            )?;
        }
    }
    for problem in problems {
        writeln!(text, "{problem}")?;
    }
    Ok(())
}
