#include "ng_layers.h"

#include <string.h>

/* C leaves >> of a negative value to the implementation; every rounding below needs it arithmetic. */
typedef char ng_needs_arithmetic_shift[((-1) >> 1) == -1 ? 1 : -1];

static int8_t limited(int32_t value, int32_t low, int32_t high)
{
    return (int8_t)(value < low ? low : value > high ? high : value);
}

/* value * multiplier / 2^31 * 2^shift, rounded after the product and after the shift. */
static int32_t rescaled(int32_t value, int32_t multiplier, int32_t shift)
{
    const int32_t left = shift > 0 ? shift : 0, right = shift > 0 ? 0 : -shift;
    const int64_t product = (int64_t)(int32_t)((uint32_t)value << left) * multiplier;
    const int64_t nudge = product >= 0 ? (int64_t)1 << 30 : 1 - ((int64_t)1 << 30);
    const int32_t high = (int32_t)((product + nudge) / ((int64_t)1 << 31));
    const int32_t mask = (int32_t)(((uint32_t)1 << right) - 1);
    return (high >> right) + ((high & mask) > (mask >> 1) + (high < 0));
}

/* The same, rounded once. */
static int32_t rescaled_once(int32_t value, int32_t multiplier, int32_t shift)
{
    const int32_t right = 31 - shift;
    return (int32_t)((value * (int64_t)multiplier + ((int64_t)1 << (right - 1))) >> right);
}

/* The part of a kernel that lies on the image: positions begin .. end - 1 of it. */
typedef struct {
    int32_t origin, begin, end;
} reach;

static reach reach_of(int32_t at, int32_t stride, int32_t pad, int32_t kernel, int32_t dilation, int32_t size)
{
    reach found = {at * stride - pad, 0, kernel};
    while (found.begin < kernel && found.origin + found.begin * dilation < 0) {
        ++found.begin;
    }
    while (found.end > found.begin && found.origin + (found.end - 1) * dilation >= size) {
        --found.end;
    }
    return found;
}

static reach rows_of(const ng_slide *s, int32_t y)
{
    return reach_of(y, s->stride_h, s->pad_h, s->kernel_h, s->dilation_h, s->in_h);
}

static reach columns_of(const ng_slide *s, int32_t x)
{
    return reach_of(x, s->stride_w, s->pad_w, s->kernel_w, s->dilation_w, s->in_w);
}

static const int8_t *pixel(const ng_slide *s, const int8_t *in, const reach *rows, int32_t i,
                           const reach *columns, int32_t j)
{
    const int32_t y = rows->origin + i * s->dilation_h, x = columns->origin + j * s->dilation_w;
    return in + (y * s->in_w + x) * s->in_c;
}

static int8_t finished(const ng_slide *s, const ng_weights *w, int32_t sum, int32_t channel)
{
    const int32_t value = rescaled(sum + w->bias[channel], w->multiplier[channel], w->shift[channel]);
    return limited(value + w->out_zero, s->low, s->high);
}

void ng_conv(const ng_slide *s, const ng_weights *w, const int8_t *in, int8_t *out)
{
    for (int32_t y = 0; y < s->out_h; ++y) {
        const reach rows = rows_of(s, y);
        for (int32_t x = 0; x < s->out_w; ++x) {
            const reach columns = columns_of(s, x);
            for (int32_t c = 0; c < s->out_c; ++c) {
                int32_t sum = 0;
                for (int32_t i = rows.begin; i < rows.end; ++i) {
                    for (int32_t j = columns.begin; j < columns.end; ++j) {
                        const int8_t *from = pixel(s, in, &rows, i, &columns, j);
                        const int8_t *weight
                            = w->weights + ((c * s->kernel_h + i) * s->kernel_w + j) * s->in_c;
                        for (int32_t k = 0; k < s->in_c; ++k) {
                            sum += (from[k] - w->in_zero) * weight[k];
                        }
                    }
                }
                *out++ = finished(s, w, sum, c);
            }
        }
    }
}

void ng_depthwise_conv(const ng_slide *s, const ng_weights *w, const int8_t *in, int8_t *out)
{
    const int32_t per_input = s->out_c / s->in_c;
    for (int32_t y = 0; y < s->out_h; ++y) {
        const reach rows = rows_of(s, y);
        for (int32_t x = 0; x < s->out_w; ++x) {
            const reach columns = columns_of(s, x);
            for (int32_t c = 0; c < s->out_c; ++c) {
                int32_t sum = 0;
                for (int32_t i = rows.begin; i < rows.end; ++i) {
                    for (int32_t j = columns.begin; j < columns.end; ++j) {
                        const int8_t from = pixel(s, in, &rows, i, &columns, j)[c / per_input];
                        sum += (from - w->in_zero)
                               * w->weights[(i * s->kernel_w + j) * s->out_c + c];
                    }
                }
                *out++ = finished(s, w, sum, c);
            }
        }
    }
}

void ng_average_pool(const ng_slide *s, const int8_t *in, int8_t *out)
{
    for (int32_t y = 0; y < s->out_h; ++y) {
        const reach rows = rows_of(s, y);
        for (int32_t x = 0; x < s->out_w; ++x) {
            const reach columns = columns_of(s, x);
            const int32_t n = (rows.end - rows.begin) * (columns.end - columns.begin);
            for (int32_t c = 0; c < s->out_c; ++c) {
                int32_t sum = 0;
                for (int32_t i = rows.begin; i < rows.end; ++i) {
                    for (int32_t j = columns.begin; j < columns.end; ++j) {
                        sum += pixel(s, in, &rows, i, &columns, j)[c];
                    }
                }
                *out++ = limited((sum > 0 ? sum + n / 2 : sum - n / 2) / n, s->low, s->high);
            }
        }
    }
}

void ng_max_pool(const ng_slide *s, const int8_t *in, int8_t *out)
{
    for (int32_t y = 0; y < s->out_h; ++y) {
        const reach rows = rows_of(s, y);
        for (int32_t x = 0; x < s->out_w; ++x) {
            const reach columns = columns_of(s, x);
            for (int32_t c = 0; c < s->out_c; ++c) {
                int8_t most = INT8_MIN;
                for (int32_t i = rows.begin; i < rows.end; ++i) {
                    for (int32_t j = columns.begin; j < columns.end; ++j) {
                        const int8_t value = pixel(s, in, &rows, i, &columns, j)[c];
                        most = value > most ? value : most;
                    }
                }
                *out++ = limited(most, s->low, s->high);
            }
        }
    }
}

void ng_mean(const ng_average *a, const int8_t *in, int8_t *out)
{
    for (int32_t c = 0; c < a->channels; ++c) {
        int32_t sum = 0;
        for (int32_t i = 0; i < a->n; ++i) {
            sum += in[i * a->channels + c] - a->in_zero;
        }
        out[c] = limited(rescaled(sum, a->multiplier, a->shift) + a->out_zero, INT8_MIN, INT8_MAX);
    }
}

void ng_dense(int32_t n_in, int32_t n_out, int32_t low, int32_t high, const ng_weights *w, const int8_t *in,
              int8_t *out)
{
    const int8_t *weight = w->weights;
    for (int32_t c = 0; c < n_out; ++c) {
        int32_t sum = w->bias[c];
        for (int32_t k = 0; k < n_in; ++k) {
            sum += (in[k] - w->in_zero) * *weight++;
        }
        out[c] = limited(rescaled_once(sum, w->multiplier[c], w->shift[c]) + w->out_zero, low, high);
    }
}

void ng_pad(const ng_border *b, const int8_t *in, int8_t *out)
{
    const int32_t row = b->in_w * b->depth;
    memset(out, b->value, (size_t)(b->out_h * b->out_w * b->depth));
    for (int32_t y = 0; y < b->in_h; ++y) {
        memcpy(out + ((y + b->above) * b->out_w + b->left) * b->depth, in + y * row, (size_t)row);
    }
}

void ng_lookup(const int8_t table[256], int32_t n, const int8_t *in, int8_t *out)
{
    for (int32_t i = 0; i < n; ++i) {
        out[i] = table[in[i] + 128];
    }
}

void ng_add(const ng_sum *s, int32_t n, const int8_t *a, const int8_t *b, int8_t *out)
{
    for (int32_t i = 0; i < n; ++i) {
        const int32_t first = (a[i] - s->zero[0]) * ((int32_t)1 << s->left);
        const int32_t second = (b[i] - s->zero[1]) * ((int32_t)1 << s->left);
        const int32_t sum = rescaled(first, s->multiplier[0], s->shift[0])
                            + rescaled(second, s->multiplier[1], s->shift[1]);
        out[i] = limited(rescaled(sum, s->out_multiplier, s->out_shift) + s->out_zero, s->low, s->high);
    }
}

void ng_copy(int32_t blocks, int32_t size, int32_t from, int32_t to, const int8_t *in, int8_t *out)
{
    for (int32_t i = 0; i < blocks; ++i) {
        memcpy(out + i * to, in + i * from, (size_t)size);
    }
}
