#include "ng_decoder.h"

#include <string.h>

#include "ng_filter.h"
#include "ng_network.h"

static int8_t frames[NG_NETWORK_FRAMES][NG_CHANNELS];
static uint32_t seen, due;

void ng_decoder_reset(void)
{
    ng_filter_reset();
    ng_network_reset();
    memset(frames, 0, sizeof frames);
    seen = 0;
    /* Hops are counted so that one ends with the first window. */
    due = NG_WINDOW % NG_HOP == 0 ? NG_HOP : NG_WINDOW % NG_HOP;
}

int ng_decoder_push(const int32_t counts[NG_CHANNELS], int8_t logits[NG_ACTIONS])
{
    int8_t frame[NG_CHANNELS];
    if (!ng_filter_push(counts, frame)) {
        return 0;
    }
    memmove(frames[0], frames[1], sizeof frames - sizeof frame);
    memcpy(frames[NG_NETWORK_FRAMES - 1], frame, sizeof frame);
    seen += seen < NG_WINDOW;
    if (--due > 0) {
        return 0;
    }
    due = NG_HOP;
    if (seen < NG_WINDOW) {
        int8_t early[NG_ACTIONS]; /* for the states that the network keeps */
        ng_network_run(frames[0], early);
        return 0;
    }
    ng_network_run(frames[0], logits);
    return 1;
}
