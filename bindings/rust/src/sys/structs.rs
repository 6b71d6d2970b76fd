//! The structs, callbacks and handles of the header.
use std::os::raw::{c_char, c_int, c_void};

use super::dp_log_level;

pub type dp_log_fn =
    unsafe extern "C" fn(user: *mut c_void, level: dp_log_level, message: *const c_char);
pub type dp_progress_fn =
    unsafe extern "C" fn(user: *mut c_void, stage: *const c_char, fraction: f64) -> c_int;

/// Declares structs whose inside is the library's.
macro_rules! handles {
    ($($name:ident)*) => {$(
        #[repr(C)]
        pub struct $name {
            inside: [u8; 0],
            // Neither Send, Sync nor Unpin.
            pinned: std::marker::PhantomData<(*mut u8, std::marker::PhantomPinned)>,
        }
    )*};
}

handles! { dp_model dp_pool dp_session dp_stream dp_events }

/// Declares structs, and for tests what `tests/abi/layout.c` prints of them and the types of their
/// fields.
macro_rules! structs {
    ($($name:ident { $($field:ident: $type:ty,)* })*) => {
        $(#[repr(C)]
          #[derive(Clone, Copy, Debug)]
          pub struct $name { $(pub $field: $type,)* })*

        #[cfg(test)]
        pub(super) fn structs_layout() -> Vec<String> {
            fn size_of_target<T>(_: *const T) -> usize {
                std::mem::size_of::<T>()
            }
            let mut lines = Vec::new();
            $(let place = std::mem::MaybeUninit::<$name>::uninit();
              let base = place.as_ptr();
              lines.push(format!("{} {} align {}", stringify!($name),
                  std::mem::size_of::<$name>(), std::mem::align_of::<$name>()));
              // SAFETY: addr_of!() computes an address inside `place` and reads nothing.
              $(let field = unsafe { std::ptr::addr_of!((*base).$field) };
                lines.push(format!("  {} {} at {}", stringify!($field), size_of_target(field),
                    field as usize - base as usize));)*)*
            lines
        }

        #[cfg(test)]
        pub(super) const STRUCTS: &[(&str, &[(&str, &str)])] =
            &[$((stringify!($name), &[$((stringify!($field), stringify!($type)),)*]),)*];
    };
}

structs! {
    dp_allocator {
        allocate: Option<unsafe extern "C" fn(user: *mut c_void, size: usize) -> *mut c_void>,
        release: Option<unsafe extern "C" fn(user: *mut c_void, block: *mut c_void, size: usize)>,
        user: *mut c_void,
        reserved: [*mut c_void; 2],
    }
    dp_model_options {
        struct_size: usize,
        allocator: *const dp_allocator,
        log: Option<dp_log_fn>,
        log_user: *mut c_void,
        progress: Option<dp_progress_fn>,
        progress_user: *mut c_void,
        max_inflated_size: usize,
        verify: i32,
        unfused: i32,
        cpu_mask: u32,
        precision: i32,
        target: i32,
        as_backbone: i32,
        max_memory: usize,
    }
    dp_reader {
        read: Option<
            unsafe extern "C" fn(
                user: *mut c_void,
                offset: u64,
                buffer: *mut c_void,
                size: usize,
            ) -> i64,
        >,
        user: *mut c_void,
        reserved: [*mut c_void; 2],
    }
    dp_writer {
        write: Option<
            unsafe extern "C" fn(
                user: *mut c_void,
                bytes: *const c_void,
                size: usize,
            ) -> i64,
        >,
        user: *mut c_void,
        reserved: [*mut c_void; 2],
    }
    dp_model_info {
        struct_size: usize,
        name: *const c_char,
        description: *const c_char,
        kernels: *const c_char,
        file_type: *const c_char,
        backbone: *const c_char,
        precision: i32,
        target: i32,
        compiled: i32,
        input_size: i32,
        patch_size: i32,
        width: i32,
        heads: i32,
        blocks: i32,
        feature_size: i32,
        classes: i32,
        frames: i32,
        spatial_frames: i32,
        grid: i32,
        framesets: i32,
        sampling_rate: i32,
        adapter_width: i32,
        mean: [f32; 3],
        std: [f32; 3],
        parameters: i64,
        adapter_parameters: i64,
        macs: i64,
        weight_bytes: i64,
        shared_bytes: i64,
        counted_bytes: i64,
        method: i32,
        prompts: i32,
        protocol: *const c_char,
        past_end: *const c_char,
        average: *const c_char,
        resize_filter: *const c_char,
        resize_long_side: *const c_char,
        crop_offset: *const c_char,
        sampling: i32,
        views: i32,
        crops: i32,
        resize_antialias: i32,
        grid_antialias: i32,
        position_antialias: i32,
    }
    dp_pool_options {
        struct_size: usize,
        allocator: *const dp_allocator,
        threads: i32,
        reserved: i32,
    }
    dp_scheduler {
        run: Option<
            unsafe extern "C" fn(
                user: *mut c_void,
                body: Option<unsafe extern "C" fn(argument: *mut c_void, worker: i32)>,
                argument: *mut c_void,
            ),
        >,
        user: *mut c_void,
        workers: i32,
        reserved: [i32; 3],
    }
    dp_session_options {
        struct_size: usize,
        allocator: *const dp_allocator,
        arena: *mut c_void,
        arena_size: usize,
        log: Option<dp_log_fn>,
        log_user: *mut c_void,
        progress: Option<dp_progress_fn>,
        progress_user: *mut c_void,
        pool: *mut dp_pool,
        scheduler: *const dp_scheduler,
        threads: i32,
        image_by_image: i32,
        attention: i32,
        reserved: i32,
    }
    dp_frame {
        plane: [*const u8; 3],
        stride: [isize; 3],
        width: i32,
        height: i32,
        format: i32,
        color: i32,
        rotation: i32,
        mirrored: i32,
        aspect_width: i32,
        aspect_height: i32,
        reserved: [i32; 4],
    }
    dp_clip {
        struct_size: usize,
        frames: *const dp_frame,
        frame_count: usize,
        sampling: i32,
        rate: i32,
        views: i32,
        crops: i32,
    }
    dp_timings {
        total_ms: f64,
        frames_ms: f64,
        patches_ms: f64,
        blocks_ms: f64,
        head_ms: f64,
        reserved: [f64; 3],
    }
    dp_result {
        struct_size: usize,
        logits: *const f32,
        probabilities: *const f32,
        feature_temporal: *const f32,
        feature_spatial: *const f32,
        reserved: *const c_void,
        classes: i32,
        feature_size: i32,
        macs: i64,
        timings: dp_timings,
    }
    dp_prediction {
        index: i32,
        logit: f32,
        probability: f32,
        reserved: [i32; 5],
        label: *const c_char,
    }
    dp_stream_options {
        struct_size: usize,
        allocator: *const dp_allocator,
        arena: *mut c_void,
        arena_size: usize,
        sample_fps: f64,
        rate: i32,
        hop: i32,
        crop: i32,
        crops: i32,
        queue: i32,
        full: i32,
        skip_unchanged: i32,
        reserved: i32,
    }
    dp_window {
        struct_size: usize,
        frames: *const i64,
        times_us: *const i64,
        logits: *const f32,
        probabilities: *const f32,
        feature_temporal: *const f32,
        feature_spatial: *const f32,
        reserved: *const c_void,
        number: i64,
        dropped: i64,
        macs: i64,
        timings: dp_timings,
        ready: i32,
        frame_count: i32,
        classes: i32,
        feature_size: i32,
    }
    dp_attention {
        weights: *const f32,
        images: i32,
        heads: i32,
        tokens: i32,
        side: i32,
        reserved: [*const c_void; 2],
    }
    dp_events_options {
        struct_size: usize,
        allocator: *const dp_allocator,
        arena: *mut c_void,
        arena_size: usize,
        begin_at: f64,
        end_below: f64,
        entropy: f64,
        shortest_us: i64,
        join_us: i64,
        smooth: i32,
        single: i32,
    }
    dp_event {
        start_us: i64,
        end_us: i64,
        peak_us: i64,
        peak: f32,
        mean: f32,
        index: i32,
        windows: i32,
        reserved: [i64; 2],
    }
}
