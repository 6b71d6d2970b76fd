//! Streams: window after window of a video without an end.
use std::fmt;
use std::mem::{size_of, MaybeUninit};
use std::ptr::{null_mut, NonNull};
use std::sync::Arc;
use std::time::Duration;

use crate::clip::{copied, Answer, Prediction};
use crate::error::{outcome, Error, Result};
use crate::frame::Frame;
use crate::numbers::{number, size, Full, Status};
use crate::session::{Inner, Session};
use crate::sys;

/// How to make a stream: `dp_stream_options`.
#[derive(Clone, Debug)]
pub struct StreamOptions {
    raw: sys::dp_stream_options,
}

impl Default for StreamOptions {
    fn default() -> Self {
        let mut raw = MaybeUninit::uninit();
        // SAFETY: _init() fills the struct of this size.
        let raw = unsafe {
            sys::dp_stream_options_init(raw.as_mut_ptr(), size_of::<sys::dp_stream_options>());
            raw.assume_init()
        };
        StreamOptions { raw }
    }
}

impl StreamOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Samples by time: this many frames a second; 0: by [`rate`](Self::rate).
    pub fn sample_fps(mut self, fps: f64) -> Self {
        self.raw.sample_fps = fps;
        self
    }

    /// Samples every `rate`-th frame; 0: the model's rate.
    pub fn rate(mut self, rate: usize) -> Self {
        self.raw.rate = number(rate);
        self
    }

    /// Sampled frames from one window to the next; 0: as the model is made.
    pub fn hop(mut self, hop: usize) -> Self {
        self.raw.hop = number(hop);
        self
    }

    /// The model sees square `crop` of `crops` along the longer side.
    pub fn crop(mut self, crop: usize, crops: usize) -> Self {
        self.raw.crop = number(crop);
        self.raw.crops = number(crops);
        self
    }

    /// Sampled frames that may wait.
    pub fn queue(mut self, frames: usize) -> Self {
        self.raw.queue = number(frames);
        self
    }

    /// What happens to a frame when the queue is full.
    pub fn full(mut self, full: Full) -> Self {
        self.raw.full = full as i32;
        self
    }

    /// Frames that equal the one before cost hardly anything.
    pub fn skip_unchanged(mut self, skip: bool) -> Self {
        self.raw.skip_unchanged = skip.into();
        self
    }

    /// A stream on this session. It takes all of its memory now.
    pub fn create<'a>(self, session: &mut Session<'a>) -> Result<Stream<'a>> {
        let mut stream = null_mut();
        // SAFETY: the session is open and this thread's.
        outcome(unsafe { sys::dp_stream_create(session.as_ptr(), &self.raw, &mut stream) })?;
        let raw = NonNull::new(stream).expect("dp_stream_create() made a stream");
        Ok(Stream { raw, session: session.inner().clone() })
    }
}

/// A window of a stream and its answer: a copy of what `dp_window` points at.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Window {
    /// Windows before this one.
    pub number: u64,
    /// Frames that were dropped since the stream began.
    pub dropped: u64,
    /// Which of the pushed frames it has, counted from 0.
    pub frames: Vec<i64>,
    /// Their times in microseconds.
    pub times_us: Vec<i64>,
    /// Its answer. Multiply-adds and times are those since the window before.
    pub answer: Answer,
}

impl Window {
    /// # Safety
    /// The library filled `raw`, and what it points at is still there.
    unsafe fn of(raw: &sys::dp_window) -> Self {
        let frame_count = size(raw.frame_count);
        // SAFETY: the caller says so, and the header gives these lengths.
        unsafe {
            Window {
                number: u64::try_from(raw.number).unwrap_or(0),
                dropped: u64::try_from(raw.dropped).unwrap_or(0),
                frames: copied(raw.frames, frame_count),
                times_us: copied(raw.times_us, frame_count),
                answer: Answer::of_window(raw),
            }
        }
    }
}

/// Window after window of a video without an end: `dp_stream`. It computes in its session, which
/// [`next`](Self::next) takes: many streams can share one.
///
/// ```no_run
/// use dualpath::{Format, Frame, Model, Session, StreamOptions};
/// use std::time::Duration;
/// let model = Model::open("model.gguf")?;
/// let mut session = Session::create(&model)?;
/// let mut stream = StreamOptions::new().hop(2).create(&mut session)?;
/// let pixels = vec![0; 320 * 240 * 3]; // of a camera
/// for time_us in (0..10_000_000).step_by(40_000) {
///     stream.push(&Frame::packed(Format::Rgb24, &pixels, 320, 240)?, time_us)?;
///     while let Some(window) = stream.next(&mut session, Some(Duration::ZERO))? {
///         println!("{} {:?}", window.number, stream.top(1)?);
///     }
/// }
/// # Ok::<(), dualpath::Error>(())
/// ```
pub struct Stream<'a> {
    raw: NonNull<sys::dp_stream>,
    session: Arc<Inner<'a>>,
}

// SAFETY: any thread may make the calls of a stream, one at a time, which `&mut self` sees to. Of
// the session it looks only at constants; next() takes it by `&mut Session`. It may be dropped in
// any thread: the session's holders are counted atomically, and if it is the last one, it drops
// what a Session, which is Send, would drop.
unsafe impl Send for Stream<'_> {}

impl Drop for Stream<'_> {
    fn drop(&mut self) {
        // SAFETY: this is its only owner; the session is dropped after it.
        unsafe { sys::dp_stream_destroy(self.raw.as_ptr()) }
    }
}

impl<'a> Stream<'a> {
    /// A stream with default options.
    pub fn create(session: &mut Session<'a>) -> Result<Self> {
        StreamOptions::new().create(session)
    }

    /// Takes the next frame, with its time in microseconds. Its bytes are not needed any more then.
    /// [`Status::Full`]: call [`next`](Self::next) first.
    pub fn push(&mut self, frame: &Frame<'_>, time_us: i64) -> Result<()> {
        self.split().0.push(frame, time_us)
    }

    /// No more frames come: what waits is still computed.
    pub fn finish(&mut self) -> Result<()> {
        self.split().0.finish()
    }

    /// Computes what the frames allow that came, up to the end of a window; None: there is none yet,
    /// or no more. Where no frame waits, it waits this long for one; None: until there is one, or
    /// [`finish`](Self::finish). `session` is the one that the stream was created on.
    pub fn next(
        &mut self,
        session: &mut Session<'a>,
        wait: Option<Duration>,
    ) -> Result<Option<Window>> {
        self.split().1.next(session, wait)
    }

    /// The likeliest classes of the last window, likeliest first.
    pub fn top(&mut self, count: usize) -> Result<Vec<Prediction>> {
        self.split().1.top(count)
    }

    /// Everything as after [`create`](Self::create).
    pub fn reset(&mut self) -> Result<()> {
        // SAFETY: the stream is open, and no other call of it is running.
        outcome(unsafe { sys::dp_stream_reset(self.raw.as_ptr()) })
    }

    /// The two ends, for two threads: one pushes, a camera's, and another one computes.
    ///
    /// ```no_run
    /// # use dualpath::{Format, Frame, Full, Model, Session, StreamOptions};
    /// # let model = Model::open("model.gguf").unwrap();
    /// # let pixels = vec![0; 320 * 240 * 3];
    /// let mut session = Session::create(&model).unwrap();
    /// let mut stream = StreamOptions::new().full(Full::Drop).create(&mut session).unwrap();
    /// let (mut pusher, mut windows) = stream.split();
    /// std::thread::scope(|scope| {
    ///     scope.spawn(move || {
    ///         for time_us in (0..10_000_000).step_by(40_000) {
    ///             let frame = Frame::packed(Format::Rgb24, &pixels, 320, 240).unwrap();
    ///             pusher.push(&frame, time_us).unwrap();
    ///         }
    ///         pusher.finish().unwrap();
    ///     });
    ///     while let Some(window) = windows.next(&mut session, None).unwrap() {
    ///         println!("{:?}", window.answer.probabilities);
    ///     }
    /// });
    /// ```
    pub fn split(&mut self) -> (Pusher<'_>, Windows<'_, 'a>) {
        (Pusher { stream: self.raw, lives: std::marker::PhantomData }, Windows { stream: self })
    }

    /// For calls of [`sys`].
    pub fn as_ptr(&self) -> *mut sys::dp_stream {
        self.raw.as_ptr()
    }
}

impl fmt::Debug for Stream<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stream").field(&self.raw).finish()
    }
}

/// The end of a stream that takes frames.
#[derive(Debug)]
pub struct Pusher<'s> {
    stream: NonNull<sys::dp_stream>,
    lives: std::marker::PhantomData<&'s mut ()>,
}

// SAFETY: the header: dp_stream_push() and dp_stream_finish() may run in one thread at the same time
// as dp_stream_next() in another, and no two other calls. There is one Pusher, whose calls are these
// two and take `&mut self`. The Stream is borrowed meanwhile.
unsafe impl Send for Pusher<'_> {}

impl Pusher<'_> {
    /// As [`Stream::push`].
    pub fn push(&mut self, frame: &Frame<'_>, time_us: i64) -> Result<()> {
        // SAFETY: the stream is open, and no other push is running; the frame is there.
        outcome(unsafe { sys::dp_stream_push(self.stream.as_ptr(), frame.as_ptr(), time_us) })
    }

    /// As [`Stream::finish`].
    pub fn finish(&mut self) -> Result<()> {
        // SAFETY: the stream is open, and no push is running.
        outcome(unsafe { sys::dp_stream_finish(self.stream.as_ptr()) })
    }
}

/// The end of a stream that computes.
#[derive(Debug)]
pub struct Windows<'s, 'a> {
    stream: &'s Stream<'a>,
}

// SAFETY: as of Pusher: there is one Windows, whose calls take `&mut self`, and dp_stream_next()
// may run beside the Pusher's; it waits for none of dp_stream_top(), which is only made here.
unsafe impl Send for Windows<'_, '_> {}

impl<'a> Windows<'_, 'a> {
    /// As [`Stream::next`].
    pub fn next(
        &mut self,
        session: &mut Session<'a>,
        wait: Option<Duration>,
    ) -> Result<Option<Window>> {
        if !Arc::ptr_eq(&self.stream.session, session.inner()) {
            let sentence = "the session is another one than that the stream was created on";
            return Err(Error::new(Status::Argument, sentence));
        }
        let mut window = MaybeUninit::uninit();
        // SAFETY: _init() fills the struct of this size. The stream is open, no other next() of it
        // is running, and its session is this thread's.
        let (status, window) = unsafe {
            sys::dp_window_init(window.as_mut_ptr(), size_of::<sys::dp_window>());
            let mut window = window.assume_init();
            let stream = self.stream.as_ptr();
            (sys::dp_stream_next(stream, milliseconds(wait), &mut window), window)
        };
        session.resume_panic();
        outcome(status)?;
        Ok((window.ready != 0).then(|| {
            // SAFETY: the call filled the window, which stays until the next one.
            unsafe { Window::of(&window) }
        }))
    }

    /// As [`Stream::top`].
    pub fn top(&mut self, count: usize) -> Result<Vec<Prediction>> {
        let stream = self.stream.as_ptr();
        let call = |count, predictions| {
            // SAFETY: the stream is open, no next() of it is running, and there is room for the
            // predictions.
            outcome(unsafe { sys::dp_stream_top(stream, count, predictions) })
        };
        // SAFETY: the call stores exactly `count` predictions, and refuses more than the classes.
        unsafe { Prediction::top(count, self.stream.session.classes(), call) }
    }
}

/// For `timeout_ms`: -1 is for ever. Less than a millisecond is one, but for 0.
fn milliseconds(wait: Option<Duration>) -> i32 {
    match wait {
        None => -1,
        Some(wait) => {
            let rounded = wait.as_nanos().saturating_add(999_999) / 1_000_000;
            i32::try_from(rounded).unwrap_or(i32::MAX)
        }
    }
}
