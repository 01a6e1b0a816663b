//! Which toolchains and which compilers of theirs are run.

use std::path::Path;

use daemon::executor::{BadOrder, Failure};

use crate::Case;
use crate::fixture::{Fixture, order};

pub(crate) const CASES: &[Case] = &[
    (
        "takes_only_its_own_toolchains_without_namespaces",
        takes_only_its_own_toolchains_without_namespaces,
    ),
    (
        "says_when_a_toolchain_is_broken",
        says_when_a_toolchain_is_broken,
    ),
    ("refuses_strange_orders", refuses_strange_orders),
    ("verifies_toolchains", verifies_toolchains),
];

fn takes_only_its_own_toolchains_without_namespaces(fixture: &Fixture) {
    let root = fixture.root("gcc");
    let unread = fixture
        .runtime
        .block_on(fixture.walled.verify(root.clone()));
    assert!(
        matches!(unread, Err(Failure::NotInstalled(_))),
        "{unread:?}"
    );
    let other = daemon::executor::Toolchain {
        root,
        identity: Some(toolchain::Identity(job::Digest::from_bytes([1; 32]))),
    };
    let refused = fixture.runtime.block_on(fixture.walled.verify(other));
    let said = refused.unwrap_err().to_string();
    for part in [
        "/usr/bin/gcc is another one",
        "install the same packages",
        "floe doctor",
    ] {
        assert!(said.contains(part), "{said}");
    }
}

fn says_when_a_toolchain_is_broken(fixture: &Fixture) {
    let failure = fixture
        .runtime
        .block_on(fixture.compile(order("gcc-99", &["-c"]), b""))
        .unwrap_err();
    assert!(failure.toolchain_is_broken(), "{failure}");
    assert_eq!(failure.code(), 110);
    assert!(
        failure.to_string().starts_with("compiler did not start"),
        "{failure}"
    );
}

fn refuses_strange_orders(fixture: &Fixture) {
    let failure = fixture
        .runtime
        .block_on(fixture.compile(order("../gcc", &["-c"]), b""))
        .unwrap_err();
    assert!(
        matches!(failure, Failure::Order(BadOrder::Compiler(_))),
        "{failure}"
    );
}

fn verifies_toolchains(fixture: &Fixture) {
    fixture.runtime.block_on(async {
        assert!(fixture.executor.verify(fixture.root("gcc")).await.unwrap());
        let failure = fixture
            .executor
            .verify(Path::new("/nowhere").to_owned())
            .await
            .unwrap_err();
        assert!(failure.toolchain_is_broken(), "{failure}");
    });
}
