//! How to open models.
use std::borrow::Cow;
use std::io;
use std::mem::{size_of, MaybeUninit};
use std::ops::ControlFlow;
use std::os::raw::c_void;
use std::path::Path;
use std::ptr::null_mut;

use crate::callbacks::{Callbacks, LogLevel, Panic};
use crate::error::{outcome, Error, Result};
use crate::model::{path_text, Model};
use crate::numbers::{Precision, Target};
use crate::sys;

/// How to open a model: `dp_model_options`, whose comments say more of each.
///
/// ```no_run
/// use dualpath::{ModelOptions, Precision};
/// let model = ModelOptions::new().precision(Precision::Bf16).verify(true).open("model.gguf")?;
/// # Ok::<(), dualpath::Error>(())
/// ```
pub struct ModelOptions<'c> {
    raw: sys::dp_model_options,
    callbacks: Callbacks<'c>,
}

impl Default for ModelOptions<'_> {
    fn default() -> Self {
        let mut raw = MaybeUninit::uninit();
        // SAFETY: _init() fills the struct of this size.
        let raw = unsafe {
            sys::dp_model_options_init(raw.as_mut_ptr(), size_of::<sys::dp_model_options>());
            raw.assume_init()
        };
        ModelOptions { raw, callbacks: Callbacks::default() }
    }
}

impl<'c> ModelOptions<'c> {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number type of matrix products.
    pub fn precision(mut self, precision: Precision) -> Self {
        self.raw.precision = precision as i32;
        self
    }

    /// How weights are laid out: for [`Model::compile`].
    pub fn target(mut self, target: Target) -> Self {
        self.raw.target = target as i32;
        self
    }

    /// Instruction sets that may be used: `DP_CPU_*` of [`sys`]. 0 leaves plain C.
    pub fn cpu_mask(mut self, mask: u32) -> Self {
        self.raw.cpu_mask = mask;
        self
    }

    /// Check the CRC-32 of every tensor.
    pub fn verify(mut self, verify: bool) -> Self {
        self.raw.verify = verify.into();
        self
    }

    /// Keep adapters apart from the frozen matrices: slower, for tests.
    pub fn unfused(mut self, unfused: bool) -> Self {
        self.raw.unfused = unfused.into();
        self
    }

    /// Tasks will be opened on this model.
    pub fn as_backbone(mut self, as_backbone: bool) -> Self {
        self.raw.as_backbone = as_backbone.into();
        self
    }

    /// Upper bound in bytes for the memory of the model, and tasks and sessions on it; 0: none.
    pub fn max_memory(mut self, bytes: usize) -> Self {
        self.raw.max_memory = bytes;
        self
    }

    /// Upper bound in bytes for what a compressed file may inflate to; 0: by its size.
    pub fn max_inflated_size(mut self, bytes: usize) -> Self {
        self.raw.max_inflated_size = bytes;
        self
    }

    /// Hears what is being done and how much of the call is done, from 0 to 1. A break cancels:
    /// [`Status::Cancelled`](crate::Status::Cancelled). A panic cancels, too, and goes on when the
    /// call has returned.
    pub fn progress(
        mut self,
        progress: impl FnMut(&str, f64) -> ControlFlow<()> + Send + 'c,
    ) -> Self {
        self.callbacks.set_progress(Box::new(progress));
        self
    }

    /// Hears sentences that are no errors.
    pub fn log(mut self, log: impl FnMut(LogLevel, &str) + Send + 'c) -> Self {
        self.callbacks.set_log(Box::new(log));
        self
    }

    /// As [`Model::open`].
    pub fn open(self, path: impl AsRef<Path>) -> Result<Model<'static>> {
        let path = path_text(path.as_ref())?;
        self.make(Cow::Borrowed(&[]), None, |options, model| {
            // SAFETY: the path is a text; no bytes in memory are used.
            unsafe { sys::dp_model_open(path.as_ptr(), options, model) }
        })
    }

    /// As [`Model::open_memory`].
    pub fn open_memory<'a>(self, bytes: impl Into<Cow<'a, [u8]>>) -> Result<Model<'a>> {
        let bytes = bytes.into();
        let (start, size) = (bytes.as_ptr().cast(), bytes.len());
        self.make(bytes, None, |options, model| {
            // SAFETY: the model gets the bytes, which do not move: a Vec keeps its memory.
            unsafe { sys::dp_model_open_memory(start, size, options, model) }
        })
    }

    /// Opens what a closure reads: it copies bytes from an offset on into a buffer and says how
    /// many; 0 is the end. Offsets only grow.
    pub fn open_reader(
        self,
        read: impl FnMut(u64, &mut [u8]) -> io::Result<usize>,
    ) -> Result<Model<'static>> {
        with_reader(read, |reader| {
            self.make(Cow::Borrowed(&[]), None, |options, model| {
                // SAFETY: the reader lives during the call, and is not used after it.
                unsafe { sys::dp_model_open_reader(reader, options, model) }
            })
        })
    }

    /// As [`Model::open_task`].
    pub fn open_task<'a>(self, backbone: &Model<'a>, path: impl AsRef<Path>) -> Result<Model<'a>> {
        let path = path_text(path.as_ref())?;
        self.make(Cow::Borrowed(&[]), Some(backbone.clone()), |options, model| {
            // SAFETY: the backbone is open, and the task gets it; the path is a text.
            unsafe { sys::dp_model_open_task(backbone.as_ptr(), path.as_ptr(), options, model) }
        })
    }

    /// The same from bytes in memory, which are not needed any more then.
    pub fn open_task_memory<'a>(self, backbone: &Model<'a>, bytes: &[u8]) -> Result<Model<'a>> {
        let (start, size) = (bytes.as_ptr().cast(), bytes.len());
        self.make(Cow::Borrowed(&[]), Some(backbone.clone()), |options, model| {
            // SAFETY: the backbone is open, and the task gets it; the bytes are there during the call.
            unsafe {
                sys::dp_model_open_task_memory(backbone.as_ptr(), start, size, options, model)
            }
        })
    }

    /// Checks every tensor of a file against its CRC-32 without building a model.
    pub fn verify_file(mut self, path: impl AsRef<Path>) -> Result<()> {
        let path = path_text(path.as_ref())?;
        self.connect_callbacks();
        // SAFETY: the path is a text, and the options with their callbacks live during the call.
        let status = unsafe { sys::dp_model_verify(path.as_ptr(), &self.raw) };
        let verified = outcome(status);
        // SAFETY: the call has returned.
        unsafe { self.callbacks.resume_panic() };
        verified
    }

    fn connect_callbacks(&mut self) {
        self.raw.progress = self.callbacks.progress();
        self.raw.progress_user = self.callbacks.user();
        self.raw.log = self.callbacks.log();
        self.raw.log_user = self.callbacks.user();
    }

    /// A model by a call that makes it of these options, and uses no bytes in memory after that but
    /// these and the backbone's. Its callbacks are used only during the call.
    fn make<'a>(
        mut self,
        bytes: Cow<'a, [u8]>,
        backbone: Option<Model<'a>>,
        call: impl FnOnce(*const sys::dp_model_options, *mut *mut sys::dp_model) -> sys::dp_status,
    ) -> Result<Model<'a>> {
        self.connect_callbacks();
        let mut model = null_mut();
        let status = call(&self.raw, &mut model);
        let made = outcome(status).map(|()| {
            // SAFETY: the call made the model of these bytes and this backbone.
            unsafe { Model::own(model, bytes, backbone) }
        });
        // SAFETY: the call has returned.
        unsafe { self.callbacks.resume_panic() };
        made
    }
}

/// A closure that reads, and what became of it.
struct Reader<Read> {
    read: Read,
    failure: Option<io::Error>,
    panic: Panic,
}

/// Makes a call with a `dp_reader` that reads by the closure.
fn with_reader<T, Read>(
    read: Read,
    call: impl FnOnce(*const sys::dp_reader) -> Result<T>,
) -> Result<T>
where
    Read: FnMut(u64, &mut [u8]) -> io::Result<usize>,
{
    let mut reader = Reader { read, failure: None, panic: Panic::default() };
    let user: *mut Reader<Read> = &mut reader;
    let raw = sys::dp_reader {
        read: Some(on_read::<Read>),
        user: user.cast(),
        reserved: [null_mut(); 2],
    };
    let made = call(&raw);
    reader.panic.resume();
    match (made, reader.failure) {
        (Err(error), Some(failure)) => {
            Err(Error::new(error.status(), format!("{}: {failure}", error.message())))
        }
        (made, _) => made,
    }
}

unsafe extern "C" fn on_read<Read>(
    user: *mut c_void,
    offset: u64,
    buffer: *mut c_void,
    size: usize,
) -> i64
where
    Read: FnMut(u64, &mut [u8]) -> io::Result<usize>,
{
    // SAFETY: `user` is the reader of with_reader(), which looks at it only after the call.
    let reader = unsafe { &mut *user.cast::<Reader<Read>>() };
    // SAFETY: the library gives a buffer of `size` bytes, which nobody else uses during this call.
    // Zeros make them bytes that Rust may look at.
    let buffer = unsafe {
        std::ptr::write_bytes(buffer.cast::<u8>(), 0, size);
        std::slice::from_raw_parts_mut(buffer.cast::<u8>(), size)
    };
    let read = &mut reader.read;
    match reader.panic.catch(|| read(offset, buffer)) {
        Some(Ok(count)) if count <= size => count as i64,
        Some(Ok(count)) => {
            let sentence = format!("{count} bytes were read into a buffer of {size}");
            reader.failure = Some(io::Error::new(io::ErrorKind::InvalidData, sentence));
            -1
        }
        Some(Err(failure)) => {
            reader.failure = Some(failure);
            -1
        }
        None => -1,
    }
}
