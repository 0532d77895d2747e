/* The frame parser under libFuzzer: any bytes. What decodes must encode to what came in, the counters must add
 * up, and its memory stays bounded. */
#include "hand_frames.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void expect(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "fuzz_frames: %s\n", what);
        abort();
    }
}

static void check_round_trip(const hand_frame *frame, const uint8_t *encoded, size_t size)
{
    uint8_t bytes[HAND_FRAME_MAX];
    uint8_t length = hand_frame_encode(frame, bytes);
    expect(length == size + 2u, "encodes to another length");
    expect(bytes[0] == 0 && bytes[length - 1] == 0, "encodes without delimiters");
    expect(memcmp(&bytes[1], encoded, size) == 0, "encodes to other bytes");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hand_decoder decoder;
    hand_frame frame;
    size_t from = 0; /* first byte after the last delimiter */
    uint16_t pieces = 0;
    uint16_t frames = 0;
    hand_decoder_init(&decoder);
    for (size_t i = 0; i < size; i++) {
        bool complete = hand_decoder_push(&decoder, data[i], &frame);
        expect(decoder.size <= HAND_COBS_MAX, "more bytes than a frame has are kept");
        if (complete) {
            frames++;
            expect(data[i] == 0, "a frame without its delimiter");
            expect(frame.size <= HAND_PAYLOAD_MAX, "a payload that is too long");
            check_round_trip(&frame, &data[from], i - from);
        }
        if (data[i] == 0) {
            pieces = (uint16_t)(pieces + (i > from));
            from = i + 1;
        }
    }
    uint16_t errors = (uint16_t)(decoder.crc_errors + decoder.overruns + decoder.malformed);
    expect(decoder.frames == frames, "frames miscounted");
    expect((uint16_t)(frames + errors) == pieces, "a piece neither taken nor counted");
    return 0;
}
