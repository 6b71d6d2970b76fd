//! What a model says of itself.
use std::mem::{size_of, MaybeUninit};

use crate::error::{outcome, text, Result};
use crate::numbers::{size, Method, Precision, Sampling, Target};
use crate::sys;

/// What a weight file says, and how it is computed here: a copy of `dp_model_info`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ModelInfo {
    /// `general.name` of the file, or "".
    pub name: String,
    /// One line: architecture, sizes, precision.
    pub description: String,
    /// The instruction set in use: "c", "avx2", "neon-i8mm", ...
    pub kernels: String,
    /// Of the matrices in the file: "f32", "f16", "bf16", "q8_0", "mixed".
    pub file_type: String,
    /// The hash of the frozen tensors, which tasks name their backbone by; "" for files without it.
    pub backbone: String,
    /// What is computed in.
    pub precision: Precision,
    /// How the weights are laid out.
    pub target: Target,
    /// From a compiled file.
    pub compiled: bool,
    /// R: frames are resized and cropped to R x R.
    pub input_size: usize,
    /// p.
    pub patch_size: usize,
    /// D.
    pub width: usize,
    /// H.
    pub heads: usize,
    /// L.
    pub blocks: usize,
    /// O: the length of y_t and of y_s.
    pub feature_size: usize,
    /// C; 0: no head, features only.
    pub classes: usize,
    /// T: sampled frames a view.
    pub frames: usize,
    /// Ts: of them, those that the spatial path sees.
    pub spatial_frames: usize,
    /// g: a frameset is g x g frames; 0: one path.
    pub grid: usize,
    /// T / (g * g); 0: one path.
    pub framesets: usize,
    /// r: the distance in frames that the model was trained with.
    pub sampling_rate: usize,
    /// The largest bottleneck; 0: no adapters.
    pub adapter_width: usize,
    /// Of R, G, B in 0 .. 1.
    pub mean: [f32; 3],
    /// Of R, G, B in 0 .. 1.
    pub std: [f32; 3],
    /// Numbers in the file.
    pub parameters: u64,
    /// Of them, adapters, position tables, class token and head.
    pub adapter_parameters: u64,
    /// Multiply-adds that are executed for one view.
    pub macs: u64,
    /// Memory that the model holds.
    pub weight_bytes: u64,
    /// Of a task: `weight_bytes` of its backbone.
    pub shared_bytes: u64,
    /// What counts for `max_memory` at this moment.
    pub counted_bytes: u64,
    /// How the transformer was adapted to video.
    pub method: Method,
    /// Of VPT: learned tokens an image.
    pub prompts: usize,
    /// How pixels are made of a clip and one answer of its views, in words.
    pub protocol: String,
    /// Where a view needs more frames: "repeat", "wrap".
    pub past_end: String,
    /// Of several views: "logits", "probabilities".
    pub average: String,
    /// "bilinear", "bicubic".
    pub resize_filter: String,
    /// How R * long / short is rounded: "down", "nearest".
    pub resize_long_side: String,
    /// Half of what a crop leaves out: "half-even", "down".
    pub crop_offset: String,
    /// Which frames a view takes.
    pub sampling: Sampling,
    /// Views of a clip that does not say how many.
    pub views: usize,
    /// Crops of a clip that does not say how many.
    pub crops: usize,
    /// Frames that shrink are smoothed before.
    pub resize_antialias: bool,
    /// So are they on their way into a cell of a frameset.
    pub grid_antialias: bool,
    /// So is the map of frame indices of a frameset.
    pub position_antialias: bool,
}

/// A number that the library filled in, which is not negative.
fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

impl ModelInfo {
    /// # Safety
    /// The model is open.
    pub(crate) unsafe fn of(model: *const sys::dp_model) -> Result<Self> {
        let mut raw = MaybeUninit::uninit();
        // SAFETY: _init() fills the struct of this size; the caller says that the model is open.
        let (status, raw) = unsafe {
            sys::dp_model_info_init(raw.as_mut_ptr(), size_of::<sys::dp_model_info>());
            (sys::dp_model_get_info(model, raw.as_mut_ptr()), raw.assume_init())
        };
        outcome(status)?;
        // SAFETY: the strings are texts, which live as long as the model.
        Ok(unsafe { ModelInfo::copied(&raw) })
    }

    /// # Safety
    /// The strings are texts.
    unsafe fn copied(raw: &sys::dp_model_info) -> Self {
        let text = |string| {
            // SAFETY: the caller says so.
            unsafe { text(string) }
        };
        ModelInfo {
            name: text(raw.name),
            description: text(raw.description),
            kernels: text(raw.kernels),
            file_type: text(raw.file_type),
            backbone: text(raw.backbone),
            precision: Precision::from_number(raw.precision),
            target: Target::from_number(raw.target),
            compiled: raw.compiled != 0,
            input_size: size(raw.input_size),
            patch_size: size(raw.patch_size),
            width: size(raw.width),
            heads: size(raw.heads),
            blocks: size(raw.blocks),
            feature_size: size(raw.feature_size),
            classes: size(raw.classes),
            frames: size(raw.frames),
            spatial_frames: size(raw.spatial_frames),
            grid: size(raw.grid),
            framesets: size(raw.framesets),
            sampling_rate: size(raw.sampling_rate),
            adapter_width: size(raw.adapter_width),
            mean: raw.mean,
            std: raw.std,
            parameters: count(raw.parameters),
            adapter_parameters: count(raw.adapter_parameters),
            macs: count(raw.macs),
            weight_bytes: count(raw.weight_bytes),
            shared_bytes: count(raw.shared_bytes),
            counted_bytes: count(raw.counted_bytes),
            method: Method::from_number(raw.method),
            prompts: size(raw.prompts),
            protocol: text(raw.protocol),
            past_end: text(raw.past_end),
            average: text(raw.average),
            resize_filter: text(raw.resize_filter),
            resize_long_side: text(raw.resize_long_side),
            crop_offset: text(raw.crop_offset),
            sampling: Sampling::from_number(raw.sampling),
            views: size(raw.views),
            crops: size(raw.crops),
            resize_antialias: raw.resize_antialias != 0,
            grid_antialias: raw.grid_antialias != 0,
            position_antialias: raw.position_antialias != 0,
        }
    }
}
