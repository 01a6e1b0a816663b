//! What the agent's words are called in icecream's messages.

use std::os::unix::ffi::OsStrExt;

use icecream::{CompileFile, Environment, GetCs};
use invocation::{Family, Language};

use crate::cluster::{Wish, Work};

/// Executors below this version are not spoken to.
const OLDEST: u32 = icecream::Version::MIN.number();

/// This host's platform as icecream spells it.
pub(crate) fn own_platform() -> String {
    rustix::system::uname()
        .machine()
        .to_string_lossy()
        .replace(' ', "")
}

fn language(language: Language) -> u32 {
    match language {
        Language::C => 0,
        Language::Cxx => 1,
        Language::ObjectiveC => 2,
        Language::ObjectiveCxx => 3,
    }
}

pub(super) fn get_cs(wish: &Wish) -> GetCs {
    let environment = |toolchain: &crate::cluster::Toolchain| Environment {
        platform: toolchain.platform.clone(),
        name: toolchain.name.clone(),
    };
    GetCs {
        versions: wish.toolchains.iter().map(environment).collect(),
        filename: wish.source.as_os_str().as_bytes().to_vec(),
        lang: language(wish.language),
        count: 1,
        target: own_platform(),
        arg_flags: match wish.much_memory {
            true => wish.weight_flags | GetCs::MUCH_MEMORY,
            false => wish.weight_flags,
        },
        client_id: 0,
        preferred_host: wish.preferred_host.clone(),
        ignore_unverified: 1,
        minimal_host_version: OLDEST,
        client_count: 0,
        required_features: match wish.archive_compression.as_str() {
            "xz" => 1,
            "zstd" => 2,
            _ => 0,
        },
        niceness: wish.niceness.min(20),
    }
}

pub(super) fn compile_file(work: &Work, job_id: u32, environment: &str) -> CompileFile {
    CompileFile {
        lang: language(work.language),
        job_id,
        flags: work.arguments.clone(),
        env_version: environment.to_owned(),
        target_platform: own_platform(),
        compiler_name: match (work.family, work.language) {
            (Family::Clang, _) => "clang",
            (Family::Gcc, Language::Cxx) => "g++",
            (Family::Gcc, _) => "gcc",
        }
        .to_owned(),
        input_file: work.source.as_os_str().as_bytes().to_vec(),
        working_dir: work.directory.as_os_str().as_bytes().to_vec(),
        output_file: work.output.as_os_str().as_bytes().to_vec(),
        dwarf_fission: work.split_dwarf,
    }
}

/// The notice that the submit host compiles a job that was placed on it.
pub(super) fn compiled_here(job_id: u32) -> CompileFile {
    CompileFile {
        lang: 0,
        job_id,
        flags: Vec::new(),
        env_version: "__client".to_owned(),
        target_platform: own_platform(),
        compiler_name: String::new(),
        input_file: Vec::new(),
        working_dir: Vec::new(),
        output_file: Vec::new(),
        dwarf_fission: false,
    }
}
