/* Whole sessions under libFuzzer: the input is a list of operations on a watched hand (judge.h). Frames get
 * their COBS and CRC here, since a mutation that breaks these is refused before it can do anything; the first
 * byte of an operation says which one it is and, for a frame, how it departs from what a sane host would send:
 *
 *   bits 0-3  operation
 *   bits 4-5  seq: the next one, the last one, an older one, the next plus the byte that follows
 *   bit 6     session: the hand's, or the byte that follows
 *   bit 7     the frame is damaged: which byte, and how, in the two bytes that follow
 *
 * fuzz_seeds.py writes the same format. Missing bytes are 0. */
#include "judge.h"
#include "test_profiles.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLL_MS 5u
#define KEPT 8u

enum operation {
    OP_WAIT = 0,  /* u8: times 4 ms, poll and servo frames as they are due */
    OP_HELLO = 1, /* u8: session */
    OP_CONFIG = 2,
    OP_ARM = 3,
    OP_BEAT = 4,
    OP_ACTION = 5,
    OP_JOINTS = 6,
    OP_STOP = 7,
    OP_CLEAR = 8,
    OP_GET = 9,
    OP_ANY = 10,    /* u8 type, u8 version, payload */
    OP_NOISE = 11,  /* u8 size, bytes */
    OP_REPLAY = 12, /* u8: which of the frames sent before, 0 the newest */
    OP_INPUTS = 13, /* u8: levels */
    OP_JUMP = 14,   /* u32 ms in which the board did nothing; then it polls, as the loop of every port does */
    OP_RESET = 15   /* u8: why */
};

typedef struct {
    const uint8_t *data;
    size_t size;
} reader;

typedef struct {
    uint8_t size;
    uint8_t bytes[HAND_FRAME_MAX];
} sent;

typedef struct {
    judge board;
    uint32_t now_ms;
    uint32_t frame_ms; /* when the next servo frame is due */
    uint32_t poll_ms;
    uint8_t seq;
    uint8_t beat_seq;
    sent history[KEPT];
    uint8_t newest;
} world;

static uint8_t take8(reader *from)
{
    if (from->size == 0) {
        return 0;
    }
    from->size--;
    return *from->data++;
}

static uint16_t take16(reader *from)
{
    uint8_t low = take8(from);
    return (uint16_t)(low | (uint32_t)take8(from) << 8);
}

static void put8(hand_frame *frame, uint32_t value)
{
    frame->payload[frame->size++] = (uint8_t)value;
}

static void put16(hand_frame *frame, uint32_t value)
{
    put8(frame, value & 0xFFu);
    put8(frame, value >> 8);
}

static void expect(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "fuzz_sessions: %s\n", what);
        abort();
    }
}

static void judged(const world *self)
{
    expect(self->board.faults == 0, self->board.first_fault);
}

/* --- time ------------------------------------------------------------------------------------- */

/* Due is what is less than half the clock's range behind. */
static bool due(uint32_t at_ms, uint32_t now_ms)
{
    return now_ms - at_ms < 0x80000000u;
}

static void run_due(world *self)
{
    if (due(self->poll_ms, self->now_ms)) {
        self->poll_ms = self->now_ms + POLL_MS;
        judge_poll(&self->board, self->now_ms);
    }
    if (due(self->frame_ms, self->now_ms)) {
        self->frame_ms = self->now_ms + HAND_FRAME_MS;
        judge_servo_frame(&self->board, self->now_ms);
    }
}

static void wait(world *self, uint32_t ms)
{
    for (; ms > 0; ms--) {
        self->now_ms++;
        run_due(self);
    }
}

static void restart(world *self, uint8_t profile, uint8_t reset)
{
    uint8_t inputs = self->board.inputs;
    judge_start(&self->board, test_profiles[profile], reset);
    self->board.inputs = inputs;
    self->frame_ms = self->now_ms + HAND_FRAME_MS;
    self->poll_ms = self->now_ms + POLL_MS;
}

/* --- frames ----------------------------------------------------------------------------------- */

static void receive(world *self, const sent *frame)
{
    for (uint8_t i = 0; i < frame->size; i++) {
        judge_receive(&self->board, frame->bytes[i], self->now_ms);
    }
}

/* The numbers of a payload are bent so that most of them are good ones, and all bad ones near; OP_ANY has the
 * others. */
static void fill(hand_frame *frame, reader *from)
{
    switch (frame->type) {
    case HAND_MESSAGE_CONFIG:
        put8(frame, take8(from) % (HAND_MAX_JOINTS + 1u));
        put16(frame, 990u + take16(from) % 300u);
        put16(frame, 1290u + take16(from) % 720u);
        put16(frame, take16(from) % 40u);
        break;
    case HAND_MESSAGE_ACTION:
        put8(frame, take8(from) % (HAND_ACTIONS + 1u));
        put8(frame, take8(from) % 102u);
        put8(frame, 100u);
        put16(frame, take16(from) % 10002u);
        break;
    case HAND_MESSAGE_JOINTS: {
        uint8_t mask = take8(from);
        put8(frame, mask);
        put8(frame, take8(from) % 102u);
        put16(frame, take16(from) % 10002u);
        for (; mask != 0; mask = (uint8_t)(mask & (mask - 1u))) {
            put16(frame, 990u + take16(from) % 1021u);
        }
        break;
    }
    case HAND_MESSAGE_GET:
        put8(frame, take8(from) % 4u);
        put8(frame, take8(from) % (HAND_MAX_JOINTS + 1u));
        break;
    default:
        break;
    }
}

static uint8_t next_seq(uint8_t *counter, uint8_t how, reader *from)
{
    switch (how) {
    case 0:
        return ++*counter;
    case 1:
        return *counter;
    case 2:
        return (uint8_t)(*counter - 1u - take8(from) % 128u);
    default:
        *counter = (uint8_t)(*counter + 1u + take8(from));
        return *counter;
    }
}

static void send_frame(world *self, uint8_t code, reader *from)
{
    hand_frame frame;
    uint8_t operation = code & 0x0Fu;
    uint8_t *counter = operation == OP_BEAT ? &self->beat_seq : &self->seq;
    memset(&frame, 0, sizeof frame);
    frame.version = HAND_VERSION;
    frame.type = operation;
    frame.seq = next_seq(counter, (code >> 4) & 0x03u, from);
    bool other = (code & 0x40u) != 0 || operation == OP_HELLO;
    frame.session = other ? take8(from) : self->board.session;
    if (operation == OP_ANY) {
        frame.type = take8(from);
        frame.version = take8(from);
        frame.size = take8(from) % (HAND_PAYLOAD_MAX + 1u);
        for (uint8_t i = 0; i < frame.size; i++) {
            frame.payload[i] = take8(from);
        }
    } else {
        fill(&frame, from);
    }
    self->newest = (uint8_t)((self->newest + 1u) % KEPT);
    sent *out = &self->history[self->newest];
    out->size = hand_frame_encode(&frame, out->bytes);
    if ((code & 0x80u) != 0) {
        uint8_t at = take8(from) % out->size;
        out->bytes[at] = (uint8_t)(out->bytes[at] ^ take8(from));
    }
    receive(self, out);
}

static void send_plain(world *self, uint8_t type, uint8_t session, uint8_t seq)
{
    hand_frame frame;
    sent out;
    memset(&frame, 0, sizeof frame);
    frame.version = HAND_VERSION;
    frame.type = type;
    frame.session = session;
    frame.seq = seq;
    out.size = hand_frame_encode(&frame, out.bytes);
    receive(self, &out);
}

static void send_noise(world *self, reader *from)
{
    for (uint8_t left = take8(from) % 64u; left > 0; left--) {
        judge_receive(&self->board, take8(from), self->now_ms);
    }
}

/* --- the input -------------------------------------------------------------------------------- */

static void operate(world *self, uint8_t profile, reader *from)
{
    uint8_t code = take8(from);
    switch (code & 0x0Fu) {
    case OP_WAIT:
        wait(self, take8(from) * 4u);
        break;
    case OP_NOISE:
        send_noise(self, from);
        break;
    case OP_REPLAY:
        receive(self, &self->history[(self->newest + KEPT - take8(from) % KEPT) % KEPT]);
        break;
    case OP_INPUTS:
        self->board.inputs = take8(from) & (HAND_INPUT_ESTOP | HAND_INPUT_STALL | HAND_INPUT_BATTERY_LOW);
        break;
    case OP_JUMP: {
        uint32_t low = take16(from);
        self->now_ms += low | (uint32_t)take16(from) << 16;
        self->poll_ms = self->frame_ms = self->now_ms;
        run_due(self);
        break;
    }
    case OP_RESET:
        restart(self, profile, take8(from) % 3u);
        break;
    default:
        send_frame(self, code, from);
        break;
    }
    self->board.tx_size = 0;
    judged(self);
}

/* Nobody speaks any more. */
static void fall_silent(world *self)
{
    self->now_ms += HAND_WATCHDOG_MAX_MS;
    judge_poll(&self->board, self->now_ms);
    judged(self);
    expect(!judge_armed(self->board.state), "armed without a host");
}

/* Whatever has happened to the hand: once its inputs are quiet, a new session and ARM have it back. */
static void recover(world *self)
{
    self->board.inputs = 0;
    uint8_t session = (uint8_t)(self->board.session % 255u + 1u);
    send_plain(self, HAND_MESSAGE_HELLO, session, 1);
    send_plain(self, HAND_MESSAGE_ARM, session, 2);
    judged(self);
    expect(self->board.state == HAND_STATE_ARMED, "a new session and ARM do not bring the hand back");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static world self;
    reader from = {data, size};
    memset(&self, 0, sizeof self);
    uint8_t profile = take8(&from) % test_profiles_count;
    self.now_ms = 0u - 16u * take8(&from); /* so that the clock wraps on the way */
    restart(&self, profile, HAND_RESET_POWER_ON);
    while (from.size > 0) {
        operate(&self, profile, &from);
    }
    fall_silent(&self);
    recover(&self);
    return 0;
}
