//! Clips, and what is answered to them.
use std::marker::PhantomData;
use std::mem::{size_of, MaybeUninit};

use crate::error::text;
use crate::frame::Frame;
use crate::numbers::{number, size, Sampling};
use crate::sys;

/// The frames of a video, and how to look at them: `dp_clip`. A slice of frames becomes one that
/// leaves all of that to the model.
#[derive(Clone, Copy, Debug)]
pub struct Clip<'f> {
    raw: sys::dp_clip,
    frames: PhantomData<&'f [Frame<'f>]>,
}

impl<'f> Clip<'f> {
    /// All frames of the video: sampling is done in the call that gets them.
    pub fn new(frames: &'f [Frame<'_>]) -> Self {
        let mut raw = MaybeUninit::uninit();
        // SAFETY: _init() fills the struct of this size.
        let mut raw = unsafe {
            sys::dp_clip_init(raw.as_mut_ptr(), size_of::<sys::dp_clip>());
            raw.assume_init()
        };
        raw.frames = frames.as_ptr().cast(); // a Frame is a dp_frame, and nothing else
        raw.frame_count = frames.len();
        Clip { raw, frames: PhantomData }
    }

    /// Which frames a view takes.
    pub fn sampling(mut self, sampling: Sampling) -> Self {
        self.raw.sampling = sampling as i32;
        self
    }

    /// Every `rate`-th frame; 0: the model's rate.
    pub fn rate(mut self, rate: usize) -> Self {
        self.raw.rate = number(rate);
        self
    }

    /// Temporal views; 0: the model's number.
    pub fn views(mut self, views: usize) -> Self {
        self.raw.views = number(views);
        self
    }

    /// Square crops along the longer side; 0: the model's number.
    pub fn crops(mut self, crops: usize) -> Self {
        self.raw.crops = number(crops);
        self
    }

    pub(crate) fn as_raw(&self) -> &sys::dp_clip {
        &self.raw
    }
}

impl<'f> From<&'f [Frame<'_>]> for Clip<'f> {
    fn from(frames: &'f [Frame<'_>]) -> Self {
        Clip::new(frames)
    }
}

impl<'f> From<&'f Vec<Frame<'_>>> for Clip<'f> {
    fn from(frames: &'f Vec<Frame<'_>>) -> Self {
        Clip::new(frames)
    }
}

/// Wall-clock milliseconds of a call: `dp_timings`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Timings {
    /// All of it.
    pub total_ms: f64,
    /// Sampling, colour, resize, crop, normalise, framesets.
    pub frames_ms: f64,
    /// Patch embedding and position encoding.
    pub patches_ms: f64,
    /// Transformer blocks with their adapters.
    pub blocks_ms: f64,
    /// Final norm, projection, classifier.
    pub head_ms: f64,
}

impl From<sys::dp_timings> for Timings {
    fn from(raw: sys::dp_timings) -> Self {
        Timings {
            total_ms: raw.total_ms,
            frames_ms: raw.frames_ms,
            patches_ms: raw.patches_ms,
            blocks_ms: raw.blocks_ms,
            head_ms: raw.head_ms,
        }
    }
}

/// The answer to a clip or a window, a copy of what `dp_result` and `dp_window` point at.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Answer {
    /// A number for each class. Empty without a head.
    pub logits: Vec<f32>,
    /// Softmax of the logits. Empty without a head.
    pub probabilities: Vec<f32>,
    /// y_t. Empty of a model with one path.
    pub feature_temporal: Vec<f32>,
    /// y_s, or the feature of the one path.
    pub feature_spatial: Vec<f32>,
    /// Multiply-adds that were executed.
    pub macs: u64,
    /// Where the time went.
    pub timings: Timings,
}

/// An [`Answer`] of a `dp_result` or a `dp_window`, which have the same fields.
///
/// # Safety
/// The library filled the struct, and what it points at is still there.
macro_rules! answer_of {
    ($raw:expr) => {{
        let (classes, features) = (size($raw.classes), size($raw.feature_size));
        Answer {
            logits: copied($raw.logits, classes),
            probabilities: copied($raw.probabilities, classes),
            feature_temporal: copied($raw.feature_temporal, features),
            feature_spatial: copied($raw.feature_spatial, features),
            macs: u64::try_from($raw.macs).unwrap_or(0),
            timings: $raw.timings.into(),
        }
    }};
}

impl Answer {
    /// # Safety
    /// The library filled `raw`, and what it points at is still there.
    pub(crate) unsafe fn of_result(raw: &sys::dp_result) -> Self {
        // SAFETY: the caller says so, and the header gives these lengths.
        unsafe { answer_of!(raw) }
    }

    /// # Safety
    /// As of_result().
    pub(crate) unsafe fn of_window(raw: &sys::dp_window) -> Self {
        // SAFETY: as in of_result().
        unsafe { answer_of!(raw) }
    }
}

/// `count` values of the library's; none for NULL.
///
/// # Safety
/// `values` is NULL or points at `count` values.
pub(crate) unsafe fn copied<T: Copy>(values: *const T, count: usize) -> Vec<T> {
    if values.is_null() {
        return Vec::new();
    }
    // SAFETY: the caller says so.
    unsafe { std::slice::from_raw_parts(values, count) }.to_vec()
}

/// A class and how likely it is: `dp_prediction`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Prediction {
    /// The class.
    pub index: usize,
    /// Its logit.
    pub logit: f32,
    /// Its probability.
    pub probability: f32,
    /// Its name; "" where the file names none.
    pub label: String,
}

const NO_PREDICTION: sys::dp_prediction = sys::dp_prediction {
    index: 0,
    logit: 0.0,
    probability: 0.0,
    reserved: [0; 5],
    label: std::ptr::null(),
};

impl Prediction {
    /// The `count` likeliest of `classes`, by a call that stores them.
    ///
    /// # Safety
    /// The call stores `count` predictions whose labels are texts, or fails with more than `classes`.
    pub(crate) unsafe fn top<E>(
        count: usize,
        classes: usize,
        call: impl FnOnce(i32, *mut sys::dp_prediction) -> Result<(), E>,
    ) -> Result<Vec<Self>, E> {
        let mut predictions = vec![NO_PREDICTION; count.min(classes)];
        call(number(count), predictions.as_mut_ptr())?;
        let prediction = |raw: &sys::dp_prediction| Prediction {
            index: size(raw.index),
            logit: raw.logit,
            probability: raw.probability,
            // SAFETY: the caller says so.
            label: unsafe { text(raw.label) },
        };
        Ok(predictions.iter().map(prediction).collect())
    }
}
