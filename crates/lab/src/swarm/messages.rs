//! What pretended daemons and clients say.

use icecream::{Environment, GetCs, JobBegin, JobDone, Message, Stats};

use super::{PLATFORM, TOOLCHAIN};

pub(super) fn idle() -> Stats {
    Stats {
        load: 0,
        load_avg_1: 0,
        load_avg_5: 0,
        load_avg_10: 0,
        free_mem: 16_000,
    }
}

pub(super) fn request(client_id: u32, client_count: u32) -> GetCs {
    GetCs {
        versions: vec![Environment {
            platform: PLATFORM.to_owned(),
            name: TOOLCHAIN.to_owned(),
        }],
        filename: b"src/some/file.cpp".to_vec(),
        lang: 1,
        count: 1,
        target: PLATFORM.to_owned(),
        arg_flags: 8,
        client_id,
        preferred_host: String::new(),
        ignore_unverified: 0,
        minimal_host_version: 21,
        client_count,
        required_features: 0,
        niceness: 0,
    }
}

pub(super) fn begin(job_id: u32) -> Message {
    Message::JobBegin(JobBegin {
        job_id,
        start_time: 1,
        client_count: 1,
    })
}

pub(super) fn done(job_id: u32, at_home: bool) -> Message {
    Message::JobDone(JobDone {
        job_id,
        real_msec: 200,
        user_msec: 190,
        out_compressed: 100_000,
        out_uncompressed: 100_000,
        flags: at_home.into(),
        ..JobDone::default()
    })
}
