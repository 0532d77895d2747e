/* Random hosts and noise for the core, in a program of its own so that AddressSanitizer sees every access:
 *
 *   fuzz SEED STEPS
 *
 * Fails when the bench has seen a pulse that must not be, when the hand sends anything but frames, when an
 * emergency stop leaves the outputs on, or when a hand without a host keeps them. */
#include "NeuroHand.h"
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROFILES 3u

static uint64_t random_state;
static long moving;

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled", 2016. */
static uint32_t below(uint32_t n)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (uint32_t)((random_state * 0x2545F4914F6CDD1Dull) >> 32) % n;
}

static void expect(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "fuzz: %s\n", what);
        exit(EXIT_FAILURE);
    }
}

static void append16(hand_frame *frame, uint32_t value)
{
    frame->payload[frame->size++] = (uint8_t)(value & 0xFFu);
    frame->payload[frame->size++] = (uint8_t)(value >> 8);
}

static void append8(hand_frame *frame, uint32_t value)
{
    frame->payload[frame->size++] = (uint8_t)value;
}

/* A payload that `frame->type` could have, its numbers mostly good ones. */
static void fill(hand_frame *frame)
{
    uint32_t count = 1u + below(4);
    switch (frame->type) {
    case HAND_MESSAGE_ACTION:
        append8(frame, below(HAND_ACTIONS + 1u));
        append8(frame, below(102));
        append8(frame, 100);
        append16(frame, below(3000));
        break;
    case HAND_MESSAGE_JOINTS:
        append8(frame, (1u << count) - 1u);
        append8(frame, below(102));
        append16(frame, below(3000));
        for (; count > 0; count--) {
            append16(frame, below(100) == 0 ? below(65536) : 1000u + below(1001));
        }
        break;
    case HAND_MESSAGE_CONFIG:
        for (; count > 0; count--) {
            append8(frame, below(HAND_MAX_JOINTS + 1u));
            append16(frame, 990u + below(300));
            append16(frame, 1300u + below(710));
            append16(frame, below(40));
        }
        break;
    case HAND_MESSAGE_GET:
        append8(frame, below(4));
        append8(frame, below(HAND_MAX_JOINTS + 1u));
        break;
    default:
        break;
    }
}

static uint8_t random_frame(uint8_t *bytes, uint8_t *session, uint8_t *seq)
{
    static const uint8_t kinds[] = {
        HAND_MESSAGE_ARM,    HAND_MESSAGE_ARM,    HAND_MESSAGE_BEAT,   HAND_MESSAGE_BEAT,
        HAND_MESSAGE_ACTION, HAND_MESSAGE_ACTION, HAND_MESSAGE_JOINTS, HAND_MESSAGE_JOINTS,
        HAND_MESSAGE_GET,    HAND_MESSAGE_CLEAR,  HAND_MESSAGE_CONFIG, HAND_MESSAGE_STOP,
    };
    hand_frame frame;
    memset(&frame, 0, sizeof frame);
    frame.version = below(50) == 0 ? (uint8_t)below(256) : HAND_VERSION;
    frame.type = below(30) == 0 ? (uint8_t)below(256) : kinds[below(sizeof kinds)];
    if (below(40) == 0) {
        frame.type = HAND_MESSAGE_HELLO;
        *session = (uint8_t)below(256);
    }
    *seq = (uint8_t)(*seq + (below(10) == 0 ? below(256) : 1u));
    frame.session = below(30) == 0 ? (uint8_t)below(256) : *session;
    frame.seq = *seq;
    fill(&frame);
    if (below(30) == 0) {
        frame.size = (uint8_t)below(HAND_PAYLOAD_MAX + 1u);
    }
    uint8_t size = hand_frame_encode(&frame, bytes);
    if (below(20) == 0) {
        bytes[below(size)] ^= (uint8_t)(1u << below(8));
    }
    return below(40) == 0 ? (uint8_t)below(size) : size;
}

static void check_sent(bench *board)
{
    static uint8_t bytes[BENCH_TX_MAX];
    uint32_t size = bench_take(board, bytes);
    hand_decoder decoder;
    hand_frame frame;
    hand_decoder_init(&decoder);
    for (uint32_t i = 0; i < size; i++) {
        if (hand_decoder_push(&decoder, bytes[i], &frame)) {
            expect((frame.type & HAND_FROM_HAND) != 0, "the hand sent a request");
        }
    }
    expect(decoder.crc_errors + decoder.overruns + decoder.malformed == 0, "the hand sent a broken frame");
}

static void pass(bench *board, uint32_t *now_ms, uint32_t servo_frames)
{
    for (; servo_frames > 0; servo_frames--) {
        uint16_t us[HAND_MAX_JOINTS] = {0};
        *now_ms += HAND_FRAME_MS;
        bench_poll(board, *now_ms);
        bench_servo_frame(board, *now_ms);
        moving += (bench_look(board, us) & 0xFFu) == HAND_STATE_MOVING;
    }
}

static void check_detached(const bench *board, const char *what)
{
    uint16_t us[HAND_MAX_JOINTS] = {0};
    (void)bench_look(board, us);
    for (uint8_t i = 0; i < HAND_MAX_JOINTS; i++) {
        expect(us[i] == 0, what);
    }
}

static void one_hand(uint8_t profile, long steps)
{
    bench *board = bench_new(profile);
    uint32_t now_ms = 0u - below(10000); /* the clock wraps on the way */
    uint8_t session = 0;
    uint8_t seq = 0;
    expect(board != NULL, "no memory");
    for (long step = 0; step < steps; step++) {
        uint8_t bytes[HAND_FRAME_MAX];
        uint8_t size = random_frame(bytes, &session, &seq);
        if (below(20) == 0) {
            for (size = 0; size < sizeof bytes; size++) {
                bytes[size] = below(20) == 0 ? 0 : (uint8_t)below(256);
            }
        }
        bench_receive(board, bytes, size, now_ms);
        if (below(200) == 0) {
            bench_estop(board, true);
            bench_poll(board, now_ms);
            check_detached(board, "outputs on at an emergency stop");
            bench_estop(board, false);
        }
        pass(board, &now_ms, below(100) == 0 ? below(200) : below(3));
        check_sent(board);
        expect(bench_count(board, 0) == 0, "a pulse that must not be");
    }
    pass(board, &now_ms, 4000u / HAND_FRAME_MS);
    check_detached(board, "outputs on without a host");
    bench_free(board);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: %s SEED STEPS\n", argv[0]);
        return 2;
    }
    random_state = strtoull(argv[1], NULL, 10) + 1u;
    for (uint8_t profile = 0; profile < PROFILES; profile++) {
        one_hand(profile, strtol(argv[2], NULL, 10));
    }
    expect(moving > 100, "hardly ever MOVING: this has tested nothing");
    return EXIT_SUCCESS;
}
