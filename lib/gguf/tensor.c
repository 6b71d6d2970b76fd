/*
 * The numbers of a tensor: f32, f16, bf16 and q8_0 bytes become f32, exactly, wherever in memory
 * they stand, and are checked on the way: against the CRC-32 of the file and for being finite.
 */
#include "gguf/tensor.h"
#include "base/bytes.h"
#include "gguf/crc32.h"

const char *dp_tensor_type_name(dp_tensor_type type) {
    switch (type) {
    case DP_TENSOR_F32:
        return "f32";
    case DP_TENSOR_F16:
        return "f16";
    case DP_TENSOR_Q8_0:
        return "q8_0";
    case DP_TENSOR_I8:
        return "i8";
    case DP_TENSOR_BF16:
        return "bf16";
    }
    return "unknown";
}

uint64_t dp_tensor_bytes(uint32_t type, uint64_t count) {
    switch (type) {
    case DP_TENSOR_F32:
        return 4 * count;
    case DP_TENSOR_F16:
    case DP_TENSOR_BF16:
        return 2 * count;
    case DP_TENSOR_I8:
        return count;
    case DP_TENSOR_Q8_0:
        return count / DP_Q8_0_VALUES * DP_Q8_0_BYTES;
    default:
        return 0;
    }
}

dp_status dp_tensor_check(const dp_tensor *tensor, dp_message *message) {
    if (!tensor->has_crc) {
        return DP_OK;
    }
    uint32_t crc = dp_crc32(0, tensor->data, tensor->bytes);
    if (crc != tensor->crc) {
        return dp_fail(message, DP_ERR_CHECKSUM,
                       "tensor '%s' is damaged: its CRC-32 is 0x%08lx, but the file says 0x%08lx",
                       DP_SHOW(tensor->name), (unsigned long)crc, (unsigned long)tensor->crc);
    }
    return DP_OK;
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
    return dp_float_from_bits(sign | exponent8 << 23 | fraction << 13);
}

static void load_f32(const uint8_t *bytes, size_t count, float *values) {
    for (size_t i = 0; i < count; i++) {
        values[i] = dp_float_from_bits(dp_load_u32(bytes + 4 * i));
    }
}

static void f16_to_f32(const uint8_t *bytes, size_t count, float *values) {
    for (size_t i = 0; i < count; i++) {
        values[i] = float_from_f16(dp_load_u16(bytes + 2 * i));
    }
}

static void bf16_to_f32(const uint8_t *bytes, size_t count, float *values) {
    for (size_t i = 0; i < count; i++) {
        values[i] = dp_float_from_bits((uint32_t)dp_load_u16(bytes + 2 * i) << 16);
    }
}

/* The products are exact: 11 bits by 8. A scale that is not finite makes 32 values that are not. */
static void q8_0_to_f32(const uint8_t *bytes, size_t count, float *values) {
    for (size_t done = 0; done < count; done += DP_Q8_0_VALUES, bytes += DP_Q8_0_BYTES) {
        float scale = float_from_f16(dp_load_u16(bytes));
        for (size_t i = 0; i < DP_Q8_0_VALUES; i++) {
            int quant = bytes[2 + i] < 128 ? bytes[2 + i] : bytes[2 + i] - 256;
            values[done + i] = scale * (float)quant;
        }
    }
}

/* The index of the first value that is not finite, or `count`. */
static size_t find_not_finite(const float *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!dp_bits_are_finite(dp_bits_of_float(values[i]))) {
            return i;
        }
    }
    return count;
}

dp_status dp_tensor_read(const dp_tensor *tensor, size_t first, size_t count, float *values,
                         dp_message *message) {
    switch (tensor->type) {
    case DP_TENSOR_F32:
        load_f32(tensor->data + 4 * first, count, values);
        break;
    case DP_TENSOR_F16:
        f16_to_f32(tensor->data + 2 * first, count, values);
        break;
    case DP_TENSOR_BF16:
        bf16_to_f32(tensor->data + 2 * first, count, values);
        break;
    case DP_TENSOR_Q8_0:
        q8_0_to_f32(tensor->data + first / DP_Q8_0_VALUES * DP_Q8_0_BYTES, count, values);
        break;
    case DP_TENSOR_I8:
        return dp_fail(message, DP_ERR_FORMAT, "tensor '%s' has no numbers of its own type",
                       DP_SHOW(tensor->name));
    }
    size_t bad = find_not_finite(values, count);
    if (bad < count) {
        return dp_fail(message, DP_ERR_FORMAT,
                       "tensor '%s' has a NaN or an infinity at element %zu; weights are finite",
                       DP_SHOW(tensor->name), first + bad);
    }
    return DP_OK;
}
