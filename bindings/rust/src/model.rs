//! Models.
use std::borrow::Cow;
use std::ffi::CString;
use std::fmt;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::Arc;

use crate::error::{outcome, text, Error, Result};
use crate::model_info::ModelInfo;
use crate::model_options::ModelOptions;
use crate::numbers::{number, Status};
use crate::sys;

/// An open weight file: `dp_model`. It is immutable: threads share it, and a clone is the same model.
///
/// ```no_run
/// let model = dualpath::Model::open("model.gguf")?;
/// println!("{}", model.info()?.description);
/// # Ok::<(), dualpath::Error>(())
/// ```
///
/// One of borrowed bytes lives no longer than they do, and neither do sessions on it:
///
/// ```compile_fail,E0597
/// let session = {
///     let bytes = std::fs::read("model.gguf").unwrap();
///     let model = dualpath::Model::open_memory(&bytes[..]).unwrap();
///     dualpath::Session::create(&model).unwrap()
/// }; // the bytes are gone
/// drop(session);
/// ```
#[derive(Clone)]
pub struct Model<'a> {
    inner: Arc<Inner<'a>>,
}

struct Inner<'a> {
    raw: NonNull<sys::dp_model>,
    /// What a model of bytes in memory may use in place, until it is closed. In C, sessions and
    /// tasks hold on to their model; here they have a clone of it for the sake of these bytes.
    _bytes: Cow<'a, [u8]>,
    _backbone: Option<Model<'a>>,
}

// SAFETY: the header: a model is immutable once open, any number of threads may share it. It is
// closed when nothing in Rust has it any more, in whichever thread; its holders in C are counted
// atomically. The other fields are Send.
unsafe impl Send for Inner<'_> {}
// SAFETY: as above; tasks may be opened and closed in any number of threads at the same time.
unsafe impl Sync for Inner<'_> {}

impl Drop for Inner<'_> {
    fn drop(&mut self) {
        // SAFETY: nothing in Rust has it any more: the bytes that it uses are dropped after this.
        unsafe { sys::dp_model_close(self.raw.as_ptr()) }
    }
}

impl Model<'static> {
    /// Opens a weight file. A plain file is mapped, and must not be shortened during the call; a
    /// compiled one not before the model and sessions on it are gone.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        ModelOptions::new().open(path)
    }
}

impl<'a> Model<'a> {
    /// The same from bytes in memory: borrowed ones, or a Vec, which the model keeps.
    pub fn open_memory(bytes: impl Into<Cow<'a, [u8]>>) -> Result<Self> {
        ModelOptions::new().open_memory(bytes)
    }

    /// Opens a task file on this model, which was opened with
    /// [`as_backbone`](ModelOptions::as_backbone).
    pub fn open_task(&self, path: impl AsRef<Path>) -> Result<Model<'a>> {
        ModelOptions::new().open_task(self, path)
    }

    /// Takes what a call of C made.
    ///
    /// # Safety
    /// `raw` is a model of this backbone that uses no bytes in memory but these and the backbone's.
    pub(crate) unsafe fn own(
        raw: *mut sys::dp_model,
        bytes: Cow<'a, [u8]>,
        backbone: Option<Model<'a>>,
    ) -> Self {
        let raw = NonNull::new(raw).expect("the call made a model");
        Model { inner: Arc::new(Inner { raw, _bytes: bytes, _backbone: backbone }) }
    }

    /// What the file says, and how it is computed here.
    pub fn info(&self) -> Result<ModelInfo> {
        // SAFETY: the model is open.
        unsafe { ModelInfo::of(self.as_ptr()) }
    }

    /// The name of a class; "" where the file names none, None when there is no such class.
    pub fn label(&self, index: usize) -> Option<String> {
        // SAFETY: the model is open; labels live as long.
        let label = unsafe { sys::dp_model_label(self.as_ptr(), number(index)) };
        (!label.is_null()).then(|| {
            // SAFETY: what is not NULL is a text.
            unsafe { text(label) }
        })
    }

    /// The names of all classes.
    pub fn labels(&self) -> Vec<String> {
        (0..).map_while(|index| self.label(index)).collect()
    }

    /// Writes the model as a compiled file, which opens without a copy of its weights.
    pub fn compile(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path_text(path.as_ref())?;
        // SAFETY: the model is open, and the path a text.
        outcome(unsafe { sys::dp_model_compile(self.as_ptr(), path.as_ptr()) })
    }

    /// For calls of [`sys`].
    pub fn as_ptr(&self) -> *mut sys::dp_model {
        self.inner.raw.as_ptr()
    }
}

impl fmt::Debug for Model<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Model").field(&self.inner.raw).finish()
    }
}

/// A path as the library takes it: the system's bytes, on Windows UTF-8.
pub(crate) fn path_text(path: &Path) -> Result<CString> {
    let refuse = |why| Error::new(Status::Argument, format!("the path {path:?} {why}"));
    #[cfg(unix)]
    let bytes = std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str());
    #[cfg(not(unix))]
    let bytes = path.to_str().ok_or_else(|| refuse("is not Unicode"))?.as_bytes();
    CString::new(bytes).map_err(|_| refuse("has a NUL in it"))
}
