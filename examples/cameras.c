/*
 * cameras.c - many cameras on the threads of one pool: a session and a stream for each, and a
 * thread that takes its frames. Prints how many windows a second there are, and how long frames
 * take.
 *
 *     cameras model.gguf [cameras [seconds [frames a second [threads]]]]
 *
 * The cameras are drawn: a bar that moves. With 0 frames a second they come as fast as they are
 * computed.
 */
#if !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif

#include <dualpath.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WIDTH = 320, HEIGHT = 240, MAX_CAMERAS = 256, MAX_LATENCIES = 1 << 16 };

typedef struct camera {
    pthread_t thread;
    dp_stream *stream;
    double seconds, fps;
    int speed; /* pixels a frame */
    long windows;
    float *latencies_ms; /* of frames that made a window, from the camera to the answer */
    char failure[256];
    uint8_t pixels[WIDTH * HEIGHT];
} camera;

static double now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static void sleep_until(double ms) {
    double left = ms - now_ms();
    if (left > 0.0) {
        struct timespec pause = {(time_t)(left / 1e3), (long)(left * 1e6) % 1000000000L};
        nanosleep(&pause, NULL);
    }
}

static void draw_bar(uint8_t *pixels, long place) {
    for (long y = 0; y < HEIGHT; y++) {
        memset(pixels + y * WIDTH, (int)(64 + y / 2), WIDTH);
        memset(pixels + y * WIDTH + place % (WIDTH - 32), 255, 32);
    }
}

static int take_windows(camera *of, double since_ms) {
    dp_window window;
    dp_status status = DP_OK;
    do {
        dp_window_default(&window);
        status = dp_stream_next(of->stream, 0, &window);
        if (status == DP_OK && window.ready) {
            of->latencies_ms[of->windows++ % MAX_LATENCIES] = (float)(now_ms() - since_ms);
        }
    } while (status == DP_OK && window.ready);
    return status == DP_OK;
}

static void *run_camera(void *argument) {
    camera *of = argument;
    double start_ms = now_ms();
    int good = 1;
    for (long i = 0; good && now_ms() - start_ms < 1e3 * of->seconds; i++) {
        double time_ms = of->fps > 0.0 ? (double)i * 1e3 / of->fps : now_ms() - start_ms;
        dp_frame frame;
        draw_bar(of->pixels, i * of->speed);
        (void)dp_frame_init_packed(&frame, DP_FORMAT_GRAY8, of->pixels, WIDTH, HEIGHT);
        sleep_until(start_ms + time_ms);
        double since_ms = now_ms();
        good = dp_stream_push(of->stream, &frame, (int64_t)(1e3 * time_ms)) == DP_OK &&
               take_windows(of, since_ms);
    }
    if (!good) {
        (void)snprintf(of->failure, sizeof of->failure, "%s", dp_last_message());
    }
    return NULL;
}

/* A session of two threads' scratch memory and a stream, which holds on to it. */
static dp_stream *open_stream(const dp_model *model, dp_pool *pool) {
    dp_session_options session_options;
    dp_stream_options options;
    dp_session *session = NULL;
    dp_stream *stream = NULL;
    dp_session_options_default(&session_options);
    dp_stream_options_default(&options);
    session_options.pool = pool;
    session_options.image_by_image = 1; /* a stream computes single images anyway */
    options.rate = 1;
    if (dp_session_create(model, &session_options, &session) == DP_OK) {
        (void)dp_stream_create(session, &options, &stream);
    }
    dp_session_destroy(session);
    return stream;
}

static int by_size(const void *a, const void *b) {
    float first = *(const float *)a, second = *(const float *)b;
    return (first > second) - (first < second);
}

/* Of all cameras together. */
static void print_latencies(const camera *cameras, int count) {
    size_t found = 0;
    float *all = malloc((size_t)count * MAX_LATENCIES * sizeof *all);
    for (int i = 0; i < count && all != NULL; i++) {
        size_t own =
            (size_t)(cameras[i].windows < MAX_LATENCIES ? cameras[i].windows : MAX_LATENCIES);
        memcpy(all + found, cameras[i].latencies_ms, own * sizeof *all);
        found += own;
    }
    if (found > 0) {
        qsort(all, found, sizeof *all, by_size);
        printf("from frame to answer: p50 %.1f ms, p95 %.1f ms, p99 %.1f ms, slowest %.1f ms\n",
               (double)all[found / 2], (double)all[found * 95 / 100], (double)all[found * 99 / 100],
               (double)all[found - 1]);
    }
    free(all);
}

static void print_memory(const dp_model *model, dp_pool *pool) {
    dp_session_options session_options;
    size_t session = 0, stream = 0;
    dp_session_options_default(&session_options);
    session_options.pool = pool;
    session_options.image_by_image = 1;
    (void)dp_session_size(model, &session_options, &session);
    (void)dp_stream_size(model, NULL, &stream);
    printf("memory of a camera: %.2f MB for the stream, %.2f MB for its session\n",
           (double)stream / 1e6, (double)session / 1e6);
}

static int run(const dp_model *model, dp_pool *pool, camera *cameras, int count, double seconds,
               double fps) {
    long windows = 0;
    int failures = 0;
    for (int i = 0; i < count; i++) {
        camera *made = &cameras[i];
        made->seconds = seconds;
        made->fps = fps;
        made->speed = 1 + i % 7;
        made->stream = open_stream(model, pool);
        made->latencies_ms = malloc(MAX_LATENCIES * sizeof(float));
        if (made->stream == NULL || made->latencies_ms == NULL) {
            fprintf(stderr, "camera %d: %s\n", i, dp_last_message());
            return 1;
        }
        memset(made->latencies_ms, 0, MAX_LATENCIES * sizeof(float)); /* so that nothing grows */
    }
    for (int i = 0; i < count; i++) {
        if (pthread_create(&cameras[i].thread, NULL, run_camera, &cameras[i]) != 0) {
            fprintf(stderr, "camera %d: no thread\n", i);
            return 1;
        }
    }
    for (int i = 0; i < count; i++) {
        pthread_join(cameras[i].thread, NULL);
        windows += cameras[i].windows;
        if (cameras[i].failure[0] != '\0') {
            fprintf(stderr, "camera %d: %s\n", i, cameras[i].failure);
            failures++;
        }
    }
    printf("%d cameras on %d threads: %ld windows in %.0f s, %.2f a second\n", count,
           (int)dp_pool_threads(pool), windows, seconds, (double)windows / seconds);
    print_latencies(cameras, count);
    print_memory(model, pool);
    for (int i = 0; i < count; i++) {
        dp_stream_destroy(cameras[i].stream);
        free(cameras[i].latencies_ms);
    }
    return failures > 0;
}

int main(int argc, char **argv) {
    static camera cameras[MAX_CAMERAS];
    int count = argc > 2 ? atoi(argv[2]) : 16;
    double seconds = argc > 3 ? atof(argv[3]) : 10.0, fps = argc > 4 ? atof(argv[4]) : 0.0;
    dp_model *model = NULL;
    dp_pool *pool = NULL;
    dp_pool_options options;
    if (argc < 2 || count < 1 || count > MAX_CAMERAS) {
        fprintf(stderr, "usage: cameras MODEL [CAMERAS [SECONDS [FPS [THREADS]]]]\n");
        return 2;
    }
    dp_pool_options_default(&options);
    options.threads = argc > 5 ? atoi(argv[5]) : 0;
    int status = 1;
    if (dp_model_open(argv[1], NULL, &model) != DP_OK || dp_pool_create(&options, &pool) != DP_OK) {
        fprintf(stderr, "%s\n", dp_last_message());
    } else {
        status = run(model, pool, cameras, count, seconds, fps);
    }
    dp_pool_destroy(pool);
    dp_model_close(model);
    return status;
}
