#include "golden_test.h"
#include "ng_decoder.h"
#include "ng_golden.h"

static uint32_t follow(void)
{
    uint32_t windows = 0;
    ng_decoder_reset();
    for (uint32_t i = 0; i < NG_GOLDEN_FRAMES; ++i) {
        int32_t counts[NG_CHANNELS];
        int8_t logits[NG_ACTIONS];
        for (uint16_t c = 0; c < NG_CHANNELS; ++c) {
            counts[c] = ng_golden_counts[i][c];
        }
        if (!ng_decoder_push(counts, logits)) {
            continue;
        }
        for (uint16_t a = 0; a < NG_ACTIONS; ++a) {
            if (logits[a] != ng_golden_logits[windows][a]) {
                return windows + 1;
            }
        }
        ++windows;
    }
    return windows == NG_GOLDEN_WINDOWS ? 0 : windows + 1;
}

uint32_t golden_network(void)
{
    const uint32_t first = follow();
    return first ? first : follow();
}
