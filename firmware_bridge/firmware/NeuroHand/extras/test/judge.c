#include "judge.h"

#include <stddef.h>
#include <string.h>

#define STATE_JOINTS 12u /* where it has their number, their pulses behind it */
#define FEATURES \
    (HAND_FEATURE_ESTOP_INPUT | HAND_FEATURE_STALL_INPUT | HAND_FEATURE_BATTERY_INPUT | HAND_FEATURE_HARDWARE_WATCHDOG)

static void expect(judge *self, bool good, const char *what)
{
    if (good) {
        return;
    }
    if (self->faults == 0) {
        self->first_fault = what;
    }
    self->faults++;
}

bool judge_armed(uint8_t state)
{
    return state == HAND_STATE_ARMED || state == HAND_STATE_MOVING || state == HAND_STATE_HOLD;
}

static bool latched(uint8_t state)
{
    return state == HAND_STATE_FAILSAFE || state == HAND_STATE_ESTOP;
}

static uint16_t distance(uint16_t a, uint16_t b)
{
    return a > b ? (uint16_t)(a - b) : (uint16_t)(b - a);
}

static uint16_t get16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | (uint32_t)bytes[1] << 8);
}

static uint16_t within(uint16_t us, uint16_t min_us, uint16_t max_us)
{
    return us < min_us ? min_us : us > max_us ? max_us : us;
}

/* --- the outputs ------------------------------------------------------------------------------ */

static void check_pulse(judge *self, uint8_t i, uint16_t us)
{
    const hand_joint *joint = &self->profile->joint[i];
    const hand_limits *limits = &self->core.safety.limits[i];
    bool sane = HAND_PULSE_MIN_US <= joint->min_us && joint->min_us <= joint->max_us &&
                joint->max_us <= HAND_PULSE_MAX_US;
    expect(self, us >= HAND_PULSE_MIN_US && us <= HAND_PULSE_MAX_US, "a pulse that no servo may get");
    expect(self, !sane || (us >= joint->min_us && us <= joint->max_us), "a pulse outside the profile");
    expect(self, us >= limits->min_us && us <= limits->max_us, "a pulse outside the limits in force");
    if (self->attached) {
        uint16_t step = distance(us, self->us[i]);
        expect(self, step <= joint->rate_us, "a step above the profile's rate");
        expect(self, step <= limits->rate_us, "a step above the rate in force");
        self->moved = self->moved || step != 0;
    } else {
        expect(self, us == within(self->us[i], limits->min_us, limits->max_us), "the first pulse is elsewhere");
    }
}

static void write_pulses(void *context, const uint16_t *us, uint8_t joints)
{
    judge *self = context;
    expect(self, ++self->writes == 1, "two sets of pulses in a servo frame");
    bool due = self->attached ? self->in_servo_frame : self->request.type == HAND_MESSAGE_ARM;
    expect(self, due, "pulses at another time than the servo frame or ARM");
    for (uint8_t i = 0; i < joints; i++) {
        check_pulse(self, i, us[i]);
        self->us[i] = us[i];
    }
    self->primed = !self->attached;
}

static void attach(void *context, bool attached)
{
    judge *self = context;
    expect(self, !attached || self->primed, "outputs attached without a pulse");
    expect(self, !attached || self->request.type == HAND_MESSAGE_ARM, "outputs attached without ARM");
    self->primed = false;
    self->attached = attached;
    self->switched++;
}

static uint8_t inputs(void *context)
{
    judge *self = context;
    expect(self, ++self->looks == 1, "two looks at the inputs in a call: a press that the first one takes is lost");
    return self->inputs;
}

/* --- the line --------------------------------------------------------------------------------- */

static void check_unasked(judge *self, const hand_frame *frame)
{
    expect(self, self->session != 0 && frame->session == self->session, "STATE or EVENT without a session");
    if (frame->type == HAND_MESSAGE_STATE) {
        bool attached = (frame->payload[3] & HAND_FLAG_ATTACHED) != 0;
        bool pressed = (frame->payload[3] & HAND_FLAG_ESTOP_PRESSED) != 0;
        expect(self, attached == self->attached, "STATE is wrong about the outputs");
        expect(self, pressed == ((self->inputs & HAND_INPUT_ESTOP) != 0), "STATE is wrong about the stop input");
        for (uint8_t i = 0; self->attached && i < frame->payload[STATE_JOINTS]; i++) {
            uint16_t us = get16(&frame->payload[STATE_JOINTS + 1u + 2u * i]);
            expect(self, us == self->us[i], "STATE is wrong about a pulse");
        }
    }
}

static void check_answer(judge *self, const hand_frame *frame)
{
    const hand_frame *request = &self->request;
    bool known = frame->type == HAND_MESSAGE_CAPS || frame->type == HAND_MESSAGE_ACK ||
                 frame->type == HAND_MESSAGE_NACK || frame->type == HAND_MESSAGE_LIMITS;
    expect(self, known, "a frame that no hand sends");
    expect(self, self->asked, "an answer to nothing");
    expect(self, !self->answered, "two answers to one request");
    expect(self, frame->session == request->session && frame->seq == request->seq, "an answer to something else");
    self->answered = true;
    self->answer = *frame;
    if (request->type == HAND_MESSAGE_HELLO && frame->type == HAND_MESSAGE_CAPS) {
        self->session = request->session;
    }
}

static void transmit(void *context, const uint8_t *bytes, uint8_t size)
{
    judge *self = context;
    hand_frame frame;
    uint8_t frames = 0;
    for (uint8_t i = 0; i < size; i++) {
        frames = (uint8_t)(frames + hand_decoder_push(&self->said, bytes[i], &frame));
    }
    if (frames != 1 || bytes[0] != 0 || bytes[size - 1] != 0) {
        expect(self, false, "what was sent is not a frame");
    } else if (frame.type == HAND_MESSAGE_STATE || frame.type == HAND_MESSAGE_EVENT) {
        check_unasked(self, &frame);
    } else {
        check_answer(self, &frame);
    }
    if (self->tx_size + size <= JUDGE_TX_MAX) {
        memcpy(&self->tx[self->tx_size], bytes, size);
        self->tx_size += size;
    }
}

/* The hand knows a duplicate by these as well: the CRC stands for the content. */
static bool same(const hand_frame *a, const hand_frame *b)
{
    return a->session == b->session && a->seq == b->seq && a->crc == b->crc;
}

static bool newer_beat(judge *self)
{
    const hand_frame *beat = &self->request;
    uint8_t ahead = (uint8_t)(beat->seq - self->beat_seq);
    bool newer = !self->beat_seen || (ahead >= 1 && ahead <= 127);
    if (beat->session != self->session || self->session == 0 || beat->size != 0 || !newer) {
        return false;
    }
    self->beat_seen = true;
    self->beat_seq = beat->seq;
    return true;
}

/* Whether the request tells that the host is alive: a new BEAT, or a new request that was not refused. */
static bool talks(judge *self)
{
    const hand_frame *request = &self->request;
    bool supported = request->version >= HAND_VERSION_MIN && request->version <= HAND_VERSION_MAX;
    bool beat = request->type == HAND_MESSAGE_BEAT && supported;
    expect(self, self->answered == !beat, "not one answer to a request, or one to BEAT");
    if (beat) {
        return newer_beat(self);
    }
    if (!supported || request->type == HAND_MESSAGE_STOP) {
        expect(self, (self->answer.type == HAND_MESSAGE_ACK) == supported, "STOP refused");
        return false;
    }
    bool refused = self->answer.type == HAND_MESSAGE_NACK;
    uint8_t code = refused ? self->answer.payload[0] : HAND_NACK_NONE;
    bool talks = !refused && !same(request, &self->last);
    if (code != HAND_NACK_SESSION && code != HAND_NACK_SEQUENCE && (request->type != HAND_MESSAGE_HELLO || !refused)) {
        self->last = *request;
    }
    return talks;
}

static void take(judge *self)
{
    const uint8_t *payload = self->request.payload;
    uint8_t type = self->request.type;
    if (!self->accepted) {
        return;
    }
    if (type == HAND_MESSAGE_HELLO || type == HAND_MESSAGE_ARM) {
        self->beat_seen = false;
    }
    if (type == HAND_MESSAGE_HELLO) {
        self->renewed = true;
    } else if (type == HAND_MESSAGE_ACTION || type == HAND_MESSAGE_JOINTS) {
        uint8_t at = type == HAND_MESSAGE_ACTION ? 3 : 2;
        self->ttl_ms = get16(&payload[at]);
        self->commanded_ms = self->now_ms;
    }
}

/* --- what has to stop the hand ---------------------------------------------------------------- */

static bool lasts(const judge *self, judge_lasting *input, uint8_t bit, uint16_t limit_ms)
{
    bool active = (self->inputs & bit) != 0;
    if (active && !input->active) {
        input->from_ms = self->now_ms;
    }
    input->active = active;
    return active && limit_ms != 0 && self->now_ms - input->from_ms >= limit_ms;
}

/* What has to stop an armed hand in this call, whatever was asked for in it. */
static void check_stopped(judge *self)
{
    const hand_profile *profile = self->profile;
    uint8_t state = self->core.safety.state;
    bool silent = self->now_ms - self->talked_ms >= hand_profile_watchdog_ms(profile);
    bool stalled = lasts(self, &self->stall, HAND_INPUT_STALL, profile->stall_ms);
    bool flat = lasts(self, &self->battery_low, HAND_INPUT_BATTERY_LOW, profile->battery_ms);

    if (judge_armed(self->state)) {
        expect(self, !silent || latched(state), "silence has not stopped the hand");
        expect(self, !stalled || latched(state), "a stall has not stopped the hand");
        expect(self, !flat || latched(state), "a low battery has not stopped the hand");
    }
    expect(self, !stalled || !self->attached, "a stall has not let go");
    if ((self->inputs & HAND_INPUT_ESTOP) != 0) {
        expect(self, state == HAND_STATE_ESTOP && !self->attached, "the stop input has not stopped the hand");
    }
}

static void check_arming(judge *self)
{
    bool flat = self->profile->battery_ms != 0 && (self->inputs & HAND_INPUT_BATTERY_LOW) != 0;
    bool stalled = self->profile->stall_ms != 0 && (self->inputs & HAND_INPUT_STALL) != 0;
    expect(self, self->accepted && self->request.type == HAND_MESSAGE_ARM, "armed without ARM");
    expect(self, !latched(self->state) || self->renewed, "a latch opened without a new session");
    expect(self, !flat, "armed with a low battery");
    expect(self, !stalled, "armed in a stall");
}

static void check_state(judge *self)
{
    uint8_t before = self->state;
    uint8_t state = self->core.safety.state;
    bool pressed = (self->inputs & HAND_INPUT_ESTOP) != 0;

    expect(self, state < HAND_STATES, "no such state");
    expect(self, !latched(before) || latched(state) || judge_armed(state), "a latch opened without ARM");
    expect(self, before != HAND_STATE_ESTOP || state != HAND_STATE_FAILSAFE, "FAILSAFE after ESTOP");
    if (!judge_armed(before) && judge_armed(state)) {
        check_arming(self);
    }
    if (latched(state) && (state != before || (pressed && !self->pressed))) {
        self->latched_ms = self->now_ms;
        self->renewed = false;
    }
    self->pressed = pressed;
    self->state = state;
}

static void check_motion(judge *self, uint8_t before)
{
    if (self->moved) {
        expect(self, self->in_servo_frame, "motion outside the servo frame");
        expect(self, before == HAND_STATE_MOVING, "motion in another state than MOVING");
        expect(self, self->state == HAND_STATE_MOVING || self->state == HAND_STATE_HOLD, "motion in a stopped hand");
    }
    if (self->moved || self->state == HAND_STATE_MOVING) {
        expect(self, self->now_ms - self->commanded_ms < self->ttl_ms, "motion after the time to live");
    }
    expect(self, !self->primed, "pulses for outputs that stay off");
    expect(self, !self->in_servo_frame || !self->attached || self->writes == 1, "a servo frame without pulses");
    expect(self, !judge_armed(self->state) || self->attached, "armed without outputs");
    expect(self, self->state != HAND_STATE_BOOT || !self->attached, "outputs on at boot");
}

static void check_letting_go(judge *self)
{
    uint32_t limp_ms = self->profile->limp_ms;
    if (limp_ms == HAND_LIMP_NEVER) {
        return;
    }
    if (self->state == HAND_STATE_FAILSAFE) {
        expect(self, !self->attached || self->now_ms - self->latched_ms < limp_ms, "FAILSAFE does not let go");
    }
    if (self->state == HAND_STATE_IDLE) {
        uint32_t patience_ms = hand_profile_watchdog_ms(self->profile) + limp_ms;
        expect(self, !self->attached || self->now_ms - self->talked_ms < patience_ms, "IDLE does not let go");
    }
}

static void begin(judge *self, uint32_t now_ms)
{
    self->now_ms = now_ms;
    self->writes = 0;
    self->looks = 0;
    self->moved = false;
    self->in_servo_frame = false;
    self->asked = false;
    self->answered = false;
    self->request.type = 0;
}

static void end(judge *self)
{
    uint8_t before = self->state;
    check_stopped(self);
    self->accepted = self->asked && talks(self);
    if (self->accepted) {
        self->talked_ms = self->now_ms;
    }
    check_state(self);
    take(self);
    check_motion(self, before);
    check_letting_go(self);
}

void judge_start(judge *self, const hand_profile *profile, uint8_t reset)
{
    memset(self, 0, offsetof(judge, tx));
    self->profile = profile;
    self->hal = (hand_hal){self, FEATURES, write_pulses, attach, transmit, inputs};
    for (uint8_t i = 0; i < hand_profile_joints(profile); i++) {
        self->us[i] = profile->joint[i].rest_us;
    }
    hand_decoder_init(&self->heard);
    hand_decoder_init(&self->said);
    memset(&self->core, 0xA5, sizeof self->core); /* memory is what it is at power-up */
    hand_init(&self->core, profile, &self->hal, reset);
    self->state = self->core.safety.state;
    expect(self, self->state == HAND_STATE_BOOT && self->tx_size == 0 && self->switched == 0, "not quiet at boot");
}

void judge_receive(judge *self, uint8_t byte, uint32_t now_ms)
{
    hand_frame frame;
    bool complete = hand_decoder_push(&self->heard, byte, &frame);
    begin(self, now_ms);
    if (complete && (frame.type & HAND_FROM_HAND) == 0) {
        self->asked = true;
        self->request = frame;
    }
    hand_receive(&self->core, byte, now_ms);
    if (self->asked) {
        end(self);
    } else {
        expect(self, self->core.safety.state == self->state, "noise has changed the state");
    }
}

void judge_poll(judge *self, uint32_t now_ms)
{
    begin(self, now_ms);
    hand_poll(&self->core, now_ms);
    end(self);
}

void judge_servo_frame(judge *self, uint32_t now_ms)
{
    begin(self, now_ms);
    self->in_servo_frame = true;
    hand_servo_frame(&self->core, now_ms);
    end(self);
}
