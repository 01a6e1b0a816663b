//! Questions to this user's running agent. None of them starts one.

use std::time::Duration;

use handover::{
    AgentStatus, Answer, Ask, Reply, Request, RuntimeDir, StatusQuery, StopQuery, frame, meet,
};

/// How long the agent may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// What the agent is doing; `None` when none is running or it does not answer.
pub(crate) fn status() -> Option<AgentStatus> {
    match ask(Ask::Status(StatusQuery {}))? {
        Answer::Status(status) => Some(status),
        _ => None,
    }
}

/// Asks the agent to leave when its jobs are done. `false` when none is running.
pub(crate) fn stop() -> bool {
    ask(Ask::Stop(StopQuery {})).is_some()
}

fn ask(question: Ask) -> Option<Answer> {
    let directory = RuntimeDir::open().ok()?;
    let mut stream = meet::connect(&directory).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    frame::write(
        &mut stream,
        &Request {
            ask: Some(question),
        },
    )
    .ok()?;
    let reply: Reply = frame::read(&mut stream).ok()?;
    reply.answer
}
