//! Any message, at any of the three versions, comes back as it was; anything else is refused
//! without a panic.

use icecream::chunk::Effort;
use icecream::frame::{decode, encode};
use icecream::*;
use proptest::collection::vec;
use proptest::prelude::*;

fn text() -> impl Strategy<Value = String> {
    "[^\0]{0,20}"
}

/// Bytes that a string can carry.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(1_u8..=255, 0..40)
}

/// A file name that needs no cutting.
fn short_path() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![1_u8..b'/', b'0'..=255], 0..40)
}

fn environments() -> impl Strategy<Value = Vec<Environment>> {
    vec(
        (text(), text()).prop_map(|(platform, name)| Environment { platform, name }),
        0..4,
    )
}

fn job_done() -> impl Strategy<Value = JobDone> {
    (any::<i32>(), any::<[u32; 11]>()).prop_map(|(exit_code, n)| JobDone {
        job_id: n[0],
        exit_code,
        real_msec: n[1],
        user_msec: n[2],
        sys_msec: n[3],
        page_faults: n[4],
        in_compressed: n[5],
        in_uncompressed: n[6],
        out_compressed: n[7],
        out_uncompressed: n[8],
        flags: n[9],
        client_count: n[10],
    })
}

fn get_cs() -> impl Strategy<Value = GetCs> {
    (
        environments(),
        short_path(),
        text(),
        text(),
        any::<[u32; 9]>(),
    )
        .prop_map(|(versions, filename, target, preferred_host, n)| GetCs {
            versions,
            filename,
            lang: n[0],
            count: n[1],
            target,
            arg_flags: n[2],
            client_id: n[3],
            preferred_host,
            ignore_unverified: n[4],
            minimal_host_version: n[5],
            client_count: n[6],
            required_features: n[7],
            niceness: n[8],
        })
}

fn compile_file() -> impl Strategy<Value = CompileFile> {
    let paths = (bytes(), bytes(), bytes());
    let numbers = (any::<u32>(), any::<u32>(), any::<bool>());
    (numbers, vec(bytes(), 0..10), text(), text(), text(), paths).prop_map(
        |(numbers, flags, env_version, target_platform, compiler_name, paths)| CompileFile {
            lang: numbers.0,
            job_id: numbers.1,
            flags,
            env_version,
            target_platform,
            compiler_name,
            input_file: paths.0,
            working_dir: paths.1,
            output_file: paths.2,
            dwarf_fission: numbers.2,
        },
    )
}

fn login() -> impl Strategy<Value = Login> {
    let flags = (any::<bool>(), any::<bool>());
    (any::<[u32; 3]>(), environments(), text(), text(), flags).prop_map(
        |(n, environments, node_name, host_platform, flags)| Login {
            port: n[0],
            max_kids: n[1],
            environments,
            node_name,
            host_platform,
            chroot_possible: flags.0,
            no_remote: flags.1,
            features: n[2],
        },
    )
}

fn daemon_message() -> impl Strategy<Value = Message> {
    prop_oneof![
        login().prop_map(Message::Login),
        get_cs().prop_map(Message::GetCs),
        job_done().prop_map(Message::JobDone),
        any::<[u32; 5]>().prop_map(|n| {
            let [load, load_avg_1, load_avg_5, load_avg_10, free_mem] = n;
            Message::Stats(Stats {
                load,
                load_avg_1,
                load_avg_5,
                load_avg_10,
                free_mem,
            })
        }),
        any::<[u32; 3]>().prop_map(|[job_id, start_time, client_count]| Message::JobBegin(
            JobBegin {
                job_id,
                start_time,
                client_count,
            }
        )),
        (any::<[u32; 2]>(), bytes(), any::<bool>()).prop_map(
            |([start_time, id], outfile, full)| {
                Message::JobLocalBegin(JobLocalBegin {
                    start_time,
                    outfile,
                    id,
                    full,
                })
            }
        ),
        any::<u32>().prop_map(|job_id| Message::JobLocalDone(JobLocalDone { job_id })),
        text().prop_map(|text| Message::StatusText(StatusText { text })),
        (text(), text(), text()).prop_map(|(name, target, hostname)| {
            Message::BlacklistHostEnv(BlacklistHostEnv {
                name,
                target,
                hostname,
            })
        }),
        bytes().prop_map(|path| Message::NativeEnv(NativeEnv { path })),
        any::<bool>().prop_map(|ok| Message::VerifyEnvResult(VerifyEnvResult { ok })),
        (
            vec(any::<u8>(), 0..40),
            vec(any::<u8>(), 0..40),
            any::<i32>(),
            any::<[bool; 2]>()
        )
            .prop_map(|(stderr, stdout, status, [out_of_memory, have_dwo])| {
                Message::CompileResult(CompileResult {
                    stderr,
                    stdout,
                    status,
                    out_of_memory,
                    have_dwo,
                })
            }),
    ]
}

fn client_message() -> impl Strategy<Value = Message> {
    prop_oneof![
        Just(Message::End),
        Just(Message::Ping),
        compile_file().prop_map(Message::CompileFile),
        (bytes(), vec(bytes(), 0..4), text()).prop_map(|(compiler, extra_files, compression)| {
            Message::GetNativeEnv(GetNativeEnv {
                compiler,
                extra_files,
                compression,
            })
        }),
        (text(), text())
            .prop_map(|(name, target)| Message::TransferEnv(TransferEnv { name, target })),
        (text(), text()).prop_map(|(name, target)| Message::VerifyEnv(VerifyEnv { name, target })),
        (0..=1_u32 << 20, any::<u32>(), vec(any::<u8>(), 0..3000)).prop_map(
            |(uncompressed_len, compression, data)| {
                Message::FileChunk(FileChunk {
                    uncompressed_len,
                    compression,
                    data,
                })
            }
        ),
    ]
}

fn scheduler_message() -> impl Strategy<Value = Message> {
    prop_oneof![
        Just(Message::GetInternals),
        Just(Message::MonLogin),
        job_done().prop_map(Message::MonJobDone),
        (any::<[u32; 2]>(), text()).prop_map(
            |([max_scheduler_pong, max_scheduler_ping], bench_source)| Message::CsConf(CsConf {
                max_scheduler_pong,
                max_scheduler_ping,
                bench_source,
            })
        ),
        (any::<[u32; 4]>(), text(), text(), any::<bool>()).prop_map(
            |([job_id, port, client_id, matched_job_id], hostname, host_platform, got_env)| {
                Message::UseCs(UseCs {
                    job_id,
                    port,
                    hostname,
                    host_platform,
                    got_env,
                    client_id,
                    matched_job_id,
                })
            }
        ),
        any::<[u32; 2]>().prop_map(|[job_id, client_id]| Message::NoCs(NoCs { job_id, client_id })),
        (any::<u32>(), text())
            .prop_map(|(host_id, text)| Message::MonStats(MonStats { host_id, text })),
        (short_path(), any::<[u32; 3]>()).prop_map(|(filename, [lang, job_id, client_host_id])| {
            Message::MonGetCs(MonGetCs {
                filename,
                lang,
                job_id,
                client_host_id,
            })
        }),
        any::<[u32; 3]>().prop_map(|[job_id, start_time, host_id]| Message::MonJobBegin(
            MonJobBegin {
                job_id,
                start_time,
                host_id
            }
        )),
        (any::<[u32; 3]>(), short_path()).prop_map(|([host_id, job_id, start_time], file)| {
            Message::MonLocalJobBegin(MonLocalJobBegin {
                host_id,
                job_id,
                start_time,
                file,
            })
        }),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![daemon_message(), client_message(), scheduler_message()]
}

fn version() -> impl Strategy<Value = Version> {
    prop_oneof![Just(Version::V42), Just(Version::V43), Just(Version::V44)]
}

/// What is left of a message at a version that lacks some of its fields.
fn at(mut message: Message, version: Version) -> Message {
    match &mut message {
        Message::GetCs(body) if version < Version::V43 => body.niceness = 0,
        Message::JobLocalBegin(body) if version < Version::V44 => body.full = false,
        _ => {}
    }
    message
}

proptest! {
    #[test]
    fn a_message_comes_back(message in message(), version in version()) {
        let mut bytes = b"before".to_vec();
        encode(&message, version, &mut bytes).unwrap();
        let frame = &bytes[6..];
        prop_assert_eq!(frame[..4].to_vec(), u32::try_from(frame.len() - 4).unwrap().to_be_bytes());
        let decoded = decode(&frame[4..], version, Reading::Strict);
        prop_assert_eq!(decoded, Ok(at(message, version)));
    }

    #[test]
    fn a_byte_more_or_less_is_refused(message in message(), version in version()) {
        let mut frame = Vec::new();
        encode(&message, version, &mut frame).unwrap();
        let kind = message.kind();
        let refused = |body: &[u8]| matches!(
            decode(body, version, Reading::Strict),
            Err(ProtocolError::Malformed { kind: named, .. }) if named == kind
        );
        prop_assert!(frame.len() == 8 || refused(&frame[4..frame.len() - 1]));
        frame.push(0);
        prop_assert!(refused(&frame[4..]));
    }

    #[test]
    fn messages_come_through_in_order_however_they_are_cut(
        messages in vec(message(), 1..8),
        cuts in vec(1_usize..2000, 1..20),
        version in version(),
    ) {
        let mut encoder = Encoder::new(version);
        for message in &messages {
            encoder.encode(message).unwrap();
        }
        let mut decoder = Decoder::new(version, Reading::Strict);
        let mut got = Vec::new();
        let mut cuts = cuts.iter().cycle();
        while !encoder.output().is_empty() {
            let space = decoder.space();
            let count = space.len().min(encoder.output().len()).min(*cuts.next().unwrap());
            space[..count].copy_from_slice(&encoder.output()[..count]);
            decoder.filled(count);
            encoder.sent(count);
            while let Some(message) = decoder.next_message().unwrap() {
                got.push(message);
            }
        }
        let expected: Vec<_> = messages.into_iter().map(|message| at(message, version)).collect();
        prop_assert_eq!(got, expected);
        prop_assert!(!decoder.is_midway());
    }

    #[test]
    fn arbitrary_bytes_do_not_hurt(bytes in vec(any::<u8>(), 0..400), kind in 60_u32..100, version in version()) {
        for (name, target) in fuzz::TARGETS {
            let _ = name;
            target(&bytes);
        }
        let mut frame = kind.to_be_bytes().to_vec();
        frame.extend_from_slice(&bytes);
        let _ = decode(&frame, version, Reading::Strict);
        let _ = decode(&frame, version, Reading::Monitor);
    }

    #[test]
    fn chunks_unpack_to_what_was_packed(bytes in vec(any::<u8>(), 0..5000), stored: bool, level in -10..30) {
        let effort = if stored { Effort::Store } else { Effort::Level(level) };
        let chunk = chunk::pack(&bytes, effort).unwrap();
        let mut out = Vec::new();
        chunk::decompress(&chunk, &mut out).unwrap();
        prop_assert_eq!(out, bytes);
    }
}
