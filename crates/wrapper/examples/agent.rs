//! The agent alone, for the wrapper's tests: what `floe agent` is in the floe program.

fn main() {
    let ran = agent::Config::from_environment().and_then(agent::run);
    if let Err(error) = ran {
        eprintln!("floe agent: {error}");
        std::process::exit(1);
    }
}
