//! A message as the plain list of its values, in the order of the wire, for comparison with what
//! an independent decoder found.

use icecream::*;
use serde::Deserialize;

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Value {
    Number(u32),
    Text(String),
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(number)
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Self::Number(number.cast_unsigned())
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Number(flag.into())
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<&Vec<u8>> for Value {
    fn from(text: &Vec<u8>) -> Self {
        Self::Text(String::from_utf8(text.clone()).unwrap())
    }
}

macro_rules! list {
    ($($value:expr),* $(,)?) => { vec![$(Value::from($value)),*] };
}

pub(crate) fn values(message: &Message, version: Version) -> Vec<Value> {
    match message {
        Message::BlacklistHostEnv(m) => list![&m.name, &m.target, &m.hostname],
        Message::CompileFile(m) => {
            let mut list = list![m.lang, m.job_id];
            list.extend(m.flags.iter().map(Value::from));
            list.extend(list![
                &m.env_version,
                &m.target_platform,
                &m.compiler_name,
                &m.input_file,
                &m.working_dir,
                &m.output_file,
                m.dwarf_fission,
            ]);
            list
        }
        Message::CompileResult(m) => {
            list![&m.stderr, &m.stdout, m.status, m.out_of_memory, m.have_dwo]
        }
        Message::CsConf(m) => list![m.max_scheduler_pong, m.max_scheduler_ping, &m.bench_source],
        Message::FileChunk(m) => {
            let hex = m.data.iter().map(|byte| format!("{byte:02x}")).collect();
            vec![
                m.uncompressed_len.into(),
                m.compression.into(),
                Value::Text(hex),
            ]
        }
        Message::GetCs(m) => {
            let mut list = environments(&m.versions);
            list.extend(list![
                &m.filename,
                m.lang,
                m.count,
                &m.target,
                m.arg_flags,
                m.client_id,
                &m.preferred_host,
                m.ignore_unverified,
                m.minimal_host_version,
                m.client_count,
                m.required_features,
            ]);
            if version >= Version::V43 {
                list.push(m.niceness.into());
            }
            list
        }
        Message::GetNativeEnv(m) => {
            let mut list = list![&m.compiler];
            list.extend(m.extra_files.iter().map(Value::from));
            list.push((&m.compression).into());
            list
        }
        Message::JobBegin(m) => list![m.job_id, m.start_time, m.client_count],
        Message::JobDone(m) | Message::MonJobDone(m) => list![
            m.job_id,
            m.exit_code,
            m.real_msec,
            m.user_msec,
            m.sys_msec,
            m.page_faults,
            m.in_compressed,
            m.in_uncompressed,
            m.out_compressed,
            m.out_uncompressed,
            m.flags,
            m.client_count,
        ],
        Message::JobLocalBegin(m) => {
            let mut list = list![m.start_time, &m.outfile, m.id];
            if version >= Version::V44 {
                list.push(m.full.into());
            }
            list
        }
        Message::JobLocalDone(m) => list![m.job_id],
        Message::Login(m) => {
            let mut list = list![m.port, m.max_kids];
            list.extend(environments(&m.environments));
            list.extend(list![
                &m.node_name,
                &m.host_platform,
                m.chroot_possible,
                m.no_remote,
                m.features,
            ]);
            list
        }
        Message::MonGetCs(m) => list![&m.filename, m.lang, m.job_id, m.client_host_id],
        Message::MonJobBegin(m) => list![m.job_id, m.start_time, m.host_id],
        Message::MonLocalJobBegin(m) => list![m.host_id, m.job_id, m.start_time, &m.file],
        Message::MonStats(m) => list![m.host_id, &m.text],
        Message::NativeEnv(m) => list![&m.path],
        Message::NoCs(m) => list![m.job_id, m.client_id],
        Message::Stats(m) => {
            list![
                m.load,
                m.load_avg_1,
                m.load_avg_5,
                m.load_avg_10,
                m.free_mem
            ]
        }
        Message::StatusText(m) => list![&m.text],
        Message::TransferEnv(m) => list![&m.name, &m.target],
        Message::UseCs(m) => list![
            m.job_id,
            m.port,
            &m.hostname,
            &m.host_platform,
            m.got_env,
            m.client_id,
            m.matched_job_id,
        ],
        Message::VerifyEnv(m) => list![&m.name, &m.target],
        Message::VerifyEnvResult(m) => list![m.ok],
        Message::End | Message::GetInternals | Message::MonLogin | Message::Ping => Vec::new(),
    }
}

fn environments(environments: &[Environment]) -> Vec<Value> {
    environments
        .iter()
        .flat_map(|pair| list![&pair.platform, &pair.name])
        .collect()
}
