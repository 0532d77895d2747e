/* Bytes: 00 | COBS(version, type, session, seq, payload <= 32, CRC-16/CCITT-FALSE little-endian) | 00. */
#ifndef HAND_FRAMES_H
#define HAND_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

#define HAND_PAYLOAD_MAX 32u
#define HAND_OVERHEAD 6u /* header 4, CRC 2 */
#define HAND_RAW_MAX (HAND_PAYLOAD_MAX + HAND_OVERHEAD)
#define HAND_COBS_MAX (HAND_RAW_MAX + 1u)
#define HAND_FRAME_MAX (HAND_COBS_MAX + 2u)

typedef struct {
    uint8_t version;
    uint8_t type;
    uint8_t session;
    uint8_t seq;
    uint8_t size;
    uint8_t payload[HAND_PAYLOAD_MAX];
    uint16_t crc;
} hand_frame;

typedef struct {
    uint8_t buffer[HAND_COBS_MAX];
    uint8_t size;
    bool overrun;
    uint16_t frames;
    uint16_t crc_errors;
    uint16_t overruns;
    uint16_t malformed; /* bad COBS or too short */
} hand_decoder;

uint16_t hand_crc16(const uint8_t *bytes, uint8_t size);

/* Returns the number of bytes written to `out`, delimiters included; 0 if the payload is too long. */
uint8_t hand_frame_encode(const hand_frame *frame, uint8_t out[HAND_FRAME_MAX]);

void hand_decoder_init(hand_decoder *decoder);

/* True when `byte` completed a valid frame, which is then in `frame`. */
bool hand_decoder_push(hand_decoder *decoder, uint8_t byte, hand_frame *frame);

/* Zero the counters without losing a frame that is half received. */
void hand_decoder_clear_counters(hand_decoder *decoder);

#endif
