//! Events: what happened when, from the probabilities of windows.
use std::fmt;
use std::mem::{size_of, MaybeUninit};
use std::ptr::{null_mut, NonNull};

use crate::error::{outcome, Error, Result};
use crate::numbers::{number, size, Status};
use crate::stream::Window;
use crate::sys;

/// When something is an event: `dp_events_options`.
#[derive(Clone, Debug)]
pub struct EventsOptions {
    raw: sys::dp_events_options,
}

impl Default for EventsOptions {
    fn default() -> Self {
        let mut raw = MaybeUninit::uninit();
        // SAFETY: _init() fills the struct of this size.
        let raw = unsafe {
            sys::dp_events_options_init(raw.as_mut_ptr(), size_of::<sys::dp_events_options>());
            raw.assume_init()
        };
        EventsOptions { raw }
    }
}

impl EventsOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// An event begins with the first window whose smoothed probability is at least this.
    pub fn begin_at(mut self, probability: f64) -> Self {
        self.raw.begin_at = probability;
        self
    }

    /// And ends before the first one that is below this; 0: 0.7 of `begin_at`.
    pub fn end_below(mut self, probability: f64) -> Self {
        self.raw.end_below = probability;
        self
    }

    /// A window with an entropy of more than this part of that of equal probabilities is nothing.
    pub fn entropy(mut self, part: f64) -> Self {
        self.raw.entropy = part;
        self
    }

    /// Shorter events are left out.
    pub fn shortest_us(mut self, microseconds: i64) -> Self {
        self.raw.shortest_us = microseconds;
        self
    }

    /// Two events of a class with less time between them are one.
    pub fn join_us(mut self, microseconds: i64) -> Self {
        self.raw.join_us = microseconds;
        self
    }

    /// Windows whose mean is taken: an odd number.
    pub fn smooth(mut self, windows: usize) -> Self {
        self.raw.smooth = number(windows);
        self
    }

    /// One event at a time.
    pub fn single(mut self, single: bool) -> Self {
        self.raw.single = single.into();
        self
    }

    /// For probabilities of this many classes.
    pub fn create(self, classes: usize) -> Result<Events> {
        let mut events = null_mut();
        // SAFETY: the options and the place are there during the call.
        outcome(unsafe { sys::dp_events_create(number(classes), &self.raw, &mut events) })?;
        let raw = NonNull::new(events).expect("dp_events_create() made it");
        Ok(Events { raw, classes })
    }
}

/// An event: `dp_event`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Event {
    /// The class.
    pub index: usize,
    /// When it began.
    pub start_us: i64,
    /// When it ended.
    pub end_us: i64,
    /// The middle of the window with the highest smoothed probability.
    pub peak_us: i64,
    /// That probability.
    pub peak: f32,
    /// The mean of the smoothed probabilities of its windows.
    pub mean: f32,
    /// Windows that it has.
    pub windows: usize,
}

/// What happened when, from the probabilities of windows: `dp_events`. Iterating over `&mut events`
/// takes the events that are over.
///
/// ```
/// use dualpath::EventsOptions;
/// let mut events = EventsOptions::new().begin_at(0.6).create(2)?;
/// for (start_us, probability) in [(0, 0.1), (100, 0.9), (200, 0.8), (300, 0.2)] {
///     events.push(start_us, start_us + 100, &[probability, 1.0 - probability])?;
///     for event in &mut events {
///         println!("class {} from {} to {}", event.index, event.start_us, event.end_us);
///     }
/// }
/// events.finish()?;
/// assert_eq!(events.map(|event| event.index).collect::<Vec<_>>(), [1]);
/// # Ok::<(), dualpath::Error>(())
/// ```
pub struct Events {
    raw: NonNull<sys::dp_events>,
    classes: usize,
}

// SAFETY: the header: one thread at a time uses a dp_events, whichever. It is not Sync, so that a
// shared one cannot be looked at by open() in two threads.
unsafe impl Send for Events {}

impl Drop for Events {
    fn drop(&mut self) {
        // SAFETY: this is its only owner.
        unsafe { sys::dp_events_destroy(self.raw.as_ptr()) }
    }
}

impl Events {
    /// With default options.
    pub fn create(classes: usize) -> Result<Self> {
        EventsOptions::new().create(classes)
    }

    /// This class is no event: a background class.
    pub fn ignore(&mut self, index: usize) -> Result<()> {
        // SAFETY: it is open and this thread's.
        outcome(unsafe { sys::dp_events_ignore(self.raw.as_ptr(), number(index)) })
    }

    /// Takes the probabilities of the window from `start_us` to `end_us`, one for each class.
    pub fn push(&mut self, start_us: i64, end_us: i64, probabilities: &[f32]) -> Result<()> {
        if probabilities.len() != self.classes {
            let (given, classes) = (probabilities.len(), self.classes);
            let sentence =
                format!("{given} probabilities are given to events of {classes} classes");
            return Err(Error::new(Status::Argument, sentence));
        }
        let probabilities = probabilities.as_ptr();
        // SAFETY: it is open and this thread's; there are as many probabilities as classes.
        outcome(unsafe { sys::dp_events_push(self.raw.as_ptr(), start_us, end_us, probabilities) })
    }

    /// The same of a window.
    pub fn push_window(&mut self, window: &Window) -> Result<()> {
        let first = window.times_us.first().copied().unwrap_or(0);
        let last = window.times_us.last().copied().unwrap_or(0);
        self.push(first, last, &window.answer.probabilities)
    }

    /// No more windows come: ends what goes on.
    pub fn finish(&mut self) -> Result<()> {
        // SAFETY: it is open and this thread's.
        outcome(unsafe { sys::dp_events_finish(self.raw.as_ptr()) })
    }

    /// As after [`create`](Self::create).
    pub fn reset(&mut self) -> Result<()> {
        // SAFETY: it is open and this thread's.
        outcome(unsafe { sys::dp_events_reset(self.raw.as_ptr()) })
    }

    /// The event of a class that goes on, as far as it is known.
    pub fn open(&self, index: usize) -> Option<Event> {
        stored(|event| {
            // SAFETY: it is open and this thread's.
            unsafe { sys::dp_events_open(self.raw.as_ptr(), number(index), event) }
        })
    }

    /// For calls of [`sys`].
    pub fn as_ptr(&self) -> *mut sys::dp_events {
        self.raw.as_ptr()
    }
}

impl Iterator for Events {
    type Item = Event;

    /// The next event that is over.
    fn next(&mut self) -> Option<Event> {
        stored(|event| {
            // SAFETY: it is open and this thread's.
            unsafe { sys::dp_events_next(self.raw.as_ptr(), event) }
        })
    }
}

/// The event that a call stores, if it returns 1.
fn stored(call: impl FnOnce(*mut sys::dp_event) -> i32) -> Option<Event> {
    let mut raw = MaybeUninit::<sys::dp_event>::zeroed();
    let is_stored = call(raw.as_mut_ptr()) == 1;
    // SAFETY: zeros are a dp_event, too.
    let raw = unsafe { raw.assume_init() };
    is_stored.then(|| Event {
        index: size(raw.index),
        start_us: raw.start_us,
        end_us: raw.end_us,
        peak_us: raw.peak_us,
        peak: raw.peak,
        mean: raw.mean,
        windows: size(raw.windows),
    })
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("classes", &self.classes).finish()
    }
}
