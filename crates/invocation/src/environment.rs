//! Environment variables that change what a compiler reads, writes or runs.

use std::ffi::OsStr;

use job::Reason;

/// Why a command stays here when its environment has this variable; `None` for the others.
///
/// Left out on purpose: what only changes where headers are found (CPATH and its kin: the text has
/// them), linking (LIBRARY_PATH), temporary files (TMPDIR) and the language of messages.
pub fn deciding_variable(name: &OsStr, value: &OsStr) -> Option<Reason> {
    let name = name.to_str()?;
    let reason = match name {
        "GCC_EXEC_PREFIX" | "COMPILER_PATH" => Reason::ToolSearch,
        "DEPENDENCIES_OUTPUT" | "SUNPRO_DEPENDENCIES" => Reason::SideOutput,
        "CC_PRINT_OPTIONS" | "CC_PRINT_HEADERS" | "CC_LOG_DIAGNOSTICS" | "CC_PRINT_PROC_STAT" => {
            Reason::SideOutput
        }
        "GCC_COMPARE_DEBUG" if value != "0" => Reason::SideOutput,
        "CCC_OVERRIDE_OPTIONS"
        | "CCC_ADD_ARGS"
        | "QA_OVERRIDE_GCC3_OPTIONS"
        | "MACOSX_DEPLOYMENT_TARGET" => Reason::UnreadableOption,
        _ => return None,
    };
    (!value.is_empty()).then_some(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_variables_with_an_effect_count() {
        let of = |name: &str, value: &str| deciding_variable(OsStr::new(name), OsStr::new(value));
        assert_eq!(of("GCC_EXEC_PREFIX", "/x"), Some(Reason::ToolSearch));
        assert_eq!(of("DEPENDENCIES_OUTPUT", "f t"), Some(Reason::SideOutput));
        assert_eq!(of("DEPENDENCIES_OUTPUT", ""), None);
        assert_eq!(of("CPATH", "/include"), None);
    }
}
