//! Action recognition in video on a CPU: a safe wrapper over libdualpath, without dependencies.
//!
//! ```no_run
//! use dualpath::{Format, Frame, Model, Session};
//!
//! let model = Model::open("model.gguf")?;
//! let mut session = Session::create(&model)?;
//! let pixels = vec![0; 16 * 320 * 240 * 3]; // frames one after another: the whole video
//! let frames = pixels
//!     .chunks_exact(320 * 240 * 3)
//!     .map(|frame| Frame::packed(Format::Rgb24, frame, 320, 240))
//!     .collect::<Result<Vec<_>, _>>()?;
//! session.classify_clip(&frames)?;
//! for p in session.top(3)? {
//!     println!("{} {:.1} %", p.label, 100.0 * p.probability);
//! }
//! # Ok::<(), dualpath::Error>(())
//! ```
//!
//! - `dp_OBJECT_verb()` of `dualpath.h` is `Object::verb()`, with the contract of the header:
//!   shapes, units and threads are written there.
//! - What can fail returns a [`Result`]; an [`Error`] has the library's status and sentence.
//! - Frames borrow their bytes; answers are values.
//! - Options are builders, which open or create at the end.
//! - [`sys`] is the header as it is, for what is not here: arenas, allocators, schedulers of the
//!   host, files through writers.
#![deny(unsafe_op_in_unsafe_fn)]
#![deny(clippy::undocumented_unsafe_blocks)]
#![warn(missing_docs)]

mod callbacks;
mod clip;
mod error;
mod events;
mod frame;
mod model;
mod model_info;
mod model_options;
mod numbers;
mod pool;
mod session;
mod stream;
pub mod sys;

pub use callbacks::LogLevel;
pub use clip::{Answer, Clip, Prediction, Timings};
pub use error::{Error, Result};
pub use events::{Event, Events, EventsOptions};
pub use frame::{Frame, Plane};
pub use model::Model;
pub use model_info::ModelInfo;
pub use model_options::ModelOptions;
pub use numbers::{Color, Format, Full, Method, Precision, Sampling, Status, Target};
pub use pool::Pool;
pub use session::{Attention, AttentionKind, AttentionPath, Session, SessionOptions};
pub use stream::{Pusher, Stream, StreamOptions, Window, Windows};

/// The version of the library that is running.
pub fn version() -> String {
    // SAFETY: the version is a text in static storage.
    unsafe { error::text(sys::dp_version_string()) }
}
