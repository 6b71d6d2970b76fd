//! The calls of the header.
use std::os::raw::{c_char, c_void};

use super::*;

/// Declares calls, and for tests their names, types and addresses.
macro_rules! calls {
    ($(fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)?;)*) => {
        extern "C" {
            $(pub fn $name($($argument: $type),*) $(-> $result)?;)*
        }

        #[cfg(test)]
        pub(super) struct Call {
            pub name: &'static str,
            pub arguments: &'static [(&'static str, &'static str)],
            pub result: &'static str,
            pub address: *const (),
        }

        #[cfg(test)]
        pub(super) fn calls() -> Vec<Call> {
            vec![$(Call {
                name: stringify!($name),
                arguments: &[$((stringify!($argument), stringify!($type)),)*],
                result: concat!($(stringify!($result))?),
                address: $name as *const (),
            },)*]
        }
    };
}

calls! {
    fn dp_version() -> u32;
    fn dp_version_string() -> *const c_char;
    fn dp_abi_version() -> u32;
    fn dp_status_name(status: i32) -> *const c_char;
    fn dp_status_from_name(name: *const c_char) -> i32;
    fn dp_last_message() -> *const c_char;
    fn dp_precision_name(precision: i32) -> *const c_char;
    fn dp_precision_from_name(name: *const c_char) -> i32;
    fn dp_target_name(target: i32) -> *const c_char;
    fn dp_target_from_name(name: *const c_char) -> i32;
    fn dp_method_name(method: i32) -> *const c_char;
    fn dp_method_from_name(name: *const c_char) -> i32;
    fn dp_model_options_init(options: *mut dp_model_options, struct_size: usize);
    fn dp_model_open(
        path: *const c_char,
        options: *const dp_model_options,
        model: *mut *mut dp_model,
    ) -> dp_status;
    fn dp_model_open_memory(
        bytes: *const c_void,
        size: usize,
        options: *const dp_model_options,
        model: *mut *mut dp_model,
    ) -> dp_status;
    fn dp_model_open_reader(
        reader: *const dp_reader,
        options: *const dp_model_options,
        model: *mut *mut dp_model,
    ) -> dp_status;
    fn dp_model_open_task(
        backbone: *mut dp_model,
        path: *const c_char,
        options: *const dp_model_options,
        model: *mut *mut dp_model,
    ) -> dp_status;
    fn dp_model_open_task_memory(
        backbone: *mut dp_model,
        bytes: *const c_void,
        size: usize,
        options: *const dp_model_options,
        model: *mut *mut dp_model,
    ) -> dp_status;
    fn dp_model_open_task_reader(
        backbone: *mut dp_model,
        reader: *const dp_reader,
        options: *const dp_model_options,
        model: *mut *mut dp_model,
    ) -> dp_status;
    fn dp_model_compile(model: *const dp_model, path: *const c_char) -> dp_status;
    fn dp_model_compile_watched(
        model: *const dp_model,
        path: *const c_char,
        progress: Option<dp_progress_fn>,
        progress_user: *mut c_void,
    ) -> dp_status;
    fn dp_model_compile_memory(
        model: *const dp_model,
        buffer: *mut c_void,
        capacity: usize,
        size: *mut usize,
    ) -> dp_status;
    fn dp_model_compile_writer(model: *const dp_model, writer: *const dp_writer) -> dp_status;
    fn dp_model_close(model: *mut dp_model);
    fn dp_model_info_init(info: *mut dp_model_info, struct_size: usize);
    fn dp_model_get_info(model: *const dp_model, info: *mut dp_model_info) -> dp_status;
    fn dp_model_label(model: *const dp_model, index: i32) -> *const c_char;
    fn dp_model_verify(path: *const c_char, options: *const dp_model_options) -> dp_status;
    fn dp_model_verify_memory(
        bytes: *const c_void,
        size: usize,
        options: *const dp_model_options,
    ) -> dp_status;
    fn dp_model_verify_reader(
        reader: *const dp_reader,
        options: *const dp_model_options,
    ) -> dp_status;
    fn dp_pool_options_init(options: *mut dp_pool_options, struct_size: usize);
    fn dp_pool_create(options: *const dp_pool_options, pool: *mut *mut dp_pool) -> dp_status;
    fn dp_pool_destroy(pool: *mut dp_pool);
    fn dp_pool_threads(pool: *const dp_pool) -> i32;
    fn dp_session_options_init(options: *mut dp_session_options, struct_size: usize);
    fn dp_session_size(
        model: *const dp_model,
        options: *const dp_session_options,
        bytes: *mut usize,
    ) -> dp_status;
    fn dp_session_create(
        model: *const dp_model,
        options: *const dp_session_options,
        session: *mut *mut dp_session,
    ) -> dp_status;
    fn dp_session_destroy(session: *mut dp_session);
    fn dp_session_threads(session: *const dp_session) -> i32;
    fn dp_session_message(session: *const dp_session) -> *const c_char;
    fn dp_format_name(format: i32) -> *const c_char;
    fn dp_format_from_name(name: *const c_char) -> i32;
    fn dp_color_name(color: i32) -> *const c_char;
    fn dp_color_from_name(name: *const c_char) -> i32;
    fn dp_frame_init_packed(
        frame: *mut dp_frame,
        format: i32,
        pixels: *const u8,
        width: i32,
        height: i32,
    ) -> u64;
    fn dp_sampling_name(sampling: i32) -> *const c_char;
    fn dp_sampling_from_name(name: *const c_char) -> i32;
    fn dp_clip_init(clip: *mut dp_clip, struct_size: usize);
    fn dp_model_sample_view(
        model: *const dp_model,
        clip: *const dp_clip,
        view: i32,
        count: i32,
        indices: *mut usize,
    ) -> dp_status;
    fn dp_result_init(result: *mut dp_result, struct_size: usize);
    fn dp_classify_clip(
        session: *mut dp_session,
        clip: *const dp_clip,
        result: *mut dp_result,
    ) -> dp_status;
    fn dp_session_preprocess_view(
        session: *mut dp_session,
        clip: *const dp_clip,
        view: i32,
        crop: i32,
        spatial: *mut *const f32,
        temporal: *mut *const f32,
    ) -> dp_status;
    fn dp_session_begin_clip(session: *mut dp_session, crop: i32, crops: i32) -> dp_status;
    fn dp_session_push_frame(session: *mut dp_session, frame: *const dp_frame) -> dp_status;
    fn dp_session_finish_clip(session: *mut dp_session, result: *mut dp_result) -> dp_status;
    fn dp_session_top(
        session: *mut dp_session,
        count: i32,
        predictions: *mut dp_prediction,
    ) -> dp_status;
    fn dp_session_attention(
        session: *mut dp_session,
        path: i32,
        attention: *mut dp_attention,
    ) -> dp_status;
    fn dp_full_name(full: i32) -> *const c_char;
    fn dp_full_from_name(name: *const c_char) -> i32;
    fn dp_stream_options_init(options: *mut dp_stream_options, struct_size: usize);
    fn dp_stream_size(
        model: *const dp_model,
        options: *const dp_stream_options,
        bytes: *mut usize,
    ) -> dp_status;
    fn dp_stream_create(
        session: *mut dp_session,
        options: *const dp_stream_options,
        stream: *mut *mut dp_stream,
    ) -> dp_status;
    fn dp_stream_destroy(stream: *mut dp_stream);
    fn dp_stream_push(stream: *mut dp_stream, frame: *const dp_frame, time_us: i64) -> dp_status;
    fn dp_stream_finish(stream: *mut dp_stream) -> dp_status;
    fn dp_stream_reset(stream: *mut dp_stream) -> dp_status;
    fn dp_window_init(window: *mut dp_window, struct_size: usize);
    fn dp_stream_next(stream: *mut dp_stream, timeout_ms: i32, window: *mut dp_window) -> dp_status;
    fn dp_stream_top(
        stream: *mut dp_stream,
        count: i32,
        predictions: *mut dp_prediction,
    ) -> dp_status;
    fn dp_events_options_init(options: *mut dp_events_options, struct_size: usize);
    fn dp_events_size(
        classes: i32,
        options: *const dp_events_options,
        bytes: *mut usize,
    ) -> dp_status;
    fn dp_events_create(
        classes: i32,
        options: *const dp_events_options,
        events: *mut *mut dp_events,
    ) -> dp_status;
    fn dp_events_destroy(events: *mut dp_events);
    fn dp_events_ignore(events: *mut dp_events, index: i32) -> dp_status;
    fn dp_events_push(
        events: *mut dp_events,
        start_us: i64,
        end_us: i64,
        probabilities: *const f32,
    ) -> dp_status;
    fn dp_events_finish(events: *mut dp_events) -> dp_status;
    fn dp_events_reset(events: *mut dp_events) -> dp_status;
    fn dp_events_next(events: *mut dp_events, event: *mut dp_event) -> i32;
    fn dp_events_open(events: *const dp_events, index: i32, event: *mut dp_event) -> i32;
}
