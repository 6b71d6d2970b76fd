//! Errors.
use std::ffi::CStr;
use std::fmt;

use crate::numbers::Status;
use crate::sys;

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What a call failed with: its status, and the library's sentence that says what was wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    status: Status,
    message: String,
}

impl Error {
    pub(crate) fn new(status: Status, message: impl Into<String>) -> Self {
        Error { status, message: message.into() }
    }

    /// What kind of failure it is.
    pub fn status(&self) -> Status {
        self.status
    }

    /// The sentence.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// What a call returned that is on no session: its sentence is that of the thread.
pub(crate) fn outcome(status: sys::dp_status) -> Result<()> {
    if status == sys::DP_OK {
        return Ok(());
    }
    // SAFETY: the message is text that stays until the next call of this thread fails.
    let message = unsafe { text(sys::dp_last_message()) };
    Err(Error::new(Status::from_number(status), message))
}

/// A copy of a text of the library, "" for NULL. What is not UTF-8 in it is replaced.
///
/// # Safety
/// `text` is NULL or points to a text ended by 0.
pub(crate) unsafe fn text(text: *const std::os::raw::c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: the caller says that it is a text.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}
