//! A scheduler without command line and log, for measurements: `bare [PORT [ALGORITHM [THREADS]]]`.

use scheduler::Config;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut config = Config {
        tests: true,
        ..Config::default()
    };
    if let Some(port) = arguments.next() {
        config.port = port.parse()?;
    }
    if let Some(algorithm) = arguments.next() {
        config.algorithm = algorithm.parse()?;
    }
    let mut builder = match arguments.next() {
        Some(threads) => {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            builder.worker_threads(threads.parse()?);
            builder
        }
        None => tokio::runtime::Builder::new_current_thread(),
    };
    let runtime = builder.enable_all().build()?;
    runtime.block_on(async {
        let bound = scheduler::bind(config).await?;
        Ok(scheduler::run(bound, std::future::pending()).await?)
    })
}
