//! The agent alone, for trying it without the floe program: `FLOE_PROGRAM` may point here.

fn main() {
    let ran = agent::Config::from_environment().and_then(agent::run);
    if let Err(error) = ran {
        eprintln!("floe agent: {error}");
        std::process::exit(1);
    }
}
