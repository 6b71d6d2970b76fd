//! Threads that sessions share.
use std::mem::{size_of, MaybeUninit};
use std::ptr::{null_mut, NonNull};
use std::sync::Arc;

use crate::error::{outcome, Result};
use crate::numbers::{number, size};
use crate::sys;

/// Threads for the sessions of a program: `dp_pool`. Any number of sessions on it may classify at
/// the same time, each in a thread of its own. Sessions hold on to it, and a clone is the same pool.
#[derive(Clone, Debug)]
pub struct Pool {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    raw: NonNull<sys::dp_pool>,
}

// SAFETY: the header: any number of sessions on a pool may classify at the same time, each call in
// its own thread. Its holders are counted atomically, so that any thread may destroy it.
unsafe impl Send for Inner {}
// SAFETY: as above; the only call on a shared pool asks for its number of threads, which is constant.
unsafe impl Sync for Inner {}

impl Pool {
    /// With this many threads that compute at the same time, calling ones among them; 0: as many as
    /// this process may run at once.
    pub fn create(threads: usize) -> Result<Pool> {
        let mut options = MaybeUninit::uninit();
        let mut pool = null_mut();
        // SAFETY: _init() fills the struct of this size; the places are there during the call.
        let status = unsafe {
            sys::dp_pool_options_init(options.as_mut_ptr(), size_of::<sys::dp_pool_options>());
            let mut options = options.assume_init();
            options.threads = number(threads);
            sys::dp_pool_create(&options, &mut pool)
        };
        outcome(status)?;
        let raw = NonNull::new(pool).expect("dp_pool_create() made a pool");
        Ok(Pool { inner: Arc::new(Inner { raw }) })
    }

    /// How many threads compute at the same time.
    pub fn threads(&self) -> usize {
        // SAFETY: the pool is open.
        size(unsafe { sys::dp_pool_threads(self.as_ptr()) })
    }

    /// For calls of [`sys`].
    pub fn as_ptr(&self) -> *mut sys::dp_pool {
        self.inner.raw.as_ptr()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // SAFETY: nothing in Rust has it any more; sessions on it hold on to it by themselves.
        unsafe { sys::dp_pool_destroy(self.raw.as_ptr()) }
    }
}
