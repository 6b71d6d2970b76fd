/*
 * The numbers of a tensor: f32, f16, bf16 and q8_0 bytes become f32, exactly, wherever in memory
 * they stand, and are checked on the way: against the CRC-32 of the file and for being finite.
 */
#include "gguf/tensor.h"
#include "base/bytes.h"
#include "base/size.h"
#include "gguf/crc32.h"

const char *dpi_tensor_type_name(dpi_tensor_type type) {
    switch (type) {
    case DPI_TENSOR_F32:
        return "f32";
    case DPI_TENSOR_F16:
        return "f16";
    case DPI_TENSOR_Q8_0:
        return "q8_0";
    case DPI_TENSOR_I8:
        return "i8";
    case DPI_TENSOR_BF16:
        return "bf16";
    }
    return "unknown";
}

uint64_t dpi_tensor_bytes(uint32_t type, uint64_t count) {
    switch (type) {
    case DPI_TENSOR_F32:
        return 4 * count;
    case DPI_TENSOR_F16:
    case DPI_TENSOR_BF16:
        return 2 * count;
    case DPI_TENSOR_I8:
        return count;
    case DPI_TENSOR_Q8_0:
        return count / DPI_Q8_0_VALUES * DPI_Q8_0_BYTES;
    default:
        return 0;
    }
}

dp_status dpi_tensor_crc(const dpi_tensor *tensor, uint32_t *crc, dpi_watch *watch,
                         dpi_message *message) {
    dp_status status = DP_OK;
    *crc = 0;
    for (size_t done = 0; done < tensor->bytes && status == DP_OK; done += DPI_WATCHED_BYTES) {
        size_t count = dpi_size_min(tensor->bytes - done, DPI_WATCHED_BYTES);
        *crc = dpi_crc32(*crc, tensor->data + done, count);
        status = dpi_watch_advance(watch, count, message);
    }
    return status;
}

dp_status dpi_tensor_check(const dpi_tensor *tensor, dpi_watch *watch, dpi_message *message) {
    if (!tensor->has_crc) {
        return DP_OK;
    }
    uint32_t crc = 0;
    dp_status status = dpi_tensor_crc(tensor, &crc, watch, message);
    if (status == DP_OK && crc != tensor->crc) {
        return dpi_fail(message, DP_ERR_CHECKSUM,
                        "tensor '%s' is damaged: its CRC-32 is 0x%08lx, but the file says 0x%08lx",
                        DPI_SHOW(tensor->name), (unsigned long)crc, (unsigned long)tensor->crc);
    }
    return status;
}

/* Subnormals are made by a product of normal numbers: exact even where the processor was told to
 * flush subnormal f32 to zero. */
static float float_from_f16(uint32_t half) {
    uint32_t sign = (half & 0x8000u) << 16;
    uint32_t exponent = half >> 10 & 31;
    uint32_t fraction = half & 0x3ffu;
    if (exponent == 0) {
        float value = (float)fraction * 0x1p-24f;
        return sign != 0 ? -value : value;
    }
    uint32_t exponent8 = exponent == 31 ? 255 : exponent + 127 - 15;
    return dpi_float_from_bits(sign | exponent8 << 23 | fraction << 13);
}

static void load_f32(const uint8_t *bytes, size_t count, float *values) {
    for (size_t i = 0; i < count; i++) {
        values[i] = dpi_float_from_bits(dpi_load_u32(bytes + 4 * i));
    }
}

static void f16_to_f32(const uint8_t *bytes, size_t count, float *values) {
    for (size_t i = 0; i < count; i++) {
        values[i] = float_from_f16(dpi_load_u16(bytes + 2 * i));
    }
}

static void bf16_to_f32(const uint8_t *bytes, size_t count, float *values) {
    for (size_t i = 0; i < count; i++) {
        values[i] = dpi_float_from_bits((uint32_t)dpi_load_u16(bytes + 2 * i) << 16);
    }
}

/* The products are exact: 11 bits by 8. A scale that is not finite makes 32 values that are not. */
static void q8_0_to_f32(const uint8_t *bytes, size_t count, float *values) {
    for (size_t done = 0; done < count; done += DPI_Q8_0_VALUES, bytes += DPI_Q8_0_BYTES) {
        float scale = float_from_f16(dpi_load_u16(bytes));
        for (size_t i = 0; i < DPI_Q8_0_VALUES; i++) {
            int quant = bytes[2 + i] < 128 ? bytes[2 + i] : bytes[2 + i] - 256;
            values[done + i] = scale * (float)quant;
        }
    }
}

/* The largest exponent tells, in a loop that compilers turn into vectors. */
static bool all_finite(const float *values, size_t count) {
    int32_t largest = 0;
    for (size_t i = 0; i < count; i++) {
        int32_t exponent = (int32_t)(dpi_bits_of_float(values[i]) & 0x7f800000u);
        largest = exponent > largest ? exponent : largest;
    }
    return dpi_bits_are_finite((uint32_t)largest);
}

/* The index of the first value that is not finite, or `count`. */
static size_t find_not_finite(const float *values, size_t count) {
    const size_t block = 256;
    size_t done = 0;
    while (done + block <= count && all_finite(values + done, block)) {
        done += block;
    }
    while (done < count && dpi_bits_are_finite(dpi_bits_of_float(values[done]))) {
        done++;
    }
    return done;
}

dp_status dpi_tensor_read(const dpi_tensor *tensor, size_t first, size_t count, float *values,
                          dpi_message *message) {
    switch (tensor->type) {
    case DPI_TENSOR_F32:
        load_f32(tensor->data + 4 * first, count, values);
        break;
    case DPI_TENSOR_F16:
        f16_to_f32(tensor->data + 2 * first, count, values);
        break;
    case DPI_TENSOR_BF16:
        bf16_to_f32(tensor->data + 2 * first, count, values);
        break;
    case DPI_TENSOR_Q8_0:
        q8_0_to_f32(tensor->data + first / DPI_Q8_0_VALUES * DPI_Q8_0_BYTES, count, values);
        break;
    default: /* i8 */
        return dpi_fail(message, DP_ERR_FORMAT, "tensor '%s' has no numbers of its own type",
                        DPI_SHOW(tensor->name));
    }
    size_t bad = find_not_finite(values, count);
    if (bad < count) {
        return dpi_fail(message, DP_ERR_FORMAT,
                        "tensor '%s' has a NaN or an infinity at element %zu; weights are finite",
                        DPI_SHOW(tensor->name), first + bad);
    }
    return DP_OK;
}
