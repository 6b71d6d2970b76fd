/*
 * dualpath.h - the public interface of libdualpath: action recognition in video on a CPU.
 *
 * DualPath ("Dual-path Adaptation from Image to Video Transformers", CVPR 2023) runs one frozen
 * image transformer twice over a clip: a spatial path over a few full frames, and a temporal path
 * over framesets, which are many shrunken frames tiled into one image. Small adapters make the
 * difference. A complete program:
 *
 *     dp_model *model = NULL;
 *     dp_session *session = NULL;
 *     dp_clip clip;
 *     dp_result result;
 *     dp_clip_default(&clip);
 *     dp_result_default(&result);
 *     clip.frames = frames;             // an array of dp_frame, see dp_frame_rgb24()
 *     clip.frame_count = frame_count;   // the whole video: sampling is done here
 *     if (dp_model_open("model.gguf", NULL, &model) != DP_OK ||
 *         dp_session_create(model, NULL, &session) != DP_OK) {
 *         puts(dp_last_message());
 *     } else if (dp_classify_clip(session, &clip, &result) != DP_OK) {
 *         puts(dp_session_message(session));
 *     } else {
 *         dp_prediction top;
 *         dp_session_top(session, 1, &top);
 *         printf("%s %.1f %%\n", top.label, 100 * top.probability);
 *     }
 *     dp_session_destroy(session);
 *     dp_model_close(model);
 *
 * Rules that hold for every call:
 * - Nothing aborts, prints or exits. A call that can fail returns a dp_status, and leaves a
 *   sentence that says what was wrong: dp_session_message() for calls on a session,
 *   dp_last_message() for all others.
 * - A call is named dp_OBJECT_VERB(), or dp_OBJECT_NOUN() where it only asks. OBJECT is what the
 *   call makes, or is about before it is made (dp_session_size(), dp_model_verify()), and for all
 *   others the type of the first argument. dp_classify_clip() is the one exception: it is the call
 *   that this library exists for. Calls without an object are about the library (dp_version()) or
 *   the thread (dp_last_message(): there is no object that could keep its sentence).
 * - Structs that begin with struct_size have a *_default() initialiser. Always call it: it sets
 *   struct_size to the size that the program was compiled with, which is checked, and every other
 *   field to what the call does by default. (*_init() is the same for a struct_size that a binding
 *   of another language gives.)
 * - Later versions add fields to these structs at the end. The library takes the shorter struct of
 *   a program that is older, whose missing fields have their defaults, and the longer one of a
 *   newer program, as long as all fields that it does not know are 0.
 * - All other structs must be initialised as a whole, by {0} or memset(): they have room for later
 *   fields, named `reserved`, which is 0.
 * - Bytes that this version has no field for, reserved ones among them, are an error where a caller
 *   sets them: DP_ERR_ARGUMENT (of a frame, DP_ERR_FRAME) with a sentence that names struct and
 *   byte. In structs that the library fills it sets them to 0.
 * - Names of numbers (dp_status_name() and its like) are in static storage and never NULL. Counting
 *   from 0 to the first number without a name lists them all.
 * - A NULL options pointer means the defaults. Output pointers are set to NULL on failure.
 * - A model is immutable once open: any number of threads and sessions may share it, and a pool. A
 *   session belongs to one thread at a time.
 * - Destroying or closing NULL does nothing. Models, pools and sessions may be closed before what
 * is on them: a session holds on to its model and its pool, a task to its backbone, a stream to its
 *   session. What was closed is not to be used in calls any more; it is freed with the last that
 *   holds on to it, and so an arena is in use until then.
 * - A thread that calls needs a stack of 64 KiB, beside what callbacks and signal handlers of the
 *   host take. The library's own threads have stacks of 512 KiB, whatever `ulimit -s` says.
 * - fork() may be called at any time, also while other threads are in calls. The child may use and
 *   free what its parent made, models, sessions, pools and tasks, and make others. The threads of a
 *   session or pool stay in the parent: in the child its calls work alone, with the same answer,
 *   and dp_session_threads() goes on saying what it was made with. A session that another thread
 *   was using at that moment takes a new clip, and what calls of other threads were making is lost.
 *   A stream that another thread was using is to be reset; the child's first call on a stream is to
 *   be alone.
 *   The child waits for no lock. An arena must not lie in memory that parent and child share.
 * - Declarations added after the first version say so at the end of their comment (Since ...).
 */
#ifndef DUALPATH_H
#define DUALPATH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(DP_BUILD_SHARED) && defined(__GNUC__) && !defined(_WIN32)
#define DP_API __attribute__((visibility("default")))
#else
#define DP_API
#endif

/* Marks declarations that will be removed: compilers warn about uses. Since 0.2.0. */
#if defined(__cplusplus) && __cplusplus >= 201402L
#define DP_DEPRECATED(message) [[deprecated(message)]]
#elif defined(__GNUC__)
#define DP_DEPRECATED(message) __attribute__((deprecated(message)))
#elif defined(_MSC_VER)
#define DP_DEPRECATED(message) __declspec(deprecated(message))
#else
#define DP_DEPRECATED(message)
#endif

/* ------------------------------------------------------------------------------------------
 * Version
 */

#define DP_VERSION_MAJOR 0
#define DP_VERSION_MINOR 2
#define DP_VERSION_PATCH 0
#define DP_VERSION_STRING "0.2.0"
/* For #if. Since 0.2.0. */
#define DP_VERSION_NUMBER (DP_VERSION_MAJOR * 10000 + DP_VERSION_MINOR * 100 + DP_VERSION_PATCH)

/* A program that was built with this version runs with every later library of the same
 * DP_ABI_VERSION. It runs with an earlier one, if that has structs that grow, as long as
 * that has the calls it uses; an option that the library does not know is an error. The exception:
 * declarations under DP_EXPERIMENTAL may change in any version. DP_ABI_VERSION is 0 until
 * version 1.0. */
#define DP_ABI_VERSION 0

/* DP_VERSION_NUMBER of the library that is running. */
DP_API uint32_t dp_version(void);
/* DP_VERSION_STRING of the library that is running. Static storage. */
DP_API const char *dp_version_string(void);
/* DP_ABI_VERSION of the running library: the number in its SONAME. Programs built against another
 * one must not use it. */
DP_API uint32_t dp_abi_version(void);

/* ------------------------------------------------------------------------------------------
 * Statuses
 */

/* Numbers are never reused or changed. */
typedef enum dp_status {
    DP_ERR_UNKNOWN = -1, /* dp_status_from_name() of an unknown name */
    DP_OK = 0,
    DP_ERR_ARGUMENT = 1,    /* a null pointer, a number out of range, an unknown option */
    DP_ERR_MEMORY = 2,      /* an allocation failed */
    DP_ERR_ARENA = 3,       /* the caller's arena is too small or not aligned */
    DP_ERR_IO = 4,          /* the file could not be opened, read or written */
    DP_ERR_FORMAT = 5,      /* not a weight file, or a malformed one */
    DP_ERR_UNSUPPORTED = 6, /* a sound file, but this build cannot run it */
    DP_ERR_CHECKSUM = 7,    /* the bytes of a tensor are not those that were written */
    DP_ERR_FRAME = 8,       /* a frame descriptor is not usable */
    DP_ERR_CANCELLED = 9,   /* the progress callback asked to stop */
    DP_ERR_NO_HEAD = 10,    /* the model answers features only; there are no classes */
    DP_ERR_NUMERIC = 11,    /* the answer is not finite: the weights or the file are broken */
    DP_ERR_THREAD = 12,     /* a thread could not be started */
    DP_ERR_BACKBONE = 13,   /* a task without its backbone, or on another one. Since 0.2.0. */
    DP_ERR_FULL = 14        /* the queue of a stream is full: compute first. Since 0.2.0. */
} dp_status;

/* "DP_OK", "DP_ERR_ARGUMENT", ...; "DP_ERR_UNKNOWN" for any other number. */
DP_API const char *dp_status_name(int32_t status);
/* The dp_status of this name; DP_ERR_UNKNOWN for any other text and NULL. Since 0.2.0. */
DP_API int32_t dp_status_from_name(const char *name);

/* The message of the calling thread's last failed call that was not on a session:
 * opening, sizing, creating, verifying, queries. Never NULL; empty before the first failure. Valid
 * until the next failing call in this thread. */
DP_API const char *dp_last_message(void);

/* ------------------------------------------------------------------------------------------
 * Callbacks
 */

/* Where memory comes from. allocate() returns `size` bytes aligned to at least 64, or NULL;
 * release() gets what allocate() returned, with the same size. Both may be called from any thread
 * that opens, verifies, compiles, creates, destroys or closes, never during dp_classify_clip(). */
typedef struct dp_allocator {
    void *(*allocate)(void *user, size_t size);
    void (*release)(void *user, void *block, size_t size);
    void *user;
    void *reserved[2]; /* NULL */
} dp_allocator;

typedef enum dp_log_level { DP_LOG_WARNING = 1, DP_LOG_INFO = 2 } dp_log_level;

/* Gets one sentence without a newline. Called only inside a call of the library, from the thread
 * that made the call. */
typedef void (*dp_log_fn)(void *user, dp_log_level level, const char *message);

/* Called in the calling thread while the call works, with its stage and the fraction of the whole
 * call that is done, from 0 to 1, which never falls. Return 0 to continue, anything else to cancel:
 * the call then returns DP_ERR_CANCELLED, and session and model are as usable as before it. The
 * stages, in the order of a call, those that it does not need left out:
 *   opening     "reading" (bytes of a pipe or a callback, whose number is not known: the fraction
 *               stays), "inflating" (gzip), "verifying" (checksums), "fusing" (weights)
 *   verifying   "reading", "inflating", "verifying"
 *   compiling   "writing"
 *   clips       for each view and crop "frames", "patches", "blocks", "head"
 * All but those of clips ask after 4 MiB, 2^22 numbers or 2^27 multiply-adds, which take about 100
 * ms at most; a clip asks after each block of the model. Waiting for a callback does not ask, and
 * for a pipe only when a signal comes. */
typedef int (*dp_progress_fn)(void *user, const char *stage, double fraction);

/* ------------------------------------------------------------------------------------------
 * Models
 */

typedef struct dp_model dp_model;

/* Instruction sets, for dp_model_options.cpu_mask. */
#define DP_CPU_AVX2 1u   /* AVX2, FMA, F16C */
#define DP_CPU_AVX512 2u /* AVX-512 F, BW, DQ, VL */
#define DP_CPU_VNNI 4u   /* AVX512-VNNI (with AVX-512), AVX-VNNI (with AVX2). Since 0.2.0. */
#define DP_CPU_BF16 8u   /* AVX512-BF16. Since 0.2.0. */
/* AMX with bf16 and int8, on Linux, which is asked for it when a model is opened that would use it:
 * never with this bit clear, or in f32. The process keeps it from then on, and its alternate signal
 * stacks must have room for it (getauxval(AT_MINSIGSTKSZ)). If Linux refuses, since one has not,
 * the model computes without it: `kernels` of dp_model_info and a warning to `log` say so. Since
 * 0.2.0. */
#define DP_CPU_AMX 16u
/* Those of 64-bit ARM. Since 0.2.0. */
#define DP_CPU_NEON 256u
#define DP_CPU_DOTPROD 512u   /* dot products of bytes */
#define DP_CPU_I8MM 1024u     /* matrix products of bytes */
#define DP_CPU_ARM_BF16 2048u /* matrix products of bf16 */
#define DP_CPU_ALL 0xffffffffu

/* The number type of matrix products; sums, layer norms, softmax and the residual stream
 * are f32 in all of them. Since 0.2.0. */
typedef enum dp_precision {
    DP_PRECISION_UNKNOWN = -1, /* dp_precision_from_name() of an unknown name */
    /* That of a compiled file, and f32 for any other. */
    DP_PRECISION_DEFAULT = 0,
    /* Exact: what the weight file says, up to f32 rounding. */
    DP_PRECISION_F32 = 1,
    /* Weights and what they are multiplied with are rounded to bf16 (8 significant bits), products
     * summed in f32. Half the memory. */
    DP_PRECISION_BF16 = 2,
    /* Weights are rounded to bytes with a scale per output, rows to bytes with a scale of their
     * own, found as they come; sums are exact. Attention is bf16 where the processor multiplies
     * that faster than f32, and f32 elsewhere; the classifier is f32. A quarter of the memory. */
    DP_PRECISION_INT8 = 3,
    /* That of a compiled file; for any other bf16 where this processor multiplies it faster than
     * f32 (DP_CPU_BF16, DP_CPU_AMX or DP_CPU_ARM_BF16), else f32. int8 is never chosen unasked: how
     * much it changes depends on the model. */
    DP_PRECISION_AUTO = 4
} dp_precision;

/* "default", "f32", "bf16", "int8", "auto"; "unknown" for any other number. Since 0.2.0. */
DP_API const char *dp_precision_name(int32_t precision);
/* The dp_precision of this name; DP_PRECISION_UNKNOWN for any other text and NULL. Since 0.2.0. */
DP_API int32_t dp_precision_from_name(const char *name);

/* How weights are laid out in memory and in compiled files: what one family of instruction sets
 * reads. Since 0.2.0. */
typedef enum dp_target {
    DP_TARGET_UNKNOWN = -1, /* dp_target_from_name() of an unknown name */
    DP_TARGET_NATIVE = 0,   /* the fastest here; of a compiled file, its own */
    DP_TARGET_PLAIN = 1,    /* plain C, which every machine can run */
    DP_TARGET_ROWS = 2,     /* plain C without any panels, row by row: for firmware without SIMD */
    DP_TARGET_AVX2 = 3,     /* AVX2, with AVX-VNNI or without */
    DP_TARGET_AVX512 = 4,   /* AVX-512, AVX512-VNNI with bf16, and AMX */
    DP_TARGET_NEON = 5      /* 64-bit ARM, with dot products, i8mm and bf16 or without */
} dp_target;

/* "native", "plain", "rows", "avx2", "avx512", "neon"; "unknown" for any other number. Since 0.2.0.
 */
DP_API const char *dp_target_name(int32_t target);
/* The dp_target of this name; DP_TARGET_UNKNOWN for any other text and NULL. Since 0.2.0. */
DP_API int32_t dp_target_from_name(const char *name);

/* How a frozen image transformer was adapted to video (docs/weight-format.md). All but DualPath
 * have one path: each of the T frames is an image of it. Since 0.2.0. */
typedef enum dp_method {
    DP_METHOD_UNKNOWN = -1, /* dp_method_from_name() of an unknown name */
    /* Adapters in a spatial and a temporal path (Park et al., CVPR 2023). */
    DP_METHOD_DUALPATH = 0,
    /* Attention over time with the frozen weights, and adapters (Yang et al., ICLR 2023). */
    DP_METHOD_AIM = 1,
    /* Bottlenecks with a depthwise convolution over frames (Pan et al., NeurIPS 2022). */
    DP_METHOD_ST_ADAPTER = 2,
    /* Learned tokens beside the patches of each image (Jia et al., ECCV 2022). */
    DP_METHOD_VPT = 3,
    /* An adapter beside each MLP (Chen et al., NeurIPS 2022). */
    DP_METHOD_ADAPTFORMER = 4,
    /* A linear classifier on the frozen transformer. */
    DP_METHOD_PROBE = 5
} dp_method;

/* "dualpath", "aim", "st-adapter", "vpt", "adaptformer", "probe"; "unknown" for any other number.
 * Since 0.2.0. */
DP_API const char *dp_method_name(int32_t method);
/* The dp_method of this name; DP_METHOD_UNKNOWN for any other text and NULL. Since 0.2.0. */
DP_API int32_t dp_method_from_name(const char *name);

typedef struct dp_model_options {
    size_t struct_size;
    /* NULL: the C library's. Must outlive the model, and sessions and tasks on it. */
    const dp_allocator *allocator;
    dp_log_fn log; /* or NULL */
    void *log_user;
    dp_progress_fn progress; /* or NULL */
    void *progress_user;
    /* Upper bound in bytes for what a compressed file may inflate to. 0 (default): by its size, 1
     * MiB and eight times the compressed bytes, which weights keep far below. */
    size_t max_inflated_size;
    /* Non-zero: check the CRC-32 of every tensor while opening; a file that carries none is then
     * DP_ERR_UNSUPPORTED. Compressed files that carry them are always checked. */
    int32_t verify;
    /* Non-zero: keep adapters and layer norms apart from the frozen matrices and compute the
     * paper's formulas one by one. The same answer up to rounding, slower; for tests. */
    int32_t unfused;
    /* Instruction sets that may be used, of those the machine has: DP_CPU_* or'ed, each with those
     * it builds on (AVX-512 needs AVX2, bf16 and AMX need AVX-512; of ARM, all need NEON). 0 leaves
     * plain C. The environment variable DUALPATH_CPU, read once, lowers it: "c", "avx2",
     * "avx2-vnni", "avx512", "avx512-vnni" (with bf16), "amx", or "neon", "neon-dot", "neon-i8mm"
     * (with bf16), each with those that it builds on; anything else counts as unset. */
    uint32_t cpu_mask;
    /* dp_precision. A compiled file has one of its own, and another one is DP_ERR_UNSUPPORTED. With
     * `unfused` DP_PRECISION_BF16 and DP_PRECISION_INT8 are errors. Since 0.2.0. */
    int32_t precision;
    /* dp_target: how weights are laid out; for dp_model_compile(). With a target that nothing on
     * this machine (within cpu_mask) reads, a model can be described and compiled, but sessions on
     * it are DP_ERR_UNSUPPORTED. A compiled file has a target of its own: another one is
     * DP_ERR_UNSUPPORTED, and so is a file that cannot be read here, unless its target is given by
     * name. Since 0.2.0. */
    int32_t target;
    /* Non-zero: tasks will be opened on this model (dp_model_open_task()). It then keeps its file,
     * which they are fused with: a mapped one must not be changed or shortened before the last of
     * them is closed, and takes no memory, and bytes in memory must stay as they are; what was read
     * or inflated stays in memory of the model. The file must carry checksums, and compiled ones
     * are DP_ERR_UNSUPPORTED. Since 0.2.0. */
    int32_t as_backbone;
    /* Upper bound in bytes for the memory that the model, tasks on it and sessions on it take
     * together, at any time; 0 (default): none. Opening counts, and so do verifying and compiling:
     * blocks count with the size that is asked of an allocator, the default one or the caller's.
     * Mapped files, bytes in memory that the caller keeps, arenas of the caller's, pools and the
     * stacks of threads do not. More is DP_ERR_MEMORY, with a sentence that says what was asked
     * for, what is in use and the limit, and leaves everything as it was. A task counts with its
     * backbone: 0 or the backbone's number. Since 0.2.0. */
    size_t max_memory;
} dp_model_options;

DP_API void dp_model_options_init(dp_model_options *options, size_t struct_size); /* Since 0.2.0. */
static inline void dp_model_options_default(dp_model_options *options) {
    dp_model_options_init(options, sizeof *options);
}

/* Opens a weight file (docs/weight-format.md), plain or gzip-compressed. A plain file is mapped
 * where the system can: nothing may shrink it during the call (as with any mapped file, that would
 * end the process; dp_model_open_reader() does not map). The file is not needed after the call, and
 * memory holds the weights once, in their precision. The call itself also needs one block's
 * matrices in f32, and the unread part of a compressed file.
 *
 * A compiled file (dp_model_compile()) is used where it is mapped, and must not be changed or
 * shortened before the model is freed; renaming another one to its name is safe. Its weights take
 * no memory of this process's own. Compressed ones are inflated into memory of the model. */
DP_API dp_status dp_model_open(const char *path, const dp_model_options *options, dp_model **model);

/* The same from bytes in memory, of any alignment; the file itself is not copied. What can be used
 * in its final form is used in place: the caller keeps the bytes alive and unchanged until
 * the model is freed. Compiled files are used there if they begin at a multiple of 64 bytes, and
 * else copied into memory of the model, with a warning to `log`. */
DP_API dp_status dp_model_open_memory(const void *bytes, size_t size,
                                      const dp_model_options *options, dp_model **model);

/* A source of bytes. read() copies up to `size` bytes from `offset` into `buffer` and returns how
 * many it copied; 0 means the end of the data, a negative number a failure. Offsets only grow.
 * Called only while the model is being opened or verified. */
typedef struct dp_reader {
    int64_t (*read)(void *user, uint64_t offset, void *buffer, size_t size);
    void *user;
    void *reserved[2]; /* NULL */
} dp_reader;

/* The same through a callback. All bytes are read, into memory that is free again when the call
 * returns: on Linux and without an allocator of the caller's, tensor by tensor as they are used.
 * Those of a compiled file stay in memory of the model. */
DP_API dp_status dp_model_open_reader(const dp_reader *reader, const dp_model_options *options,
                                      dp_model **model);

/* Opens a task file (docs/weight-format.md) on a model that was opened with `as_backbone`:
 * adapters, position tables, class token, classifier, labels and sampling are the task's, and the
 * frozen matrices those of the backbone, which are in memory once for all tasks on it. What is
 * opened is a model like any other, and answers what one file with the same weights answers, bit
 * for bit.
 *
 * The file names its backbone by a hash of the frozen tensors (`backbone` of dp_model_info);
 * another one is DP_ERR_BACKBONE with a message that names both, as is a task that is opened
 * without any, or a file that is no task. Any model whose frozen tensors have that hash will do;
 * for a task, its own backbone is taken.
 *
 * A task computes as its backbone does: options that ask for another precision, target, cpu_mask or
 * form are DP_ERR_ARGUMENT, the defaults stand for the backbone's. It holds on to its backbone,
 * which may be closed by its owner at any time: its memory, and what its options name, is used
 * until the last task on it is closed. Tasks may be opened and closed in any number of threads at
 * the same time. Since 0.2.0. */
DP_API dp_status dp_model_open_task(dp_model *backbone, const char *path,
                                    const dp_model_options *options, dp_model **model);

/* The same from bytes in memory, which are not needed any more when the call returns. Since 0.2.0.
 */
DP_API dp_status dp_model_open_task_memory(dp_model *backbone, const void *bytes, size_t size,
                                           const dp_model_options *options, dp_model **model);

/* The same through a callback. Since 0.2.0. */
DP_API dp_status dp_model_open_task_reader(dp_model *backbone, const dp_reader *reader,
                                           const dp_model_options *options, dp_model **model);

/* A sink of bytes, front to back. write() takes up to `size` bytes and returns how many it took;
 * what it left is given again. 0 or a negative number is a failure. Since 0.2.0. */
typedef struct dp_writer {
    int64_t (*write)(void *user, const void *bytes, size_t size);
    void *user;
    void *reserved[2]; /* NULL */
} dp_writer;

/* Writes the model as a compiled file (docs/weight-format.md): its weights as they are in memory,
 * fused, rounded to its precision and laid out for its target. For a task, the weights that it
 * shares are written, too: the file is a model of its own. Opening such a file copies no weights,
 * and processes that have it open share their memory. DP_ERR_UNSUPPORTED for models that were
 * opened `unfused`.
 *
 * The file is written under another name in the same folder and then renamed, so that a file that
 * has the path stays whole until the new one is complete; processes that have it mapped go on with
 * the old one (on Windows it cannot be replaced while somebody has it open). When anything fails,
 * nothing is left. A file that is replaced hands on its permissions, but not its owner (on Windows
 * the new one has those that its folder gives). A symbolic link stays, and the file that it names
 * is replaced; one that names none is DP_ERR_IO. Devices and pipes are written to directly (a pipe
 * that nobody reads any more raises SIGPIPE, as for any other write). DP_ERR_IO with the path and
 * the reason when the file cannot be created or written. Since 0.2.0. */
DP_API dp_status dp_model_compile(const dp_model *model, const char *path);

/* The same with a progress callback (or NULL), which is used only during the call. Compiling to
 * memory has none; a writer stops by failing. Since 0.2.0. */
DP_API dp_status dp_model_compile_watched(const dp_model *model, const char *path,
                                          dp_progress_fn progress, void *progress_user);

/* The same to memory. *size becomes the size of the file; with `buffer` NULL that is all. With a
 * `capacity` of less, nothing is written, and it is DP_ERR_ARGUMENT. Since 0.2.0. */
DP_API dp_status dp_model_compile_memory(const dp_model *model, void *buffer, size_t capacity,
                                         size_t *size);

/* The same through a callback. DP_ERR_IO when it fails. Since 0.2.0. */
DP_API dp_status dp_model_compile_writer(const dp_model *model, const dp_writer *writer);

/* Closes the model. All of it is freed here, or with the last session or task on it. */
DP_API void dp_model_close(dp_model *model);

typedef struct dp_model_info {
    size_t struct_size;
    const char *name;        /* general.name of the file, or "" */
    const char *description; /* one line: architecture, sizes, precision */
    const char *kernels;     /* instruction set in use: "c", "avx2", "neon-i8mm", ... */
    const char *file_type; /* of the matrices in the file: "f32", "f16", "bf16", "q8_0", "mixed" */
    /* The hash of the frozen tensors, 16 digits: what tasks name their backbone by; of a task, that
     * of its own. "" for files without checksums and compiled ones. Since 0.2.0. */
    const char *backbone;
    int32_t precision;          /* dp_precision that is computed in */
    int32_t target;             /* dp_target of the weights; 0: none. Since 0.2.0. */
    int32_t compiled;           /* 1: from a compiled file. Since 0.2.0. */
    int32_t input_size;         /* R: frames are resized and cropped to R x R */
    int32_t patch_size;         /* p */
    int32_t width;              /* D */
    int32_t heads;              /* H */
    int32_t blocks;             /* L */
    int32_t feature_size;       /* O: length of y_t and of y_s */
    int32_t classes;            /* C; 0: no head, features only */
    int32_t frames;             /* T: sampled frames a view */
    int32_t spatial_frames;     /* Ts: of them, those the spatial path sees */
    int32_t grid;               /* g: a frameset is g x g frames; 0: one path */
    int32_t framesets;          /* T / (g*g); 0: one path */
    int32_t sampling_rate;      /* r: the distance in frames the model was trained with */
    int32_t adapter_width;      /* largest bottleneck; 0: no adapters */
    float mean[3], std[3];      /* of R, G, B in 0..1 */
    int64_t parameters;         /* numbers in the file */
    int64_t adapter_parameters; /* of them, adapters, position tables, class token and head */
    int64_t macs;               /* multiply-adds that are executed for one view */
    int64_t weight_bytes;       /* memory the model holds; a mapped file counts with its size; what
                                   a task shares does not */
    int64_t shared_bytes;       /* of a task: weight_bytes of its backbone; else 0. Since 0.2.0. */
    /* What counts for max_memory at this moment, of the model, tasks on it and sessions on it; 0
     * without max_memory. Since 0.2.0. */
    int64_t counted_bytes;
    int32_t method;  /* dp_method. Since 0.2.0. */
    int32_t prompts; /* of DP_METHOD_VPT: learned tokens an image; else 0. Since 0.2.0. */
    /* The protocol: how the model's evaluation makes pixels of a clip, and one answer of its views
     * (docs/weight-format.md). Since 0.2.0. */
    const char *protocol; /* all of it, in words: two sentences; "" if the build leaves them out */
    const char *past_end; /* where a view needs more frames: "repeat", "wrap" */
    const char *average;  /* of several views: "logits", "probabilities" */
    const char *resize_filter;    /* "bilinear", "bicubic" */
    const char *resize_long_side; /* R * long / short is rounded: "down", "nearest" */
    const char *crop_offset;      /* half of what a crop leaves out: "half-even", "down" */
    int32_t sampling;             /* dp_sampling */
    int32_t views, crops;         /* of a clip that does not say how many */
    int32_t resize_antialias;     /* 1: frames that shrink are smoothed before, */
    int32_t grid_antialias;       /* and so are they on their way into a cell, */
    int32_t position_antialias;   /* and the map of frame indices of a frameset */
} dp_model_info;

DP_API void dp_model_info_init(dp_model_info *info, size_t struct_size); /* Since 0.2.0. */
static inline void dp_model_info_default(dp_model_info *info) {
    dp_model_info_init(info, sizeof *info);
}

/* Strings live as long as the model. */
DP_API dp_status dp_model_get_info(const dp_model *model, dp_model_info *info);

/* The name of class `index`; "" where the file names none; NULL when there is no such class. */
DP_API const char *dp_model_label(const dp_model *model, int32_t index);

/* Checks every tensor of a file against its CRC-32 without building a model. DP_ERR_CHECKSUM names
 * the first that differs, DP_ERR_UNSUPPORTED says that the file carries no checksums. Of the
 * options, those for reading a file are used: allocator, progress, max_inflated_size. */
DP_API dp_status dp_model_verify(const char *path, const dp_model_options *options);

/* The same of bytes in memory, and through a callback. Since 0.2.0. */
DP_API dp_status dp_model_verify_memory(const void *bytes, size_t size,
                                        const dp_model_options *options);
DP_API dp_status dp_model_verify_reader(const dp_reader *reader, const dp_model_options *options);

/* ------------------------------------------------------------------------------------------
 * Threads that sessions share, and threads of the host
 *
 * A session computes with threads of its own, unless its options name a pool or a scheduler. The
 * answer does not depend on any of this, bit for bit.
 */

#define DP_MAX_THREADS 256

/* Threads for the sessions of a program. Any number of sessions on one pool may classify at the
 * same time, each call in its own thread: a call always works on its own clip, and the pool's
 * threads help those calls that have work left, the one with the fewest helpers first. They sleep
 * when there is none. They use the rounding mode of the thread they help, and block all signals but
 * those of a fault (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT), which they have
 * blocked as the thread that starts them. Since 0.2.0. */
typedef struct dp_pool dp_pool;

typedef struct dp_pool_options {
    size_t struct_size;
    /* NULL: the C library's. Must outlive the pool, and sessions on it. */
    const dp_allocator *allocator;
    /* Threads that compute at the same time, calling ones among them: 1 to DP_MAX_THREADS; 0
     * (default): as dp_session_options.threads. The pool starts one thread fewer, since each call
     * brings its own, and lets them work only while no more than this number compute: with as many
     * calls at a time, or more, each call works alone. */
    int32_t threads;
    int32_t reserved; /* 0 */
} dp_pool_options;

DP_API void dp_pool_options_init(dp_pool_options *options, size_t struct_size); /* Since 0.2.0. */
static inline void dp_pool_options_default(dp_pool_options *options) {
    dp_pool_options_init(options, sizeof *options);
}

/* Starts the threads of a pool. DP_ERR_THREAD when one could not be started: then none is left
 * running. Since 0.2.0. */
DP_API dp_status dp_pool_create(const dp_pool_options *options, dp_pool **pool);

/* Closes the pool. Its threads are stopped and it is freed here, or with the last session on it.
 * Since 0.2.0. */
DP_API void dp_pool_destroy(dp_pool *pool);

/* How many threads compute at the same time, calling ones among them; 0 for NULL. Since
 * 0.2.0. */
DP_API int32_t dp_pool_threads(const dp_pool *pool);

/* The host's own threads instead of ours: a session with a scheduler starts none.
 *
 * run() is called from the thread that classifies, several times for each block of the model. It
 * calls body(argument, w) once for each w in 0 .. workers-1, and returns when all those calls have
 * returned. They may be made in any order, at the same time or one after another, in any threads,
 * the calling one among them; what is written before a call must be seen in it, and what it wrote
 * after run() returned, as locks and joins see to. body() takes what work is left, and returns when
 * there is none: one that begins late returns at once. Work that is left when run() returns is done
 * by the calling thread. body() neither blocks nor allocates nor calls back.
 *
 * A host that makes two calls with the same w at the same time, or returns before its calls have,
 * breaks this contract: two threads then share scratch memory, and answers are wrong, or memory is
 * used that is gone. Calls with any other w do nothing. run() may not call the library with the
 * same session. Since 0.2.0. */
typedef struct dp_scheduler {
    void (*run)(void *user, void (*body)(void *argument, int32_t worker), void *argument);
    void *user;
    int32_t workers; /* 1 .. DP_MAX_THREADS: as many calls of body() as may run at the same time */
    int32_t reserved[3]; /* 0 */
} dp_scheduler;

/* ------------------------------------------------------------------------------------------
 * Sessions
 */

typedef struct dp_session dp_session;

/* What a session keeps of attention. Since 0.2.0. */
typedef enum dp_attention_kind {
    DP_ATTENTION_NONE = 0,
    DP_ATTENTION_LAST = 1,   /* the weights of each head in the last block */
    DP_ATTENTION_ROLLOUT = 2 /* through all blocks: the class token's row of the product of
                                (A + I) / 2, the last block first, where A is the mean over the
                                heads of a block (Abnar and Zuidema, 2020) */
} dp_attention_kind;

typedef struct dp_session_options {
    size_t struct_size;
    const dp_allocator *allocator; /* NULL: the C library's. Must outlive the session. */
    /* A caller's memory instead of an allocator, of at least dp_session_size() bytes and aligned
     * to 64. The session and all it computes live there; nothing else is allocated by us. */
    void *arena;
    size_t arena_size;
    dp_log_fn log; /* or NULL */
    void *log_user;
    dp_progress_fn progress; /* or NULL */
    void *progress_user;
    /* Compute with the threads of a pool; NULL (default): with threads of the session's own. Since
     * 0.2.0. */
    dp_pool *pool;
    /* Compute with the host's threads; NULL (default): do not. Copied: the struct need not live on,
     * but what `user` points at must outlive the session. Not together with a pool. Since
     * 0.2.0. */
    const dp_scheduler *scheduler;
    /* Threads that compute, the calling one among them: 1 to DP_MAX_THREADS; 0 (default): as many
     * as this process may run at once by its affinity and, on Linux, by the processor quota of its
     * control groups (of a container), rounded up. Both are read when the session is created: it
     * keeps its number when they change. Its threads have the affinity of the thread that creates
     * it. With a pool or a scheduler: 0 or their number. The answer does not depend on it, bit for
     * bit. */
    int32_t threads;
    /* Non-zero: images go through the model one by one instead of all together. The answer is the
     * same, bit for bit. The session holds one image's activations instead of those of all, and
     * reads the weights once for each image instead of once a clip, which is slower where they come
     * from far away: for machines with little memory, with dp_session_push_frame().
     * DP_ERR_UNSUPPORTED for models whose frames meet in the blocks (DP_METHOD_AIM,
     * DP_METHOD_ST_ADAPTER). Since 0.2.0. */
    int32_t image_by_image;
    /* dp_attention_kind: keeps what the class tokens attend to, for dp_session_attention(). Answers
     * do not change. DP_ATTENTION_LAST takes 4 bytes for each image, head and token;
     * DP_ATTENTION_ROLLOUT 4 * blocks * tokens * tokens bytes for each image that is in memory.
     * Default DP_ATTENTION_NONE. Since 0.2.0. */
    int32_t attention;
    int32_t reserved; /* 0 */
} dp_session_options;

DP_API void dp_session_options_init(dp_session_options *options,
                                    size_t struct_size); /* Since 0.2.0. */
static inline void dp_session_options_default(dp_session_options *options) {
    dp_session_options_init(options, sizeof *options);
}

/* How many bytes a session with these options needs, before anything is created; it depends on the
 * number of threads, and on whose they are. `arena` and `arena_size` are ignored. */
DP_API dp_status dp_session_size(const dp_model *model, const dp_session_options *options,
                                 size_t *bytes);

/* Plans and takes all memory, and starts the session's own threads, which sleep when there is no
 * work. */
DP_API dp_status dp_session_create(const dp_model *model, const dp_session_options *options,
                                   dp_session **session);
DP_API void dp_session_destroy(dp_session *session);

/* How many threads compute for this session, the calling one among them: its own, its pool's, or
 * the workers of its scheduler; 0 for NULL. */
DP_API int32_t dp_session_threads(const dp_session *session);

/* The sentence of this session's last failed call; "" when there was none. Valid until the next
 * call on the session. For NULL: "". */
DP_API const char *dp_session_message(const dp_session *session);

/* ------------------------------------------------------------------------------------------
 * Clips
 */

/* Pixel formats. Samples are bytes. */
typedef enum dp_format {
    DP_FORMAT_UNKNOWN = -1, /* what dp_format_from_name() returns for a name that is none */
    DP_FORMAT_RGB24 = 0,    /* plane 0: R G B */
    DP_FORMAT_BGR24 = 1,    /* plane 0: B G R */
    DP_FORMAT_RGBA = 2,     /* plane 0: R G B A; A is not looked at */
    DP_FORMAT_BGRA = 3,     /* plane 0: B G R A; A is not looked at */
    DP_FORMAT_GRAY8 = 4,    /* plane 0: Y, full range; R = G = B = Y */
    DP_FORMAT_NV12 = 5,     /* plane 0: Y; plane 1: Cb Cr of each 2x2 pixels */
    DP_FORMAT_I420 = 6      /* plane 0: Y; plane 1: Cb, plane 2: Cr of each 2x2 pixels */
} dp_format;

/* "rgb24", "bgr24", "rgba", "bgra", "gray8", "nv12", "i420"; "unknown" for any other number. Since
 * 0.2.0. */
DP_API const char *dp_format_name(int32_t format);
/* The dp_format of this name; DP_FORMAT_UNKNOWN for any other text and NULL. Since 0.2.0. */
DP_API int32_t dp_format_from_name(const char *name);

/* How NV12 and I420 become RGB. A chroma sample serves its 2x2 pixels; results are clamped to
 * 0..255 and not rounded. Only the matrix is applied: transfer functions and primaries stay what
 * they are, and nothing maps the tones of HDR. */
typedef enum dp_color {
    DP_COLOR_UNKNOWN = -1, /* what dp_color_from_name() returns for a name that is none */
    DP_COLOR_BT601_LIMITED = 0,
    DP_COLOR_BT601_FULL = 1,
    DP_COLOR_BT709_LIMITED = 2,
    DP_COLOR_BT709_FULL = 3,
    DP_COLOR_BT2020_LIMITED = 4, /* with non-constant luminance. Since 0.2.0. */
    DP_COLOR_BT2020_FULL = 5     /* the same. Since 0.2.0. */
} dp_color;

/* "bt601-limited", "bt601-full", "bt709-limited", "bt709-full", "bt2020-limited", "bt2020-full";
 * "unknown" for any other number. Since 0.2.0. */
DP_API const char *dp_color_name(int32_t color);
/* The dp_color of this name; DP_COLOR_UNKNOWN for any other text and NULL. Since 0.2.0. */
DP_API int32_t dp_color_from_name(const char *name);

#define DP_MAX_FRAME_SIDE 65536
#define DP_MAX_ASPECT 65536 /* of aspect_width and aspect_height. Since 0.2.0. */

/* One frame, described, not owned: the bytes must stay as they are during the call. `plane` points
 * at the first sample of the top row; `stride` is the distance in bytes from a row to the one below
 * it and may be negative. Chroma planes have (width + 1) / 2 columns and (height + 1) / 2 rows.
 * Unused planes are ignored. Rows of a plane must not overlap. width and height are 1 ..
 * DP_MAX_FRAME_SIDE; frames of one clip may differ. Nothing outside the described samples is read.
 *
 * All of this is about the picture as it is stored. `rotation` and `mirrored` say how it becomes
 * upright: if `mirrored` is not 0, it is first mirrored left to right; then it is turned clockwise
 * by `rotation` degrees. Nothing is copied: the answer is, bit for bit, that of a frame whose
 * pixels were turned before. Pixels of NV12 and I420 keep the chroma that serves them where they
 * are stored. The orientations of EXIF are:
 *
 *     orientation    1    2    3    4    5    6    7    8
 *     mirrored       0    1    0    1    1    0    1    0
 *     rotation       0    0  180  180  270   90   90  270
 *
 * `aspect_width` and `aspect_height` are the shape of a stored pixel when it is shown, width to
 * height: 16 and 11 say that it is wider than high. Only their ratio counts; both are 1 ..
 * DP_MAX_ASPECT, or both 0, which means square. The picture is shown width * aspect_width wide and
 * height * aspect_height high, in the same unit, and the other way round if `rotation` is 90 or
 * 270. The model sees it so: the shorter of these two sides becomes R, the longer one R * longer /
 * shorter, rounded as the model says, in one pass from the stored pixels. Crops go along the longer
 * one.
 */
typedef struct dp_frame {
    const uint8_t *plane[3];
    ptrdiff_t stride[3];
    int32_t width, height;
    int32_t format;                      /* dp_format */
    int32_t color;                       /* dp_color; used for NV12 and I420 */
    int32_t rotation;                    /* 0, 90, 180 or 270. Since 0.2.0. */
    int32_t mirrored;                    /* Since 0.2.0. */
    int32_t aspect_width, aspect_height; /* of a stored pixel; 0 and 0: square. Since 0.2.0. */
    int32_t reserved[4];                 /* 0 */
} dp_frame;

/* Describes a tightly packed frame: rows from top to bottom with nothing between them, planes one
 * after the other in the order of dp_format. All other fields become 0. Returns how many bytes
 * `pixels` holds, or 0 for an invalid format or size, which the call that gets the frame reports.
 * `frame` may be NULL, to ask only, and so may `pixels`. Since 0.2.0. */
DP_API uint64_t dp_frame_init_packed(dp_frame *frame, int32_t format, const uint8_t *pixels,
                                     int32_t width, int32_t height);

/* The same as a struct. This and the next ones are inline, so that no struct is returned from the
 * library: what the program gets is its own dp_frame. Since 0.2.0. */
static inline dp_frame dp_frame_packed(int32_t format, const uint8_t *pixels, int32_t width,
                                       int32_t height, int32_t color) {
    dp_frame frame;
    dp_frame_init_packed(&frame, format, pixels, width, height);
    frame.color = color;
    return frame;
}

/* Tightly packed pixels [height][width][3]. */
static inline dp_frame dp_frame_rgb24(const uint8_t *pixels, int32_t width, int32_t height) {
    return dp_frame_packed(DP_FORMAT_RGB24, pixels, width, height, 0);
}

/* The same for each other format. Since 0.2.0. */
static inline dp_frame dp_frame_bgr24(const uint8_t *pixels, int32_t width, int32_t height) {
    return dp_frame_packed(DP_FORMAT_BGR24, pixels, width, height, 0);
}

static inline dp_frame dp_frame_rgba(const uint8_t *pixels, int32_t width, int32_t height) {
    return dp_frame_packed(DP_FORMAT_RGBA, pixels, width, height, 0);
}

static inline dp_frame dp_frame_bgra(const uint8_t *pixels, int32_t width, int32_t height) {
    return dp_frame_packed(DP_FORMAT_BGRA, pixels, width, height, 0);
}

static inline dp_frame dp_frame_gray8(const uint8_t *pixels, int32_t width, int32_t height) {
    return dp_frame_packed(DP_FORMAT_GRAY8, pixels, width, height, 0);
}

/* `color` is a dp_color. */
static inline dp_frame dp_frame_nv12(const uint8_t *pixels, int32_t width, int32_t height,
                                     int32_t color) {
    return dp_frame_packed(DP_FORMAT_NV12, pixels, width, height, color);
}

static inline dp_frame dp_frame_i420(const uint8_t *pixels, int32_t width, int32_t height,
                                     int32_t color) {
    return dp_frame_packed(DP_FORMAT_I420, pixels, width, height, color);
}

/* Which frames of the clip a view takes. n is the number of frames in the clip, T the model's
 * frames a view, r the sampling rate, m = ceil(n / r) the number of frames left of every r-th, V
 * the number of views and v = 0 .. V-1 the view.
 *
 * A clip may be too short for T frames that are r apart. What stands for those past the end is a
 * matter of the model (`past_end` of dp_model_info): the last frame repeats (CENTER and FIRST: the
 * last of the m), or frame j is frame j mod n.
 *
 * INTERVAL, SPREAD and SEGMENTS are the rules of published evaluations, in their arithmetic: f64,
 * in the order that is written here. */
typedef enum dp_sampling {
    DP_SAMPLING_UNKNOWN = -1, /* dp_sampling_from_name() of an unknown name */
    DP_SAMPLING_MODEL = 0,    /* as the model says: `sampling` of dp_model_info */
    DP_SAMPLING_FIRST = 1,    /* CENTER with start = v * max(m - T, 0) / V, rounded down */
    DP_SAMPLING_UNIFORM = 2,  /* frame ((2iV + 2v + 1) * n) / (2TV), rounded down: for one view the
                                 middles of T equal parts */
    DP_SAMPLING_GIVEN = 3,    /* the frames as they are: exactly T, one view */
    DP_SAMPLING_CENTER = 4,   /* frames (start + i) * r, start = (2v + 1) * max(m - T, 0) / (2V),
                                 rounded down: for one view the centre */
    DP_SAMPLING_INTERVAL = 5, /* frames start + i * r, start = v * a + a / 2, rounded down, with a =
                                 (n - T * r + 1) / V; 0 where n < T * r. AIM */
    DP_SAMPLING_SPREAD = 6,   /* frames start + i * r; of one view start = s / 2, rounded down; of
                                 several s / (V - 1) * v, rounded half to even: the first view
                                 begins with the clip, the last one ends with it. s = max(n - (T -
                                 1) * r - 1, 0). ST-Adapter */
    DP_SAMPLING_SEGMENTS = 7  /* frame (b(i) + b(i + 1)) / 2, rounded down, where b(i) = (n - 1) / T
                                 * i, rounded half to even: the middles of T segments. One view. AIM
                                 and ST-Adapter on Something-Something V2 and Diving-48 */
} dp_sampling;

/* "model", "first", "uniform", "given", "center", "interval", "spread", "segments"; "unknown" for
 * any other number. Since 0.2.0. */
DP_API const char *dp_sampling_name(int32_t sampling);
/* The dp_sampling of this name; DP_SAMPLING_UNKNOWN for any other text and NULL. Since 0.2.0. */
DP_API int32_t dp_sampling_from_name(const char *name);

#define DP_MAX_VIEWS 256
#define DP_MAX_CROPS 64

typedef struct dp_clip {
    size_t struct_size;
    const dp_frame *frames;
    size_t frame_count; /* >= 1 */
    int32_t sampling;   /* dp_sampling; default DP_SAMPLING_MODEL */
    /* 1 .. 65536; 0 (default): the model's. For CENTER, FIRST, INTERVAL and SPREAD. */
    int32_t rate;
    /* Temporal views, 1 .. DP_MAX_VIEWS; 0 (default): the model's, and 1 for GIVEN and SEGMENTS. */
    int32_t views;
    /* Square crops along the longer side, 1 (the centre) .. DP_MAX_CROPS, evenly spread from one
     * end to the other; 0 (default): the model's. Features of all views and crops are averaged, and
     * logits or, if the model says so, probabilities, whose logarithms the logits then are. */
    int32_t crops;
} dp_clip;

DP_API void dp_clip_init(dp_clip *clip, size_t struct_size); /* Since 0.2.0. */
static inline void dp_clip_default(dp_clip *clip) {
    dp_clip_init(clip, sizeof *clip);
}

/* Which frames of a clip a view takes: the first `count` (1 .. T) of view `view` (0 .. its views
 * - 1), in the order in which the model sees them, as indices below clip->frame_count. The frames
 * themselves are not looked at: clip->frames may be NULL, so that a caller can ask before it reads
 * a video. Since 0.2.0. */
DP_API dp_status dp_model_sample_view(const dp_model *model, const dp_clip *clip, int32_t view,
                                      int32_t count, size_t *indices);

/* Wall-clock milliseconds; 0 where the build has no clock. */
typedef struct dp_timings {
    double total_ms;
    double frames_ms;  /* sampling, colour, resize, crop, normalise, framesets */
    double patches_ms; /* patch embedding and position encoding */
    double blocks_ms;  /* transformer blocks with their adapters */
    double head_ms;    /* final norm, projection, classifier */
    double reserved[3];
} dp_timings;

typedef struct dp_result {
    size_t struct_size;
    /* These point into the session and stay valid until its next dp_classify_clip() or
     * dp_session_finish_clip(), or its end. */
    const float *logits;           /* [classes]; NULL when the model has no head */
    const float *probabilities;    /* [classes], softmax of the logits; NULL without a head */
    const float *feature_temporal; /* y_t [feature_size]; NULL when the model has one path */
    const float *feature_spatial;  /* y_s [feature_size], or that of the one path */
    const void *reserved;
    int32_t classes;
    int32_t feature_size;
    int64_t macs; /* multiply-adds executed for this result */
    dp_timings timings;
} dp_result;

DP_API void dp_result_init(dp_result *result, size_t struct_size); /* Since 0.2.0. */
static inline void dp_result_default(dp_result *result) {
    dp_result_init(result, sizeof *result);
}

/* Classifies a clip: samples, resizes, crops and normalises its frames, builds the framesets, runs
 * both paths (paper, section 3) and the classifier on [y_t ; y_s]; of another dp_method, the one
 * path on all T frames. Deterministic: the same frames, model and instruction set give the same
 * bits with any number of threads. On failure `result` is left empty (untouched, if its struct_size
 * is wrong) and the session is as usable as before. */
DP_API dp_status dp_classify_clip(dp_session *session, const dp_clip *clip, dp_result *result);

/* What the model sees of a clip: the frames of one view (0 .. its views - 1) and crop (0 .. its
 * crops - 1), sampled, resized, cropped and normalised as dp_classify_clip() does it.
 * *spatial becomes [spatial_frames][3][R][R] and *temporal [framesets][3][R][R], in R, G, B, a
 * pixel of 0 .. 255 being (pixel / 255 - mean) / std; either may be NULL. With one path, *temporal
 * becomes NULL. They point into the
 * session, and stay valid until its next call that takes a clip, begins one or runs a stream. The
 * last result stays as it is. A session that goes image by image never holds all of this:
 * DP_ERR_ARGUMENT. Since 0.2.0. */
DP_API dp_status dp_session_preprocess_view(dp_session *session, const dp_clip *clip, int32_t view,
                                            int32_t crop, const float **spatial,
                                            const float **temporal);

/* A clip whose frames come one by one, for callers that have no room for all of them:
 *
 *     dp_session_begin_clip(session, 0, 1);
 *     for each of the model's T frames: dp_session_push_frame(session, &frame);
 *     dp_session_finish_clip(session, &result);
 *
 * The answer is that of dp_classify_clip() with DP_SAMPLING_GIVEN on the same T frames and that one
 * crop, bit for bit. Sampling is the caller's: what is pushed are the T frames of one view, in
 * order. Each may have a size and format of its own. The calls may be made in different threads,
 * one at a time, with any time between them.
 *
 * Progress is that of the clip, from the first frame on, with fractions that do not fall from call
 * to call. In a session with `image_by_image`, an image goes through the model in the call that
 * completes it; in any other, all of them do in the call with the last frame.
 *
 * A call that is refused for what it was given (DP_ERR_ARGUMENT, DP_ERR_FRAME) changes nothing, and
 * the clip goes on. DP_ERR_CANCELLED and DP_ERR_NUMERIC end the clip. So do dp_classify_clip(),
 * dp_session_preprocess_view() and dp_stream_next(), once their arguments are sound: they need its
 * memory.
 * dp_session_top() and dp_session_peak() do not.
 */

/* Begins a clip, of which the model sees square `crop` of `crops` (1 .. DP_MAX_CROPS) along the
 * longer side: crop 0 of 1 is the centre. One that was not finished is dropped. The last result
 * stays as it is. Since 0.2.0. */
DP_API dp_status dp_session_begin_clip(dp_session *session, int32_t crop, int32_t crops);

/* Takes the next frame of the clip. Its bytes and its descriptor are not needed any more when the
 * call returns. A frame that is not usable is DP_ERR_FRAME, and not taken. A frame without a clip,
 * or after the last one of the clip, is DP_ERR_ARGUMENT. Since 0.2.0. */
DP_API dp_status dp_session_push_frame(dp_session *session, const dp_frame *frame);

/* Ends the clip and answers. With fewer than T frames it is DP_ERR_ARGUMENT, and the others can
 * still be pushed; without a clip, and so for a second time, DP_ERR_ARGUMENT, too. On failure
 * `result` is left empty (untouched, if its struct_size is wrong). `timings` are of the
 * time in the calls of the clip, not between them. Since 0.2.0. */
DP_API dp_status dp_session_finish_clip(dp_session *session, dp_result *result);

typedef struct dp_prediction {
    int32_t index; /* the class */
    float logit;
    float probability;
    int32_t reserved[5];
    const char *label; /* "" where the file names none; lives as long as its model */
} dp_prediction;

/* The `count` likeliest classes of the session's last result, likeliest first, equal ones by index.
 * Writes exactly `count` entries: 1 .. classes. DP_ERR_ARGUMENT when there is no result yet. */
DP_API dp_status dp_session_top(dp_session *session, int32_t count, dp_prediction *predictions);

/* The two paths. Since 0.2.0. */
typedef enum dp_path { DP_PATH_SPATIAL = 0, DP_PATH_TEMPORAL = 1 } dp_path;

/* What the class token of each image attends to: weights that sum up to 1 for each head. Token 0 is
 * the class token itself, token 1 + y * side + x is the patch in row y and column x of `side`
 * patches a row; prompts, if the model has any, come after the patches. Of AIM it is the attention
 * over the tokens of a frame. An image of the temporal path is a frameset: frame i is in the cell
 * of row i / grid and column i % grid. Since 0.2.0. */
typedef struct dp_attention {
    const float *weights; /* [images][heads][tokens] */
    int32_t images;       /* spatial_frames, or framesets */
    int32_t heads;        /* 1 of DP_ATTENTION_ROLLOUT */
    int32_t tokens;       /* of an image */
    int32_t side;         /* patches in a row */
    const void *reserved[2];
} dp_attention;

/* Of the last clip, its last view and crop. Those of the last block are computed in f32 from
 * queries and keys, in every precision; for the rollout they are the weights of the blocks, before
 * these round them to multiply with them. They lie in the session until its next call that takes a
 * clip, begins one or runs a stream.
 * DP_ERR_ARGUMENT where the session was created without `attention`, or has no such result. Since
 * 0.2.0. */
DP_API dp_status dp_session_attention(dp_session *session, int32_t path, dp_attention *attention);

/* ------------------------------------------------------------------------------------------
 * Streams: video without an end, from a camera or of a long film
 *
 *     dp_stream_options options;
 *     dp_stream_options_default(&options);
 *     dp_stream_create(session, &options, &stream);
 *     while there is a frame:
 *         dp_stream_push(stream, &frame, time_us);
 *         while (dp_stream_next(stream, 0, &window) == DP_OK && window.ready) { ... }
 *     dp_stream_finish(stream);
 *     while (dp_stream_next(stream, 0, &window) == DP_OK && window.ready) { ... }
 *     dp_stream_destroy(stream);
 *
 * Some of the frames are sampled: every `rate`-th, or by time. A window is T sampled frames in a
 * row, and the next one begins `hop` sampled frames later. Its answer is, bit for bit, that of
 * dp_classify_clip() with DP_SAMPLING_GIVEN on the same frames and that one crop. But each image
 * goes through the transformer only once: the spatial path sees every frame alone, so that what it
 * found in a frame serves all windows that have the frame. For T = 16 and hop = 2 a window costs
 * one image of the spatial path and one frameset: 2 images of 9.
 *
 * dp_stream_push() shrinks a frame to the model's size and keeps that; dp_stream_next() computes.
 * The work of a window is spread over the frames that come: each image is computed as soon as its
 * last frame is there.
 *
 * One thread can make all calls. Or one pushes, a camera's, and another one calls dp_stream_next():
 * dp_stream_push() and dp_stream_finish() may run at the same time as dp_stream_next(), and no two
 * other calls of a stream may. dp_stream_next() computes in the session, which belongs to its
 * thread as in any other call. Many streams can share a session, one call of dp_stream_next() at a
 * time, and many sessions a pool. Other calls on the session may be made in between; a clip that is
 * open for frames ends (dp_session_begin_clip()).
 *
 * The sentence of a failed call is dp_last_message() of the thread that made it.
 */

typedef struct dp_stream dp_stream;

/* What dp_stream_push() does with a sampled frame when `queue` frames wait. Since 0.2.0. */
typedef enum dp_full {
    DP_FULL_UNKNOWN = -1, /* dp_full_from_name() of an unknown name */
    DP_FULL_REFUSE = 0,   /* DP_ERR_FULL: dp_stream_next() is to be called first */
    DP_FULL_WAIT = 1,     /* waits until another thread took one */
    DP_FULL_DROP = 2      /* drops the one that has waited longest, and counts it; the frame before
                             stands in its place */
} dp_full;

/* "refuse", "wait", "drop"; "unknown" for any other number. Since 0.2.0. */
DP_API const char *dp_full_name(int32_t full);
/* The dp_full of this name; DP_FULL_UNKNOWN for any other text and NULL. Since 0.2.0. */
DP_API int32_t dp_full_from_name(const char *name);

#define DP_MAX_HOP 65536
#define DP_MAX_QUEUE 1024

/* Since 0.2.0. */
typedef struct dp_stream_options {
    size_t struct_size;
    const dp_allocator *allocator; /* NULL: the C library's. Must outlive the stream. */
    /* A caller's memory instead, of at least dp_stream_size() bytes and aligned to 64. */
    void *arena;
    size_t arena_size;
    /* Samples by time: this many frames a second, 0 < sample_fps <= 1000; 0 (default): by `rate`.
     * A frame is taken for the time n / sample_fps after the first frame if it is the first one
     * there, or before it by no more than half of the time since the frame before, and no more than
     * half of 1 / sample_fps: the nearest one of a steady camera. Where frames are missing, the one
     * before stands in their place, so that motion keeps its speed. A gap of more than T
     * samples is shortened by whole hops: windows that would see nothing but one frame. */
    double sample_fps;
    int32_t rate; /* every rate-th frame, 1 .. 65536; 0 (default): the model's. Not with sample_fps.
                   */
    int32_t hop;  /* sampled frames from one window to the next, 1 .. DP_MAX_HOP; 0 (default): T /
                     Ts, so that each window has one new image of the spatial path; with one path T
                     / 8, or T / 4 where frames meet in the blocks (docs/streaming.md) */
    int32_t crop, crops; /* as in dp_session_begin_clip(); default: 0 of 1 */
    int32_t queue;       /* sampled frames that may wait, 1 (default) .. DP_MAX_QUEUE */
    int32_t full;        /* dp_full; default DP_FULL_REFUSE */
    /* Non-zero: frames are compared with the one before, as the model sees them, and what was found
     * in a frame serves those that equal it: a camera that sees nothing new costs hardly anything.
     * The answers are the same, bit for bit. */
    int32_t skip_unchanged;
    int32_t reserved; /* 0 */
} dp_stream_options;

DP_API void dp_stream_options_init(dp_stream_options *options, size_t struct_size);
static inline void dp_stream_options_default(dp_stream_options *options) {
    dp_stream_options_init(options, sizeof *options);
}

/* How many bytes a stream with these options needs beside its session; `arena` and `arena_size` are
 * ignored. About Tg + queue + 1 images of 12 * R * R bytes, and the tokens of an image of 4 * D
 * bytes each. Since 0.2.0. */
DP_API dp_status dp_stream_size(const dp_model *model, const dp_stream_options *options,
                                size_t *bytes);

/* Takes all memory: nothing is allocated later. The stream holds on to the session, which may be
 * destroyed before it. Since 0.2.0. */
DP_API dp_status dp_stream_create(dp_session *session, const dp_stream_options *options,
                                  dp_stream **stream);
DP_API void dp_stream_destroy(dp_stream *stream); /* Since 0.2.0. */

/* Takes the next frame, of any size, format and turn; its bytes and its descriptor are not needed
 * any more when the call returns. `time_us` is its time in microseconds, -2^61 .. 2^61, from
 * wherever the caller counts. With sample_fps it may not be before that of the frame before:
 * DP_ERR_ARGUMENT. A frame that is not sampled costs nothing. A refused frame changes nothing, and
 * has no number: it can be pushed once more. DP_ERR_FULL: with DP_FULL_REFUSE, `queue` frames wait
 * for dp_stream_next(). After dp_stream_finish(): DP_ERR_ARGUMENT; while this call waits:
 * DP_ERR_CANCELLED. Since 0.2.0. */
DP_API dp_status dp_stream_push(dp_stream *stream, const dp_frame *frame, int64_t time_us);

/* No more frames come. What waits is still computed, and then the last window: the last T sampled
 * frames, if they do not end a window anyway, or fewer of them where images of the spatial path
 * would have to be computed again: the last frame then repeats. So it does in a stream of less than
 * T sampled frames, as in a short clip. Frames between two windows, with a hop of more than T, are
 * in none. Since 0.2.0. */
DP_API dp_status dp_stream_finish(dp_stream *stream);

/* Everything as after dp_stream_create(): frames that wait and frames that were computed are gone.
 * Since 0.2.0. */
DP_API dp_status dp_stream_reset(dp_stream *stream);

/* A window and its answer. What its pointers point at lies in the stream, and stays as it is until
 * the next dp_stream_next(), dp_stream_reset(), or the end of the stream. Since 0.2.0. */
typedef struct dp_window {
    size_t struct_size;
    const int64_t *frames;   /* [T] which of the pushed frames it has, counted from 0 */
    const int64_t *times_us; /* [T] their times; of one that stands for missing ones, in between */
    const float *logits;     /* [classes]; NULL when the model has no head */
    const float *probabilities;    /* [classes], softmax of the logits; NULL without a head */
    const float *feature_temporal; /* y_t [feature_size]; NULL when the model has one path */
    const float *feature_spatial;  /* y_s [feature_size], or that of the one path */
    const void *reserved;
    int64_t number;      /* windows before this one */
    int64_t dropped;     /* frames, since the stream began */
    int64_t macs;        /* multiply-adds executed since the window before: what was not reused */
    dp_timings timings;  /* of the calls since the window before; total_ms without waiting */
    int32_t ready;       /* 1; 0: there is no window yet, or no more, and all else is 0 and NULL */
    int32_t frame_count; /* T */
    int32_t classes;
    int32_t feature_size;
} dp_window;

DP_API void dp_window_init(dp_window *window, size_t struct_size); /* Since 0.2.0. */
static inline void dp_window_default(dp_window *window) {
    dp_window_init(window, sizeof *window);
}

/* Computes what the frames allow that came, up to the end of a window; `window->ready` says whether
 * it got there. Where no frame waits, it waits `timeout_ms` for one: 0: not at all; -1: until there
 * is one, or dp_stream_finish(). Builds without threads cannot wait: DP_ERR_UNSUPPORTED.
 *
 * Progress is that of the images that are computed. After DP_ERR_CANCELLED the next call goes on
 * with the same image. DP_ERR_NUMERIC: this window has no answer, and the next call goes on behind
 * it. Since 0.2.0. */
DP_API dp_status dp_stream_next(dp_stream *stream, int32_t timeout_ms, dp_window *window);

/* The `count` likeliest classes of the stream's last window, as dp_session_top(). Since 0.2.0. */
DP_API dp_status dp_stream_top(dp_stream *stream, int32_t count, dp_prediction *predictions);

/* ------------------------------------------------------------------------------------------
 * Events: what happened when, from the probabilities of windows
 *
 *     dp_events_create(info.classes, &options, &events);
 *     dp_events_ignore(events, class) for each that counts as nothing
 *     for each window of a stream:
 *         dp_events_push_window(events, &window);
 *         while (dp_events_next(events, &event) == 1) { ... }
 *     dp_events_finish(events);
 *     while (dp_events_next(events, &event) == 1) { ... }
 *     dp_events_destroy(events);
 *
 * Probabilities are smoothed over windows. An event of a class begins with the first window whose
 * smoothed probability is at least `begin_at`, and ends before the first one that is below
 * `end_below`. Each window stands for the time around its middle, up to half of the way to the
 * middles of its neighbours; the first one also for the time from its start, the last one up to its
 * end.
 *
 * Only numbers go in, from wherever they come: no model and no session is needed. The same numbers
 * give the same events. One thread at a time uses a dp_events. The sentence of a failed call is
 * dp_last_message().
 */

typedef struct dp_events dp_events;

#define DP_MAX_SMOOTH 255

/* Since 0.2.0. */
typedef struct dp_events_options {
    size_t struct_size;
    const dp_allocator *allocator; /* NULL: the C library's. Must outlive the dp_events. */
    /* A caller's memory instead, of at least dp_events_size() bytes and aligned to 64. */
    void *arena;
    size_t arena_size;
    double begin_at;  /* 0 < begin_at <= 1; default 0.5 */
    double end_below; /* 0 < end_below <= begin_at; 0 (default): 0.7 * begin_at */
    /* A window whose smoothed probabilities have an entropy of more than this part of that of equal
     * ones counts as nothing: 0 < entropy <= 1; default 1: none does. */
    double entropy;
    int64_t shortest_us; /* shorter events are left out; >= 0, default 0 */
    int64_t join_us;     /* two events of a class with less time between them are one; >= 0,
                            default 0 */
    int32_t smooth;      /* windows, this one in the middle, whose mean is taken: an odd number
                            of 1 (default) .. DP_MAX_SMOOTH. An event is known smooth / 2
                            windows later. */
    /* Non-zero: one event at a time. The class that is likeliest and at least `begin_at` ends the
     * event of any other; an ignored class does so, too. */
    int32_t single;
} dp_events_options;

DP_API void dp_events_options_init(dp_events_options *options,
                                   size_t struct_size); /* Since 0.2.0. */
static inline void dp_events_options_default(dp_events_options *options) {
    dp_events_options_init(options, sizeof *options);
}

/* Since 0.2.0. */
typedef struct dp_event {
    int64_t start_us, end_us;
    int64_t peak_us; /* the middle of the window with the highest smoothed probability, */
    float peak;      /* and that probability */
    float mean;      /* of the smoothed probabilities of its windows */
    int32_t index;   /* the class */
    int32_t windows; /* that it has, without those between two that were joined */
    int64_t reserved[2];
} dp_event;

/* How many bytes a dp_events takes; `arena` and `arena_size` are ignored. Since 0.2.0. */
DP_API dp_status dp_events_size(int32_t classes, const dp_events_options *options, size_t *bytes);

/* For probabilities of this many classes, 1 .. 2^24. Nothing is allocated later. Since 0.2.0. */
DP_API dp_status dp_events_create(int32_t classes, const dp_events_options *options,
                                  dp_events **events);
DP_API void dp_events_destroy(dp_events *events); /* Since 0.2.0. */

/* This class is no event: a background class, of a model that has one. Since 0.2.0. */
DP_API dp_status dp_events_ignore(dp_events *events, int32_t index);

/* Takes the probabilities [classes] of the window from start_us to end_us, -2^61 .. 2^61. Neither
 * may be before that of the window before. Numbers that are no probabilities (0 .. 1) are
 * DP_ERR_NUMERIC; so are events that were not asked for since the last window DP_ERR_ARGUMENT. What
 * is refused changes nothing. Since 0.2.0. */
DP_API dp_status dp_events_push(dp_events *events, int64_t start_us, int64_t end_us,
                                const float *probabilities);

/* The same of a window, which must be ready and of a model with as many classes as the events.
 * Since 0.2.0. */
static inline dp_status dp_events_push_window(dp_events *events, const dp_window *window) {
    return dp_events_push(events, window->times_us[0], window->times_us[window->frame_count - 1],
                          window->probabilities);
}

/* No more windows come: ends what goes on. Since 0.2.0. */
DP_API dp_status dp_events_finish(dp_events *events);

/* As after dp_events_create(). Since 0.2.0. */
DP_API dp_status dp_events_reset(dp_events *events);

/* Stores the next event that is over; of those that were over with the same window, the one that
 * began first, equal ones by class. Returns 1, or 0 where there is none, and for NULL. Since
 * 0.2.0. */
DP_API int32_t dp_events_next(dp_events *events, dp_event *event);

/* Stores the event of a class that goes on, as far as it is known. Returns 1, or 0 where there is
 * none. Since 0.2.0. */
DP_API int32_t dp_events_open(const dp_events *events, int32_t index, dp_event *event);

/* ------------------------------------------------------------------------------------------
 * Experimental: declared where a program defines DP_EXPERIMENTAL before it includes this file
 */

#if defined(DP_EXPERIMENTAL)

/* Runs the fused multiply-adds of the session's instruction set in registers only, on all of its
 * threads, for about `milliseconds` (1 .. 10000), and stores 10^9 operations a second (a
 * multiply-add is two): the peak against which the speed of a clip can be judged. */
DP_API dp_status dp_session_peak(dp_session *session, double milliseconds, double *gops);

#endif

#ifdef __cplusplus
}
#endif

#endif /* DUALPATH_H */
