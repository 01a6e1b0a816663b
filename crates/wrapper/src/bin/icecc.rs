//! The static wrapper: `icecc`, `icerun` and every compiler name it is linked as.

fn main() -> std::process::ExitCode {
    wrapper::main()
}
