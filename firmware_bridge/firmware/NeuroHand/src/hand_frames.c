#include "hand_frames.h"

#include <string.h>

uint16_t hand_crc16(const uint8_t *bytes, uint8_t size)
{
    uint16_t crc = 0xFFFFu;
    for (uint8_t i = 0; i < size; i++) {
        crc = (uint16_t)(crc ^ ((uint16_t)bytes[i] << 8));
        for (uint8_t bit = 0; bit < 8; bit++) {
            uint16_t shifted = (uint16_t)((uint32_t)crc << 1);
            crc = (crc & 0x8000u) ? (uint16_t)(shifted ^ 0x1021u) : shifted;
        }
    }
    return crc;
}

uint8_t hand_frame_encode(const hand_frame *frame, uint8_t out[HAND_FRAME_MAX])
{
    uint8_t raw[HAND_RAW_MAX];
    if (frame->size > HAND_PAYLOAD_MAX) {
        return 0;
    }
    raw[0] = frame->version;
    raw[1] = frame->type;
    raw[2] = frame->session;
    raw[3] = frame->seq;
    memcpy(&raw[4], frame->payload, frame->size);
    uint8_t size = (uint8_t)(4u + frame->size);
    uint16_t crc = hand_crc16(raw, size);
    raw[size++] = (uint8_t)(crc & 0xFFu);
    raw[size++] = (uint8_t)(crc >> 8);

    /* A raw frame is shorter than 254 bytes, so COBS never needs its 0xFF code. */
    uint8_t at = 0;
    out[at++] = 0;
    uint8_t code_at = at++;
    uint8_t code = 1;
    for (uint8_t i = 0; i < size; i++) {
        if (raw[i] == 0) {
            out[code_at] = code;
            code_at = at++;
            code = 1;
        } else {
            out[at++] = raw[i];
            code++;
        }
    }
    out[code_at] = code;
    out[at++] = 0;
    return at;
}

void hand_decoder_init(hand_decoder *decoder)
{
    memset(decoder, 0, sizeof *decoder);
}

void hand_decoder_clear_counters(hand_decoder *decoder)
{
    decoder->frames = 0;
    decoder->crc_errors = 0;
    decoder->overruns = 0;
    decoder->malformed = 0;
}

/* Decodes in place; 0 when the codes do not add up. */
static uint8_t cobs_decode(uint8_t *bytes, uint8_t size)
{
    uint8_t from = 0;
    uint8_t to = 0;
    while (from < size) {
        uint8_t code = bytes[from];
        if (code > size - from) {
            return 0;
        }
        for (uint8_t i = 1; i < code; i++) {
            bytes[to++] = bytes[from + i];
        }
        from = (uint8_t)(from + code);
        if (from < size) {
            bytes[to++] = 0;
        }
    }
    return to;
}

static bool finish(hand_decoder *decoder, hand_frame *frame)
{
    uint8_t encoded = decoder->size;
    bool overrun = decoder->overrun;
    decoder->size = 0;
    decoder->overrun = false;
    if (overrun) {
        decoder->overruns++;
        return false;
    }
    if (encoded == 0) {
        return false;
    }
    uint8_t size = cobs_decode(decoder->buffer, encoded);
    if (size < HAND_OVERHEAD) {
        decoder->malformed++;
        return false;
    }
    const uint8_t *raw = decoder->buffer;
    uint16_t crc = (uint16_t)(raw[size - 2] | ((uint16_t)raw[size - 1] << 8));
    if (crc != hand_crc16(raw, (uint8_t)(size - 2))) {
        decoder->crc_errors++;
        return false;
    }
    frame->version = raw[0];
    frame->type = raw[1];
    frame->session = raw[2];
    frame->seq = raw[3];
    frame->size = (uint8_t)(size - HAND_OVERHEAD);
    memcpy(frame->payload, &raw[4], frame->size);
    frame->crc = crc;
    decoder->frames++;
    return true;
}

bool hand_decoder_push(hand_decoder *decoder, uint8_t byte, hand_frame *frame)
{
    if (byte == 0) {
        return finish(decoder, frame);
    }
    if (decoder->size < HAND_COBS_MAX) {
        decoder->buffer[decoder->size++] = byte;
    } else {
        decoder->overrun = true;
    }
    return false;
}
