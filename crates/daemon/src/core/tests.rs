//! What the tests of the core share.

mod memory;
mod own;
mod scheduler;
mod slots;

use super::*;
use crate::memory::Likeness;

const START: Duration = Duration::ZERO;

fn core(slots: u32) -> Core {
    Core::new(slots, u64::MAX)
}

fn with_scheduler(slots: u32) -> Core {
    let mut core = core(slots);
    assert_eq!(core.apply(START, Event::SchedulerFound), []);
    core
}

fn wants_host(core: &mut Core) -> (ClientId, Vec<Action>) {
    let client = core.arrive(true);
    let actions = core.apply(
        START,
        Event::HostsWanted {
            client,
            count: 1,
            niceness: 0,
        },
    );
    (client, actions)
}

fn wants_local(core: &mut Core, full: bool) -> (ClientId, Vec<Action>) {
    let client = core.arrive(true);
    let outfile = b"/x/y".to_vec();
    (
        client,
        core.apply(
            START,
            Event::LocalWanted {
                client,
                outfile,
                full,
            },
        ),
    )
}

fn wants_compile(core: &mut Core, job: u32) -> (ClientId, Vec<Action>) {
    wants_compile_like(core, job, Likeness::default())
}

fn wants_compile_like(core: &mut Core, job: u32, like: Likeness) -> (ClientId, Vec<Action>) {
    let client = core.arrive(false);
    let job = JobId(job);
    let wanted = Event::CompileWanted { client, job, like };
    (client, core.apply(START, wanted))
}

fn leaves(core: &mut Core, client: ClientId, farewell: bool) -> Vec<Action> {
    core.apply(START, Event::ClientLeft { client, farewell })
}

fn placement(job: u32) -> Placement {
    Placement {
        job: JobId(job),
        host: "10.0.0.2".into(),
        port: 10245,
        platform: "x86_64".into(),
        has_toolchain: true,
        matched: JobId(0),
    }
}

fn done(job: u32, code: i32, from: From, client_count: u32) -> Action {
    let usage = Usage::failed(code);
    Action::Report(Report::Done {
        job: JobId(job),
        usage,
        from,
        client_count,
    })
}

fn begun(job: u32, client_count: u32) -> Action {
    Action::Report(Report::Begun {
        job: JobId(job),
        client_count,
    })
}
