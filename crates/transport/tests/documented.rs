//! The table of attacks (docs/attacks.md) names tests that there are.

#![allow(clippy::unwrap_used)] // in helpers too, a failure is a failed test

use std::path::Path;

#[test]
fn each_test_that_the_table_of_attacks_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let table = std::fs::read_to_string(root.join("docs/attacks.md")).unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| "));
    let mut named = 0;
    for row in rows.filter(|row| !row.starts_with("| attack |")) {
        // What stands between two backquotes is every second piece.
        let quoted = row.split('`').skip(1).step_by(2);
        let tests: Vec<_> = quoted
            .filter(|text| text.contains(".rs::"))
            .filter_map(|text| text.split_once("::"))
            .collect();
        assert!(!tests.is_empty(), "no test shows this: {row}");
        for (path, function) in tests {
            let text = std::fs::read_to_string(root.join(path))
                .unwrap_or_else(|error| panic!("{path}: {error}"));
            let found = text.contains(&format!("fn {function}("));
            assert!(found, "{path} has no test {function}");
            named += 1;
        }
    }
    assert!(named > 30, "only {named} tests are named");
}
