//! Which fields each message has, in the order of the wire.

use crate::codec::{Field, Reader, Writer};
use crate::error::Malformed;
use crate::message::*;
use crate::{MAX_FRAME, Version};

/// A message body at the reader's or writer's version.
pub(crate) trait Body: Sized {
    fn put(&self, to: &mut Writer<'_>);
    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed>;
}

/// Bodies that are the same in all three versions.
macro_rules! bodies {
    ($($message:ident { $($field:ident),* $(,)? })*) => {$(
        impl Body for $message {
            fn put(&self, to: &mut Writer<'_>) {
                $(self.$field.put(to);)*
            }

            fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
                // A struct expression evaluates its fields in the order they are written.
                Ok(Self { $($field: Field::take(from)?,)* })
            }
        }
    )*};
}

bodies! {
    Login { port, max_kids, environments, node_name, host_platform, chroot_possible, no_remote, features }
    CsConf { max_scheduler_pong, max_scheduler_ping, bench_source }
    Stats { load, load_avg_1, load_avg_5, load_avg_10, free_mem }
    GetNativeEnv { compiler, extra_files, compression }
    NativeEnv { path }
    UseCs { job_id, port, hostname, host_platform, got_env, client_id, matched_job_id }
    NoCs { job_id, client_id }
    CompileFile {
        lang, job_id, flags, env_version, target_platform, compiler_name, input_file, working_dir,
        output_file, dwarf_fission,
    }
    JobBegin { job_id, start_time, client_count }
    JobDone {
        job_id, exit_code, real_msec, user_msec, sys_msec, page_faults, in_compressed,
        in_uncompressed, out_compressed, out_uncompressed, flags, client_count,
    }
    JobLocalDone { job_id }
    MonStats { host_id, text }
    MonJobBegin { job_id, start_time, host_id }
    TransferEnv { name, target }
    StatusText { text }
    VerifyEnv { name, target }
    VerifyEnvResult { ok }
    BlacklistHostEnv { name, target, hostname }
}

impl Body for GetCs {
    fn put(&self, to: &mut Writer<'_>) {
        self.versions.put(to);
        to.string(last_components(&self.filename));
        self.lang.put(to);
        self.count.put(to);
        self.target.put(to);
        self.arg_flags.put(to);
        self.client_id.put(to);
        self.preferred_host.put(to);
        self.ignore_unverified.put(to);
        self.minimal_host_version.put(to);
        self.client_count.put(to);
        self.required_features.put(to);
        if to.version() >= Version::V43 {
            self.niceness.put(to);
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            versions: Field::take(from)?,
            filename: Field::take(from)?,
            lang: Field::take(from)?,
            count: Field::take(from)?,
            target: Field::take(from)?,
            arg_flags: Field::take(from)?,
            client_id: Field::take(from)?,
            preferred_host: Field::take(from)?,
            ignore_unverified: Field::take(from)?,
            minimal_host_version: Field::take(from)?,
            client_count: Field::take(from)?,
            required_features: Field::take(from)?,
            niceness: if from.version() >= Version::V43 {
                from.word()?
            } else {
                0
            },
        })
    }
}

impl Body for JobLocalBegin {
    fn put(&self, to: &mut Writer<'_>) {
        self.start_time.put(to);
        self.outfile.put(to);
        self.id.put(to);
        if to.version() >= Version::V44 {
            self.full.put(to);
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            start_time: Field::take(from)?,
            outfile: Field::take(from)?,
            id: Field::take(from)?,
            full: from.version() >= Version::V44 && bool::take(from)?,
        })
    }
}

impl Body for FileChunk {
    fn put(&self, to: &mut Writer<'_>) {
        self.uncompressed_len.put(to);
        to.length(self.data.len());
        self.compression.put(to);
        to.bytes(&self.data);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let uncompressed_len = from.word()?;
        if usize::try_from(uncompressed_len).is_ok_and(|length| length > MAX_FRAME) {
            return Err(Malformed::ChunkTooLong(uncompressed_len));
        }
        let length = usize::try_from(from.word()?).map_err(|_| Malformed::Truncated)?;
        let compression = from.word()?;
        Ok(Self {
            uncompressed_len,
            compression,
            data: from.bytes(length)?.to_vec(),
        })
    }
}

/// A compiler may print NULs (it quotes the source). icecream's sender puts them on the wire and
/// its receiver cuts the output there; here both ends keep them.
impl Body for CompileResult {
    fn put(&self, to: &mut Writer<'_>) {
        to.whole_string(&self.stderr);
        to.whole_string(&self.stdout);
        self.status.put(to);
        self.out_of_memory.put(to);
        self.have_dwo.put(to);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            stderr: from.whole_string()?.to_vec(),
            stdout: from.whole_string()?.to_vec(),
            status: Field::take(from)?,
            out_of_memory: Field::take(from)?,
            have_dwo: Field::take(from)?,
        })
    }
}

impl Body for MonGetCs {
    fn put(&self, to: &mut Writer<'_>) {
        to.string(last_components(&self.filename));
        self.lang.put(to);
        self.job_id.put(to);
        self.client_host_id.put(to);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            filename: Field::take(from)?,
            lang: Field::take(from)?,
            job_id: Field::take(from)?,
            client_host_id: Field::take(from)?,
        })
    }
}

impl Body for MonLocalJobBegin {
    fn put(&self, to: &mut Writer<'_>) {
        self.host_id.put(to);
        self.job_id.put(to);
        self.start_time.put(to);
        to.string(last_components(&self.file));
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            host_id: Field::take(from)?,
            job_id: Field::take(from)?,
            start_time: Field::take(from)?,
            file: Field::take(from)?,
        })
    }
}

/// The last three components of a path: whoever sends a file name for display cuts it so.
fn last_components(path: &[u8]) -> &[u8] {
    let slashes = path
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, byte)| **byte == b'/');
    match slashes.map(|(at, _)| at).nth(2) {
        Some(at) => &path[at + 1..],
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_keeps_its_last_three_components() {
        let cut =
            |path: &str| String::from_utf8(last_components(path.as_bytes()).to_vec()).unwrap();
        assert_eq!(cut("/proj/rt/src/tiny.c"), "rt/src/tiny.c");
        assert_eq!(cut("rt/src/tiny.c"), "rt/src/tiny.c");
        assert_eq!(cut("/src/tiny.c"), "/src/tiny.c");
        assert_eq!(cut("tiny.c"), "tiny.c");
        assert_eq!(cut(""), "");
        assert_eq!(cut("////"), "//");
    }
}
