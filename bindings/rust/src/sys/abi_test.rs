//! The declarations against the recorded ABI: `tests/abi`.
use std::collections::BTreeSet;
use std::fs;

use super::{calls, numbers, structs};

fn recorded(name: &str) -> String {
    let path = format!("{}/../../tests/abi/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn layout_name() -> &'static str {
    match (cfg!(target_pointer_width = "64"), cfg!(target_arch = "x86")) {
        (true, _) => "layout.txt",
        (false, true) => "layout-i386.txt",
        (false, false) => "layout-32.txt",
    }
}

#[test]
fn layout_is_as_recorded() {
    let mut lines = structs::structs_layout();
    lines.extend(numbers::numbers_layout());
    let recorded = recorded(layout_name());
    assert!(recorded.lines().count() > 250);
    for (line, recorded) in lines.iter().zip(recorded.lines()) {
        assert_eq!(line, recorded);
    }
    assert_eq!(lines.len(), recorded.lines().count());
}

#[test]
fn calls_are_those_that_are_exported() {
    let exports = recorded("exports.txt");
    let exported: BTreeSet<&str> = exports
        .lines()
        .filter(|line| !line.ends_with(" DUALPATH_EXPERIMENTAL"))
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    let calls = calls::calls();
    assert_eq!(calls.iter().map(|call| call.name).collect::<BTreeSet<_>>(), exported);
    // Each is in the library that this test is linked with.
    assert!(calls.iter().all(|call| !call.address.is_null()));
}

#[test]
fn the_library_has_the_same_abi() {
    // SAFETY: the call has no contract.
    assert_eq!(unsafe { super::dp_abi_version() }, super::DP_ABI_VERSION);
}
