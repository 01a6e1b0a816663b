//! gcc and clang command lines, read the way the compilers read them.
//!
//! Pure: arguments and settings in, a [`Plan`] out. The file system is only what the caller hands
//! in through [`Files`].

mod assembler;
mod clock;
mod command;
mod compiler;
mod counter;
mod decision;
mod diagnostics;
mod entered;
mod environment;
mod errors;
mod executor;
mod extra;
mod input;
mod inputs;
mod lead;
mod native;
mod plan;
mod precompiled;
mod preprocessor;
mod reader;
mod reading;
mod response;
mod table;
mod weight;
mod with_files;

pub use clock::ClockScan;
pub use compiler::{Compiler, compiler_of};
pub use counter::CounterScan;
pub use decision::plan;
pub use diagnostics::{differ_in_source_lines_only, is_beyond_front_end};
pub use entered::{EnteredFiles, is_lost_in_directives};
pub use environment::deciding_variable;
pub use errors::{gave_up, is_about_source, is_of_another_driver};
pub use executor::{Execution, executor_arguments};
pub use inputs::{Inputs, Preset};
pub use lead::preprocessed_text;
pub use native::{native_questions, resolve_native};
pub use plan::*;
pub use precompiled::Precompiled;
pub use response::{MOST_EXPANSIONS, ResponseError, expand_response_files};
