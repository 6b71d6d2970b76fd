//! Closures as callbacks of C.
//!
//! No panic has a way through C: one in a closure is caught and kept, the call is cancelled where it
//! can be, and the panic goes on when the call has returned.
use std::any::Any;
use std::cell::UnsafeCell;
use std::ffi::CStr;
use std::ops::ControlFlow;
use std::os::raw::{c_char, c_int, c_void};
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};

use crate::sys;

/// How much a sentence of the library matters: `dp_log_level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LogLevel {
    /// Something is not as it was asked for.
    Warning,
    /// Something that is good to know.
    Info,
}

type Progress<'c> = Box<dyn FnMut(&str, f64) -> ControlFlow<()> + Send + 'c>;
type Log<'c> = Box<dyn FnMut(LogLevel, &str) + Send + 'c>;

/// A panic on its way around C.
#[derive(Default)]
pub(crate) struct Panic(Option<Box<dyn Any + Send>>);

impl Panic {
    /// What the closure returns, or None where it panics now or a closure before it did.
    pub fn catch<T>(&mut self, closure: impl FnOnce() -> T) -> Option<T> {
        if self.0.is_some() {
            return None;
        }
        match catch_unwind(AssertUnwindSafe(closure)) {
            Ok(value) => Some(value),
            Err(panic) => {
                self.0 = Some(panic);
                None
            }
        }
    }

    /// Goes on with the panic, if there was one.
    pub fn resume(&mut self) {
        if let Some(panic) = self.0.take() {
            resume_unwind(panic);
        }
    }
}

#[derive(Default)]
struct Closures<'c> {
    progress: Option<Progress<'c>>,
    log: Option<Log<'c>>,
    panic: Panic,
}

/// The closures of a model's or a session's options, at an address that stays.
#[derive(Default)]
pub(crate) struct Callbacks<'c>(Box<UnsafeCell<Closures<'c>>>);

impl<'c> Callbacks<'c> {
    pub fn set_progress(&mut self, progress: Progress<'c>) {
        self.0.get_mut().progress = Some(progress);
    }

    pub fn set_log(&mut self, log: Log<'c>) {
        self.0.get_mut().log = Some(log);
    }

    pub fn progress(&mut self) -> Option<sys::dp_progress_fn> {
        self.0.get_mut().progress.is_some().then_some(on_progress as sys::dp_progress_fn)
    }

    pub fn log(&mut self) -> Option<sys::dp_log_fn> {
        self.0.get_mut().log.is_some().then_some(on_log as sys::dp_log_fn)
    }

    /// `user` of both, for as long as this lives.
    pub fn user(&self) -> *mut c_void {
        self.0.get().cast()
    }

    /// Goes on with a panic of a closure.
    ///
    /// # Safety
    /// No call of C is running that has `user`.
    pub unsafe fn resume_panic(&self) {
        // SAFETY: only the callbacks look inside otherwise, and none can run now. Nothing is held
        // over the unwinding: take() comes before it.
        unsafe { (*self.0.get()).panic.resume() }
    }
}

unsafe extern "C" fn on_progress(user: *mut c_void, stage: *const c_char, fraction: f64) -> c_int {
    // SAFETY: `user` is that of Callbacks, which outlive the call. The library calls back inside of
    // a call only, in its thread, one callback at a time, and whoever calls looks inside only before
    // and after: this reference is the only one.
    let closures = unsafe { &mut *user.cast::<Closures>() };
    // SAFETY: the library gives a text.
    let stage = unsafe { CStr::from_ptr(stage) }.to_string_lossy();
    let (progress, panic) = (&mut closures.progress, &mut closures.panic);
    let asked = panic.catch(|| progress.as_mut().map(|progress| progress(&stage, fraction)));
    match asked {
        Some(None | Some(ControlFlow::Continue(()))) => 0,
        None | Some(Some(ControlFlow::Break(()))) => 1,
    }
}

unsafe extern "C" fn on_log(user: *mut c_void, level: sys::dp_log_level, message: *const c_char) {
    // SAFETY: as in on_progress().
    let closures = unsafe { &mut *user.cast::<Closures>() };
    // SAFETY: the library gives a text.
    let message = unsafe { CStr::from_ptr(message) }.to_string_lossy();
    let level = if level == sys::DP_LOG_WARNING { LogLevel::Warning } else { LogLevel::Info };
    let (log, panic) = (&mut closures.log, &mut closures.panic);
    panic.catch(|| log.as_mut().map(|log| log(level, &message)));
}
