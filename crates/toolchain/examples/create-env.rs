fn main() -> std::process::ExitCode {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    toolchain::create_env::main(&args, &mut std::io::stdout()).into()
}
