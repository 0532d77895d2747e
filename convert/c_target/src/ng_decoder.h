/* Filter and network of one signal: a frame of counts in, logits out wherever a window ends.
 * It decides nothing and moves nothing: thresholds, dwell and every safety of a hand are the caller's. */
#ifndef NG_DECODER_H
#define NG_DECODER_H

#include <stdint.h>

#include "ng_signal.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Forget all frames: at the start and at a gap. */
void ng_decoder_reset(void);

/* Returns 1 where `logits` was written: at the end of the first NG_WINDOW frames of the filter, and of every
 * NG_HOP after them. */
int ng_decoder_push(const int32_t counts[NG_CHANNELS], int8_t logits[NG_ACTIONS]);

#ifdef __cplusplus
}
#endif

#endif
