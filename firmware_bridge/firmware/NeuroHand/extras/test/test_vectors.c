/* Holds the C half of the wire against vectors.json, which vectors_txt.py turns into lines on stdin. */
#include "hand_frames.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_MAX 128u

static int failures;

static void expect(bool good, const char *name, const char *what)
{
    if (!good) {
        fprintf(stderr, "%s: %s\n", name, what);
        failures++;
    }
}

static uint8_t unhex(const char *hex, uint8_t *bytes)
{
    uint8_t size = 0;
    for (; hex[0] != '-' && hex[0] != '\0' && hex[1] != '\0' && size < BYTES_MAX; hex += 2) {
        char digits[3] = {hex[0], hex[1], '\0'};
        bytes[size++] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return size;
}

static uint8_t feed(hand_decoder *decoder, const uint8_t *bytes, uint8_t size, hand_frame *frame)
{
    uint8_t frames = 0;
    for (uint8_t i = 0; i < size; i++) {
        frames = (uint8_t)(frames + hand_decoder_push(decoder, bytes[i], frame));
    }
    return frames;
}

static void check_frame(const char *name, const char *hex, const unsigned header[4], const char *payload_hex)
{
    uint8_t bytes[BYTES_MAX];
    uint8_t payload[BYTES_MAX];
    uint8_t encoded[HAND_FRAME_MAX];
    uint8_t size = unhex(hex, bytes);
    uint8_t payload_size = unhex(payload_hex, payload);
    hand_decoder decoder;
    hand_frame frame;
    memset(&frame, 0, sizeof frame);
    hand_decoder_init(&decoder);
    expect(feed(&decoder, bytes, size, &frame) == 1, name, "not decoded");
    expect(frame.version == header[0] && frame.type == header[1], name, "wrong version or type");
    expect(frame.session == header[2] && frame.seq == header[3], name, "wrong session or sequence number");
    expect(frame.size == payload_size && memcmp(frame.payload, payload, payload_size) == 0, name, "wrong payload");
    expect(hand_frame_encode(&frame, encoded) == size && memcmp(encoded, bytes, size) == 0, name,
           "encodes to other bytes");
}

static void check_broken(const char *name, const char *hex, const char *counter)
{
    uint8_t bytes[BYTES_MAX];
    uint8_t good[HAND_FRAME_MAX];
    uint8_t size = unhex(hex, bytes);
    hand_decoder decoder;
    hand_frame frame;
    hand_decoder_init(&decoder);
    expect(feed(&decoder, bytes, size, &frame) == 0, name, "taken for a frame");
    expect(decoder.crc_errors == (strcmp(counter, "crc_errors") == 0), name, "crc_errors");
    expect(decoder.overruns == (strcmp(counter, "overruns") == 0), name, "overruns");
    expect(decoder.malformed == (strcmp(counter, "malformed") == 0), name, "malformed");
    memset(&frame, 0, sizeof frame);
    frame.version = 1;
    size = hand_frame_encode(&frame, good);
    expect(feed(&decoder, good, size, &frame) == 1, name, "the next good frame is lost");
}

int main(void)
{
    char line[512];
    char name[64];
    char hex[2 * BYTES_MAX + 1];
    char rest[2 * BYTES_MAX + 1];
    unsigned header[4];
    int checked = 0;
    const uint8_t check_value[] = "123456789";
    expect(hand_crc16(check_value, 9) == 0x29B1, "crc", "is not CRC-16/CCITT-FALSE");
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (sscanf(line, "frame %63s %256s %u %u %u %u %256s", name, hex, &header[0], &header[1], &header[2],
                   &header[3], rest) == 7) {
            check_frame(name, hex, header, rest);
        } else if (sscanf(line, "broken %63s %256s %256s", name, hex, rest) == 3) {
            check_broken(name, hex, rest);
        } else {
            expect(false, line, "is no vector");
        }
        checked++;
    }
    printf("%d vectors, %d failures\n", checked, failures);
    return failures == 0 && checked > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
