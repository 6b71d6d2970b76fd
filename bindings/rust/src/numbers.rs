//! The enums of the header as enums of Rust.
use std::ffi::{CStr, CString};
use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::sys;

/// Makes enums whose numbers are those of C, with names of the library's.
macro_rules! named_numbers {
    ($($(#[$about:meta])* $name:ident, $name_of:ident, $from_name:ident {
        $($(#[$what:meta])* $variant:ident = $number:ident,)*
    })*) => {$(
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[repr(i32)]
        pub enum $name {
            $($(#[$what])* $variant = sys::$number,)*
        }

        impl $name {
            // Some are only given to the library.
            #[allow(dead_code)]
            pub(crate) fn from_number(number: i32) -> Self {
                match number {
                    $(sys::$number => Self::$variant,)*
                    _ => Self::Unknown,
                }
            }

            /// The library's name of it.
            pub fn name(self) -> &'static str {
                // SAFETY: names are in static storage and never NULL, also of unknown numbers.
                let name = unsafe { CStr::from_ptr(sys::$name_of(self as i32)) };
                name.to_str().unwrap_or("unknown")
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(name: &str) -> Result<Self> {
                let unknown = || Error::new(
                    Status::Argument,
                    format!("{:?} is not the name of a {}", name, stringify!($name)),
                );
                let text = CString::new(name).map_err(|_| unknown())?;
                // SAFETY: `text` is a text that lives during the call.
                match Self::from_number(unsafe { sys::$from_name(text.as_ptr()) }) {
                    Self::Unknown => Err(unknown()),
                    known => Ok(known),
                }
            }
        }
    )*};
}

named_numbers! {
    /// What kind of failure an [`Error`] is: `dp_status`.
    Status, dp_status_name, dp_status_from_name {
        /// One that this crate does not know: the library is newer.
        Unknown = DP_ERR_UNKNOWN,
        /// A number out of range, an unknown option.
        Argument = DP_ERR_ARGUMENT,
        /// An allocation failed, or `max_memory` was reached.
        Memory = DP_ERR_MEMORY,
        /// An arena is too small or not aligned.
        Arena = DP_ERR_ARENA,
        /// The file could not be opened, read or written.
        Io = DP_ERR_IO,
        /// Not a weight file, or a malformed one.
        Format = DP_ERR_FORMAT,
        /// A sound file, but this build cannot run it.
        Unsupported = DP_ERR_UNSUPPORTED,
        /// The bytes of a tensor are not those that were written.
        Checksum = DP_ERR_CHECKSUM,
        /// A frame is not usable.
        Frame = DP_ERR_FRAME,
        /// The progress callback asked to stop.
        Cancelled = DP_ERR_CANCELLED,
        /// The model answers features only; there are no classes.
        NoHead = DP_ERR_NO_HEAD,
        /// The answer is not finite: the weights or the file are broken.
        Numeric = DP_ERR_NUMERIC,
        /// A thread could not be started.
        Thread = DP_ERR_THREAD,
        /// A task without its backbone, or on another one.
        Backbone = DP_ERR_BACKBONE,
        /// The queue of a stream is full: compute first.
        Full = DP_ERR_FULL,
    }
    /// The number type of matrix products: `dp_precision`.
    Precision, dp_precision_name, dp_precision_from_name {
        /// One that this crate does not know.
        Unknown = DP_PRECISION_UNKNOWN,
        /// That of a compiled file, and f32 for any other.
        Default = DP_PRECISION_DEFAULT,
        /// Exact, up to f32 rounding.
        F32 = DP_PRECISION_F32,
        /// Weights and activations rounded to bf16.
        Bf16 = DP_PRECISION_BF16,
        /// Weights and activations rounded to bytes.
        Int8 = DP_PRECISION_INT8,
        /// bf16 where this processor multiplies it faster than f32, else f32.
        Auto = DP_PRECISION_AUTO,
    }
    /// How weights are laid out in memory: `dp_target`.
    Target, dp_target_name, dp_target_from_name {
        /// One that this crate does not know.
        Unknown = DP_TARGET_UNKNOWN,
        /// The fastest here; of a compiled file, its own.
        Native = DP_TARGET_NATIVE,
        /// Plain C, which every machine can run.
        Plain = DP_TARGET_PLAIN,
        /// Plain C row by row, for firmware without SIMD.
        Rows = DP_TARGET_ROWS,
        /// AVX2.
        Avx2 = DP_TARGET_AVX2,
        /// AVX-512 and AMX.
        Avx512 = DP_TARGET_AVX512,
        /// 64-bit ARM.
        Neon = DP_TARGET_NEON,
    }
    /// How a frozen image transformer was adapted to video: `dp_method`.
    Method, dp_method_name, dp_method_from_name {
        /// One that this crate does not know.
        Unknown = DP_METHOD_UNKNOWN,
        /// Adapters in a spatial and a temporal path.
        DualPath = DP_METHOD_DUALPATH,
        /// Attention over time with the frozen weights, and adapters.
        Aim = DP_METHOD_AIM,
        /// Bottlenecks with a depthwise convolution over frames.
        StAdapter = DP_METHOD_ST_ADAPTER,
        /// Learned tokens beside the patches of each image.
        Vpt = DP_METHOD_VPT,
        /// An adapter beside each MLP.
        AdaptFormer = DP_METHOD_ADAPTFORMER,
        /// A linear classifier on the frozen transformer.
        Probe = DP_METHOD_PROBE,
    }
    /// A pixel format: `dp_format`.
    Format, dp_format_name, dp_format_from_name {
        /// One that this crate does not know.
        Unknown = DP_FORMAT_UNKNOWN,
        /// R G B.
        Rgb24 = DP_FORMAT_RGB24,
        /// B G R.
        Bgr24 = DP_FORMAT_BGR24,
        /// R G B A; A is not looked at.
        Rgba = DP_FORMAT_RGBA,
        /// B G R A; A is not looked at.
        Bgra = DP_FORMAT_BGRA,
        /// Y, full range.
        Gray8 = DP_FORMAT_GRAY8,
        /// A plane of Y, and one of Cb Cr of each 2x2 pixels.
        Nv12 = DP_FORMAT_NV12,
        /// A plane of Y, one of Cb and one of Cr of each 2x2 pixels.
        I420 = DP_FORMAT_I420,
    }
    /// How NV12 and I420 become RGB: `dp_color`.
    Color, dp_color_name, dp_color_from_name {
        /// One that this crate does not know.
        Unknown = DP_COLOR_UNKNOWN,
        /// BT.601, limited range.
        Bt601Limited = DP_COLOR_BT601_LIMITED,
        /// BT.601, full range.
        Bt601Full = DP_COLOR_BT601_FULL,
        /// BT.709, limited range.
        Bt709Limited = DP_COLOR_BT709_LIMITED,
        /// BT.709, full range.
        Bt709Full = DP_COLOR_BT709_FULL,
        /// BT.2020 with non-constant luminance, limited range.
        Bt2020Limited = DP_COLOR_BT2020_LIMITED,
        /// BT.2020 with non-constant luminance, full range.
        Bt2020Full = DP_COLOR_BT2020_FULL,
    }
    /// Which frames of a clip a view takes: `dp_sampling`, which has the formulas.
    Sampling, dp_sampling_name, dp_sampling_from_name {
        /// One that this crate does not know.
        Unknown = DP_SAMPLING_UNKNOWN,
        /// As the model says.
        Model = DP_SAMPLING_MODEL,
        /// Every `rate`-th frame, from the first one on.
        First = DP_SAMPLING_FIRST,
        /// The middles of equal parts.
        Uniform = DP_SAMPLING_UNIFORM,
        /// The frames as they are.
        Given = DP_SAMPLING_GIVEN,
        /// Every `rate`-th frame, around the middle.
        Center = DP_SAMPLING_CENTER,
        /// The rule of AIM.
        Interval = DP_SAMPLING_INTERVAL,
        /// The rule of ST-Adapter.
        Spread = DP_SAMPLING_SPREAD,
        /// The middles of segments.
        Segments = DP_SAMPLING_SEGMENTS,
    }
    /// What a stream does with a frame when its queue is full: `dp_full`.
    Full, dp_full_name, dp_full_from_name {
        /// One that this crate does not know.
        Unknown = DP_FULL_UNKNOWN,
        /// [`Status::Full`]: [`Stream::next`](crate::Stream::next) is to be called first.
        Refuse = DP_FULL_REFUSE,
        /// Waits until another thread took one: for the halves of
        /// [`Stream::split`](crate::Stream::split). With a single thread it waits for ever.
        Wait = DP_FULL_WAIT,
        /// Drops the one that has waited longest.
        Drop = DP_FULL_DROP,
    }
}

/// A number for a field of C, which has 32 bits. The library refuses what is too large.
pub(crate) fn number(value: usize) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

/// A number that the library filled in, which is not negative.
pub(crate) fn size(value: i32) -> usize {
    usize::try_from(value).unwrap_or(0)
}
