//! Sessions.
use std::fmt;
use std::mem::{size_of, MaybeUninit};
use std::ops::ControlFlow;
use std::ptr::{null_mut, NonNull};
use std::sync::Arc;

use crate::callbacks::{Callbacks, LogLevel};
use crate::clip::{Answer, Clip, Prediction};
use crate::error::{outcome, text, Error, Result};
use crate::frame::Frame;
use crate::model::Model;
use crate::numbers::{number, size, Status};
use crate::pool::Pool;
use crate::sys;

/// How to make a session: `dp_session_options`.
///
/// ```no_run
/// # let model = dualpath::Model::open("model.gguf")?;
/// use std::ops::ControlFlow;
/// let session = dualpath::SessionOptions::new()
///     .threads(2)
///     .progress(|stage, fraction| {
///         eprintln!("{stage} {:.0} %", 100.0 * fraction);
///         ControlFlow::Continue(())
///     })
///     .create(&model)?;
/// # Ok::<(), dualpath::Error>(())
/// ```
pub struct SessionOptions<'a> {
    raw: sys::dp_session_options,
    callbacks: Callbacks<'a>,
    /// What `raw` points at.
    pool: Option<Pool>,
}

impl Default for SessionOptions<'_> {
    fn default() -> Self {
        let mut raw = MaybeUninit::uninit();
        // SAFETY: _init() fills the struct of this size.
        let raw = unsafe {
            sys::dp_session_options_init(raw.as_mut_ptr(), size_of::<sys::dp_session_options>());
            raw.assume_init()
        };
        SessionOptions { raw, callbacks: Callbacks::default(), pool: None }
    }
}

impl<'a> SessionOptions<'a> {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Threads that compute, the calling one among them; 0: as many as this process may run at
    /// once. The answer does not depend on it, bit for bit.
    pub fn threads(mut self, threads: usize) -> Self {
        self.raw.threads = number(threads);
        self
    }

    /// Compute with the threads of a pool.
    pub fn pool(mut self, pool: &Pool) -> Self {
        self.raw.pool = pool.as_ptr();
        self.pool = Some(pool.clone());
        self
    }

    /// Images go through the model one by one: less memory, the same answer.
    pub fn image_by_image(mut self, image_by_image: bool) -> Self {
        self.raw.image_by_image = image_by_image.into();
        self
    }

    /// Keep what the class tokens attend to, for [`Session::attention`].
    pub fn attention(mut self, kind: AttentionKind) -> Self {
        self.raw.attention = kind as i32;
        self
    }

    /// Hears, in the thread that calls, what a clip or a stream is doing, and how much of the call
    /// is done, from 0 to 1. A break cancels: [`Status::Cancelled`], and the session is as usable as
    /// before. A panic cancels, too, and goes on when the call has returned.
    pub fn progress(
        mut self,
        progress: impl FnMut(&str, f64) -> ControlFlow<()> + Send + 'a,
    ) -> Self {
        self.callbacks.set_progress(Box::new(progress));
        self
    }

    /// Hears sentences that are no errors.
    pub fn log(mut self, log: impl FnMut(LogLevel, &str) + Send + 'a) -> Self {
        self.callbacks.set_log(Box::new(log));
        self
    }

    /// A session on this model. It takes all of its memory now.
    // Session and Stream say which of them goes where, not their Inner. Older clippys ask nothing.
    #[allow(unknown_lints, clippy::arc_with_non_send_sync)]
    pub fn create(mut self, model: &Model<'a>) -> Result<Session<'a>> {
        self.raw.progress = self.callbacks.progress();
        self.raw.progress_user = self.callbacks.user();
        self.raw.log = self.callbacks.log();
        self.raw.log_user = self.callbacks.user();
        let classes = model.info()?.classes;
        let mut session = null_mut();
        // SAFETY: the model and the pool are open; the callbacks go into the session below.
        let status = unsafe { sys::dp_session_create(model.as_ptr(), &self.raw, &mut session) };
        let (callbacks, model) = (self.callbacks, model.clone());
        if let Err(error) = outcome(status) {
            // SAFETY: the call has returned, and left no session.
            unsafe { callbacks.resume_panic() };
            return Err(error);
        }
        let raw = NonNull::new(session).expect("dp_session_create() made a session");
        let inner = Inner { raw, callbacks, classes, _model: model };
        let mut session = Session { inner: Arc::new(inner) };
        session.resume_panic();
        Ok(session)
    }
}

/// What a session keeps of attention: `dp_attention_kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(i32)]
pub enum AttentionKind {
    /// Nothing.
    None = sys::DP_ATTENTION_NONE,
    /// The weights of each head in the last block.
    Last = sys::DP_ATTENTION_LAST,
    /// Through all blocks.
    Rollout = sys::DP_ATTENTION_ROLLOUT,
}

/// One of the two paths: `dp_path`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum AttentionPath {
    /// The full frames; the one path of a model with one.
    Spatial = sys::DP_PATH_SPATIAL,
    /// The framesets.
    Temporal = sys::DP_PATH_TEMPORAL,
}

/// What the class token of each image attends to: a copy of `dp_attention`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Attention {
    /// `[images][heads][tokens]`. Token 0 is the class token, token `1 + y * side + x` a patch.
    pub weights: Vec<f32>,
    /// Images of the path.
    pub images: usize,
    /// Heads; 1 of a rollout.
    pub heads: usize,
    /// Tokens of an image.
    pub tokens: usize,
    /// Patches in a row.
    pub side: usize,
}

/// Memory and threads to classify with: `dp_session`. One thread at a time uses it. It holds on to
/// its model and its pool.
///
/// ```no_run
/// use dualpath::{Format, Frame, Model, Session};
/// let model = Model::open("model.gguf")?;
/// let mut session = Session::create(&model)?;
/// let pixels = vec![0; 320 * 240 * 3];
/// let frames = vec![Frame::packed(Format::Rgb24, &pixels, 320, 240)?; 16];
/// let answer = session.classify_clip(&frames)?;
/// println!("{:?} in {} ms", session.top(3)?, answer.timings.total_ms);
/// # Ok::<(), dualpath::Error>(())
/// ```
///
/// Threads can hand it on, and not share it:
///
/// ```compile_fail,E0277
/// fn share(_: impl Sync) {}
/// # let model = dualpath::Model::open("model.gguf").unwrap();
/// share(dualpath::Session::create(&model).unwrap());
/// ```
pub struct Session<'a> {
    inner: Arc<Inner<'a>>,
}

/// What streams on a session hold on to, too.
pub(crate) struct Inner<'a> {
    raw: NonNull<sys::dp_session>,
    callbacks: Callbacks<'a>,
    classes: usize,
    _model: Model<'a>,
}

// SAFETY: the header: a session belongs to one thread at a time, whichever. All of its calls but
// threads() take `&mut Session`. Streams on it hold on to `inner` in other threads, but look at
// nothing in it without that `&mut Session`; Arc and the library count holders atomically. Closures
// and model are Send.
unsafe impl Send for Session<'_> {}

impl Drop for Inner<'_> {
    fn drop(&mut self) {
        // SAFETY: neither a Session nor a Stream has it any more. Its closures and its model are
        // dropped after this.
        unsafe { sys::dp_session_destroy(self.raw.as_ptr()) }
    }
}

impl<'a> Session<'a> {
    /// A session with default options.
    pub fn create(model: &Model<'a>) -> Result<Self> {
        SessionOptions::new().create(model)
    }

    /// How many threads compute for it, the calling one among them.
    pub fn threads(&self) -> usize {
        // SAFETY: the session is open.
        size(unsafe { sys::dp_session_threads(self.as_ptr()) })
    }

    /// Classifies a clip: a slice of frames, or a [`Clip`] with options.
    pub fn classify_clip<'f>(&mut self, clip: impl Into<Clip<'f>>) -> Result<Answer> {
        let clip = clip.into();
        self.answer(|session, result| {
            // SAFETY: the session is open and this thread's; frames are borrowed during the call.
            unsafe { sys::dp_classify_clip(session, clip.as_raw(), result) }
        })
    }

    /// The likeliest classes of the last answer, likeliest first.
    pub fn top(&mut self, count: usize) -> Result<Vec<Prediction>> {
        let (session, classes) = (self.as_ptr(), self.inner.classes);
        let call = |count, predictions| {
            // SAFETY: the session is open and this thread's, and there is room for the predictions.
            self.outcome(unsafe { sys::dp_session_top(session, count, predictions) })
        };
        // SAFETY: the call stores exactly `count` predictions, and refuses more than the classes.
        unsafe { Prediction::top(count, classes, call) }
    }

    /// Begins a clip whose frames come one by one: the model's T frames, of which it sees square
    /// `crop` of `crops` along the longer side.
    pub fn begin_clip(&mut self, crop: usize, crops: usize) -> Result<()> {
        // SAFETY: the session is open and this thread's.
        self.outcome(unsafe {
            sys::dp_session_begin_clip(self.as_ptr(), number(crop), number(crops))
        })
    }

    /// Takes the next frame of the clip.
    pub fn push_frame(&mut self, frame: &Frame<'_>) -> Result<()> {
        // SAFETY: the session is open and this thread's; the frame is there during the call.
        self.outcome(unsafe { sys::dp_session_push_frame(self.as_ptr(), frame.as_ptr()) })
    }

    /// Ends the clip and answers.
    pub fn finish_clip(&mut self) -> Result<Answer> {
        self.answer(|session, result| {
            // SAFETY: the session is open and this thread's.
            unsafe { sys::dp_session_finish_clip(session, result) }
        })
    }

    /// What the class tokens attended to in the last clip.
    pub fn attention(&mut self, path: AttentionPath) -> Result<Attention> {
        let mut raw = MaybeUninit::<sys::dp_attention>::zeroed();
        // SAFETY: the session is open and this thread's. Zeros are a dp_attention.
        let (status, raw) = unsafe {
            let path = path as i32;
            let status = sys::dp_session_attention(self.as_ptr(), path, raw.as_mut_ptr());
            (status, raw.assume_init())
        };
        self.outcome(status)?;
        let (images, heads, tokens) = (size(raw.images), size(raw.heads), size(raw.tokens));
        // SAFETY: the header gives this length; the weights stay until the next call.
        let weights = unsafe { crate::clip::copied(raw.weights, images * heads * tokens) };
        Ok(Attention { weights, images, heads, tokens, side: size(raw.side) })
    }

    /// For calls of [`sys`].
    pub fn as_ptr(&self) -> *mut sys::dp_session {
        self.inner.raw.as_ptr()
    }

    /// What a stream holds on to.
    pub(crate) fn inner(&self) -> &Arc<Inner<'a>> {
        &self.inner
    }

    /// Goes on with a panic of a closure, which a call on this session or a stream of it caught.
    pub(crate) fn resume_panic(&mut self) {
        // SAFETY: calls with the closures take `&mut Session`, as this one does: none is running.
        unsafe { self.inner.callbacks.resume_panic() }
    }

    /// What a call on the session returned.
    fn outcome(&mut self, status: sys::dp_status) -> Result<()> {
        self.resume_panic();
        if status == sys::DP_OK {
            return Ok(());
        }
        // SAFETY: the message is a text that stays until the next call.
        let message = unsafe { text(sys::dp_session_message(self.as_ptr())) };
        Err(Error::new(Status::from_number(status), message))
    }

    /// The answer of a call that fills a result.
    fn answer(
        &mut self,
        call: impl FnOnce(*mut sys::dp_session, *mut sys::dp_result) -> sys::dp_status,
    ) -> Result<Answer> {
        let mut result = MaybeUninit::uninit();
        // SAFETY: _init() fills the struct of this size.
        let mut result = unsafe {
            sys::dp_result_init(result.as_mut_ptr(), size_of::<sys::dp_result>());
            result.assume_init()
        };
        let status = call(self.as_ptr(), &mut result);
        self.outcome(status)?;
        // SAFETY: the call filled the result, which stays until the next clip.
        Ok(unsafe { Answer::of_result(&result) })
    }
}

impl Inner<'_> {
    pub fn classes(&self) -> usize {
        self.classes
    }
}

impl fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Session").field(&self.inner.raw).finish()
    }
}
