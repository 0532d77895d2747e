/* Layers of int8 networks, in the arithmetic of TensorFlow Lite's reference kernels, bit for bit (Jacob et al.,
 * "Quantization and training of neural networks for efficient integer-arithmetic-only inference", CVPR 2018).
 * Tensors are [height][width][channels] of less than 2^31 bytes; real = (integer - zero point) * scale. No allocation, no float. */
#ifndef NG_LAYERS_H
#define NG_LAYERS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A kernel that slides over an image. */
typedef struct {
    int32_t in_h, in_w, in_c, out_h, out_w, out_c;
    int32_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
    int32_t pad_h, pad_w; /* rows above and columns to the left that are not there */
    int32_t low, high;    /* of the output */
} ng_slide;

/* What is done with sums of products; arrays have an entry an output channel. */
typedef struct {
    int32_t in_zero, out_zero;
    const int8_t *weights;
    const int32_t *bias, *multiplier; /* multiplier in Q31 */
    const int8_t *shift;              /* to the left, below 0 to the right */
} ng_weights;

void ng_conv(const ng_slide *slide, const ng_weights *weights, const int8_t *in, int8_t *out);

/* Every input channel makes out_c / in_c output channels. */
void ng_depthwise_conv(const ng_slide *slide, const ng_weights *weights, const int8_t *in, int8_t *out);

void ng_average_pool(const ng_slide *slide, const int8_t *in, int8_t *out);
void ng_max_pool(const ng_slide *slide, const int8_t *in, int8_t *out);

/* [n][channels] to [channels]; the multiplier divides by n too. */
typedef struct {
    int32_t n, channels, in_zero, out_zero, multiplier, shift;
} ng_average;

void ng_mean(const ng_average *average, const int8_t *in, int8_t *out);

/* weights [n_out][n_in]; sums are rounded once, where convolutions round twice. */
void ng_dense(int32_t n_in, int32_t n_out, int32_t low, int32_t high, const ng_weights *weights,
              const int8_t *in, int8_t *out);

/* [in_h][in_w][depth] with `above` rows and `left` columns before it into [out_h][out_w][depth]. */
typedef struct {
    int32_t in_h, in_w, depth, out_h, out_w, above, left;
    int8_t value;
} ng_border;

void ng_pad(const ng_border *border, const int8_t *in, int8_t *out);

/* out[i] = table[in[i] + 128] */
void ng_lookup(const int8_t table[256], int32_t n, const int8_t *in, int8_t *out);

/* Two tensors of the same shape; both are brought to a common scale 2^left times finer. */
typedef struct {
    int32_t zero[2], multiplier[2], shift[2];
    int32_t out_zero, out_multiplier, out_shift, left, low, high;
} ng_sum;

void ng_add(const ng_sum *sum, int32_t n, const int8_t *a, const int8_t *b, int8_t *out);

/* `blocks` blocks of `size` bytes, `from` bytes apart in `in` and `to` bytes apart in `out`. */
void ng_copy(int32_t blocks, int32_t size, int32_t from, int32_t to, const int8_t *in, int8_t *out);

#ifdef __cplusplus
}
#endif

#endif
