//! `cargo xtask test toolchains`: each compiler that users have, in a cluster where nobody is root and
//! nothing is configured. A compile of C and one of C++ must run on the other host and give the object
//! that the compiler gives here.

mod compilers;
mod notice;
mod prefix;
mod scripts;
mod table;
mod trial;

use acceptance::need;
use acceptance::skip::Need;
use anyhow::{Result, bail};
use lab::Suite;

use crate::trial::Site;

#[test]
fn toolchains() -> Result<()> {
    need!(Need::Namespaces, Need::Suite(Suite::Floe));
    let mut site = Site::build()?;
    let wanted = std::env::var("FLOE_TOOLCHAINS").unwrap_or_default();
    let mut rows = Vec::new();
    for case in compilers::all()
        .into_iter()
        .filter(|case| case.name.contains(&wanted))
    {
        let outcome = site.run(&case)?;
        rows.push((case, outcome));
    }
    println!("{}", table::text(&rows));
    let failed: Vec<&str> = rows
        .iter()
        .filter(|(case, outcome)| !outcome.is_as_wanted(case))
        .map(|(case, _)| case.name)
        .collect();
    if !failed.is_empty() {
        bail!(
            "not as they should be: {}\n{}",
            failed.join(", "),
            site.logs()
        );
    }
    Ok(())
}
