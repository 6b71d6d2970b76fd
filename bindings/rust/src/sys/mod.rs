//! `dualpath.h` as it is: its structs, numbers and calls under their own names. The contract of
//! each is in the header. For what the safe part has no call for, `as_ptr()` of [`Model`],
//! [`Session`], [`Stream`], [`Pool`] and [`Events`] is the pointer of C.
//!
//! Tests compare all of it with `include/dualpath.h` and with `tests/abi`. Declarations under
//! `DP_EXPERIMENTAL` are left out: they may change in any version.
//!
//! [`Model`]: crate::Model
//! [`Session`]: crate::Session
//! [`Stream`]: crate::Stream
//! [`Pool`]: crate::Pool
//! [`Events`]: crate::Events
#![allow(non_camel_case_types, missing_docs)]

mod calls;
mod numbers;
mod structs;

#[cfg(test)]
mod abi_test;
#[cfg(test)]
mod header_test;

pub use calls::*;
pub use numbers::*;
pub use structs::*;
