//! The enums and other numbers of the header.

/// Declares each enum as a type of its numbers, and for tests what `tests/abi/layout.c` prints of it.
macro_rules! numbers {
    ($($enum_name:ident { $($number:ident = $value:expr,)* })*
     ; $($other:ident: $other_type:ty = $other_value:expr,)*) => {
        $(pub type $enum_name = i32;
          $(pub const $number: $enum_name = $value;)*)*
        $(pub const $other: $other_type = $other_value;)*

        #[cfg(test)]
        pub(super) fn numbers_layout() -> Vec<String> {
            let mut lines = Vec::new();
            $(lines.push(format!("{} {} align {}", stringify!($enum_name),
                  std::mem::size_of::<$enum_name>(), std::mem::align_of::<$enum_name>()));
              $(lines.push(format!("{} {}", stringify!($number), $number));)*)*
            $(lines.push(format!("{} {}", stringify!($other), $other));)*
            lines
        }
    };
}

numbers! {
    dp_status {
        DP_ERR_UNKNOWN = -1,
        DP_OK = 0,
        DP_ERR_ARGUMENT = 1,
        DP_ERR_MEMORY = 2,
        DP_ERR_ARENA = 3,
        DP_ERR_IO = 4,
        DP_ERR_FORMAT = 5,
        DP_ERR_UNSUPPORTED = 6,
        DP_ERR_CHECKSUM = 7,
        DP_ERR_FRAME = 8,
        DP_ERR_CANCELLED = 9,
        DP_ERR_NO_HEAD = 10,
        DP_ERR_NUMERIC = 11,
        DP_ERR_THREAD = 12,
        DP_ERR_BACKBONE = 13,
        DP_ERR_FULL = 14,
    }
    dp_precision {
        DP_PRECISION_UNKNOWN = -1,
        DP_PRECISION_DEFAULT = 0,
        DP_PRECISION_F32 = 1,
        DP_PRECISION_BF16 = 2,
        DP_PRECISION_INT8 = 3,
        DP_PRECISION_AUTO = 4,
    }
    dp_target {
        DP_TARGET_UNKNOWN = -1,
        DP_TARGET_NATIVE = 0,
        DP_TARGET_PLAIN = 1,
        DP_TARGET_ROWS = 2,
        DP_TARGET_AVX2 = 3,
        DP_TARGET_AVX512 = 4,
        DP_TARGET_NEON = 5,
    }
    dp_method {
        DP_METHOD_UNKNOWN = -1,
        DP_METHOD_DUALPATH = 0,
        DP_METHOD_AIM = 1,
        DP_METHOD_ST_ADAPTER = 2,
        DP_METHOD_VPT = 3,
        DP_METHOD_ADAPTFORMER = 4,
        DP_METHOD_PROBE = 5,
    }
    dp_log_level {
        DP_LOG_WARNING = 1,
        DP_LOG_INFO = 2,
    }
    dp_format {
        DP_FORMAT_UNKNOWN = -1,
        DP_FORMAT_RGB24 = 0,
        DP_FORMAT_BGR24 = 1,
        DP_FORMAT_RGBA = 2,
        DP_FORMAT_BGRA = 3,
        DP_FORMAT_GRAY8 = 4,
        DP_FORMAT_NV12 = 5,
        DP_FORMAT_I420 = 6,
    }
    dp_color {
        DP_COLOR_UNKNOWN = -1,
        DP_COLOR_BT601_LIMITED = 0,
        DP_COLOR_BT601_FULL = 1,
        DP_COLOR_BT709_LIMITED = 2,
        DP_COLOR_BT709_FULL = 3,
        DP_COLOR_BT2020_LIMITED = 4,
        DP_COLOR_BT2020_FULL = 5,
    }
    dp_sampling {
        DP_SAMPLING_UNKNOWN = -1,
        DP_SAMPLING_MODEL = 0,
        DP_SAMPLING_FIRST = 1,
        DP_SAMPLING_UNIFORM = 2,
        DP_SAMPLING_GIVEN = 3,
        DP_SAMPLING_CENTER = 4,
        DP_SAMPLING_INTERVAL = 5,
        DP_SAMPLING_SPREAD = 6,
        DP_SAMPLING_SEGMENTS = 7,
    }
    dp_attention_kind {
        DP_ATTENTION_NONE = 0,
        DP_ATTENTION_LAST = 1,
        DP_ATTENTION_ROLLOUT = 2,
    }
    dp_path {
        DP_PATH_SPATIAL = 0,
        DP_PATH_TEMPORAL = 1,
    }
    dp_full {
        DP_FULL_UNKNOWN = -1,
        DP_FULL_REFUSE = 0,
        DP_FULL_WAIT = 1,
        DP_FULL_DROP = 2,
    }
    ;
    DP_ABI_VERSION: u32 = 0,
    DP_CPU_AVX2: u32 = 1,
    DP_CPU_AVX512: u32 = 2,
    DP_CPU_VNNI: u32 = 4,
    DP_CPU_BF16: u32 = 8,
    DP_CPU_AMX: u32 = 16,
    DP_CPU_NEON: u32 = 256,
    DP_CPU_DOTPROD: u32 = 512,
    DP_CPU_I8MM: u32 = 1024,
    DP_CPU_ARM_BF16: u32 = 2048,
    DP_CPU_ALL: u32 = 0xffff_ffff,
    DP_MAX_THREADS: i32 = 256,
    DP_MAX_FRAME_SIDE: i32 = 65536,
    DP_MAX_ASPECT: i32 = 65536,
    DP_MAX_VIEWS: i32 = 256,
    DP_MAX_CROPS: i32 = 64,
    DP_MAX_HOP: i32 = 65536,
    DP_MAX_QUEUE: i32 = 1024,
    DP_MAX_SMOOTH: i32 = 255,
}
