#include "hand_protocol.h"

#include <string.h>

#define CONFIG_ENTRY 7u
#define JOINTS_HEAD 4u

typedef struct {
    uint8_t code;      /* HAND_NACK_NONE: accepted */
    uint8_t detail[2]; /* VERSION: supported range; VALUE: offset of the refused byte in the payload */
} verdict;

static const verdict accepted = {HAND_NACK_NONE, {0, 0}};

static verdict refuse(uint8_t code)
{
    verdict result = {code, {0, 0}};
    return result;
}

static verdict refuse_value(uint8_t offset)
{
    verdict result = {HAND_NACK_VALUE, {offset, 0}};
    return result;
}

static uint16_t get16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | ((uint16_t)bytes[1] << 8));
}

static void put8(hand_frame *frame, uint8_t value)
{
    frame->payload[frame->size++] = value;
}

static void put16(hand_frame *frame, uint16_t value)
{
    put8(frame, (uint8_t)(value & 0xFFu));
    put8(frame, (uint8_t)(value >> 8));
}

static bool has_bit(uint32_t mask, uint8_t bit)
{
    return ((mask >> bit) & 1u) != 0;
}

static hand_frame blank(uint8_t type, uint8_t session, uint8_t seq)
{
    hand_frame frame;
    memset(&frame, 0, sizeof frame);
    frame.version = HAND_VERSION;
    frame.type = type;
    frame.session = session;
    frame.seq = seq;
    return frame;
}

static void send(hand *self, const hand_frame *frame)
{
    uint8_t bytes[HAND_FRAME_MAX];
    uint8_t size = hand_frame_encode(frame, bytes);
    self->hal->transmit(self->hal->context, bytes, size);
}

static void send_event(hand *self, uint8_t event, uint8_t detail)
{
    if (self->session == 0) {
        return;
    }
    hand_frame frame = blank(HAND_MESSAGE_EVENT, self->session, self->sent_seq++);
    put8(&frame, event);
    put8(&frame, self->safety.state);
    put8(&frame, self->safety.fault);
    put8(&frame, detail);
    send(self, &frame);
}

static uint8_t state_flags(const hand *self)
{
    uint8_t active = self->inputs;
    uint8_t flags = self->reset_flag;
    if (self->safety.attached) {
        flags |= HAND_FLAG_ATTACHED;
    }
    if ((active & HAND_INPUT_ESTOP) != 0) {
        flags |= HAND_FLAG_ESTOP_PRESSED;
    }
    if ((active & HAND_INPUT_STALL) != 0) {
        flags |= HAND_FLAG_STALL;
    }
    if ((active & HAND_INPUT_BATTERY_LOW) != 0) {
        flags |= HAND_FLAG_BATTERY_LOW;
    }
    return flags;
}

static void send_state(hand *self)
{
    hand_frame frame = blank(HAND_MESSAGE_STATE, self->session, self->sent_seq++);
    const hand_decoder *rx = &self->decoder;
    put8(&frame, self->safety.state);
    put8(&frame, self->action);
    put8(&frame, self->safety.fault);
    put8(&frame, state_flags(self));
    put16(&frame, rx->frames);
    put16(&frame, (uint16_t)(rx->crc_errors + rx->overruns + rx->malformed));
    put16(&frame, self->duplicates);
    put16(&frame, self->refusals);
    put8(&frame, self->motion.joints);
    for (uint8_t i = 0; i < self->motion.joints; i++) {
        put16(&frame, self->motion.position_us[i]);
    }
    send(self, &frame);
}

/* Bring outputs and the host's picture in line with what safety has decided. */
static void settle(hand *self)
{
    hand_safety *safety = &self->safety;
    const hand_hal *hal = self->hal;
    if (safety->state != HAND_STATE_MOVING && safety->state != HAND_STATE_HOLD) {
        self->action = HAND_ACTION_HOLD;
    }
    if (safety->attached != self->shown_attached) {
        self->shown_attached = safety->attached;
        if (safety->attached) {
            hand_motion_settle(&self->motion, safety);
            hal->write_pulses(hal->context, self->motion.position_us, self->motion.joints);
        }
        hal->attach(hal->context, safety->attached);
        send_event(self, HAND_EVENT_OUTPUTS, safety->attached ? 1 : 0);
    }
    if (safety->state != self->shown_state) {
        uint8_t left = self->shown_state;
        self->shown_state = safety->state;
        send_event(self, HAND_EVENT_STATE_CHANGED, left);
    }
}

static void update(hand *self, uint32_t now_ms)
{
    self->inputs = self->hal->inputs(self->hal->context);
    if (hand_safety_update(&self->safety, now_ms, self->inputs)) {
        send_event(self, HAND_EVENT_ACTION_EXPIRED, self->action);
        self->action = HAND_ACTION_HOLD;
    }
    settle(self);
}

/* --- the messages ----------------------------------------------------------------------------- */

static void fill_caps(const hand *self, hand_frame *reply)
{
    const hand_profile *profile = self->profile;
    uint32_t actions = HAND_FLASH_U32(profile->actions);
    put8(reply, HAND_VERSION_MIN);
    put8(reply, HAND_VERSION_MAX);
    put8(reply, HAND_FIRMWARE_MAJOR);
    put8(reply, HAND_FIRMWARE_MINOR);
    put8(reply, self->motion.joints);
    put8(reply, HAND_FRAME_MS);
    put8(reply, HAND_FLASH_U8(profile->features) | self->hal->features);
    put16(reply, hand_profile_watchdog_ms(profile));
    put16(reply, HAND_FLASH_U16(profile->limp_ms));
    put16(reply, HAND_FLASH_U16(profile->max_ttl_ms));
    put16(reply, (uint16_t)(actions & 0xFFFFu));
    put16(reply, (uint16_t)(actions >> 16));
    for (uint8_t i = 0; i < HAND_NAME_MAX; i++) {
        uint8_t letter = (uint8_t)HAND_FLASH_U8(profile->name[i]);
        if (letter == 0) {
            break;
        }
        put8(reply, letter);
    }
}

static verdict do_config(hand *self, const hand_frame *request)
{
    if (request->size == 0 || request->size % CONFIG_ENTRY != 0) {
        return refuse(HAND_NACK_LENGTH);
    }
    uint8_t refusal = hand_safety_may_configure(&self->safety);
    if (refusal != HAND_NACK_NONE) {
        return refuse(refusal);
    }
    uint8_t named = 0; /* joints */
    for (uint8_t pass = 0; pass < 2; pass++) {
        for (uint8_t at = 0; at < request->size; at = (uint8_t)(at + CONFIG_ENTRY)) {
            const uint8_t *entry = &request->payload[at];
            hand_limits wanted = {get16(&entry[1]), get16(&entry[3]), get16(&entry[5])};
            if (pass == 1) {
                self->safety.limits[entry[0]] = wanted;
                continue;
            }
            uint16_t present = entry[0] < self->motion.joints ? self->motion.position_us[entry[0]] : 0;
            refusal = hand_safety_check_limits(&self->safety, entry[0], wanted, present);
            if (refusal != HAND_NACK_NONE || has_bit(named, entry[0])) {
                return refuse_value(at);
            }
            named = (uint8_t)(named | 1u << entry[0]);
        }
    }
    return accepted;
}

static verdict begin(hand *self, uint32_t now_ms, uint8_t action, uint16_t ttl_ms, uint8_t ttl_at,
                     const uint16_t *target_us, uint8_t speed)
{
    bool moves = hand_motion_is_elsewhere(&self->motion, target_us);
    uint8_t refusal = hand_safety_begin(&self->safety, now_ms, ttl_ms, moves);
    if (refusal != HAND_NACK_NONE) {
        verdict why = {refusal, {ttl_at, 0}}; /* all else was looked at before */
        return why;
    }
    hand_motion_go(&self->motion, target_us, speed);
    self->action = action;
    return accepted;
}

static bool percent(uint8_t value)
{
    return value >= 1 && value <= 100;
}

static verdict do_action(hand *self, const hand_frame *request, uint32_t now_ms)
{
    if (request->size != 5) {
        return refuse(HAND_NACK_LENGTH);
    }
    uint8_t refusal = hand_safety_may_command(&self->safety);
    if (refusal != HAND_NACK_NONE) {
        return refuse(refusal);
    }
    uint8_t action = request->payload[0];
    if (action >= HAND_ACTIONS) {
        return refuse_value(0);
    }
    if (!has_bit(HAND_FLASH_U32(self->profile->actions), action)) {
        return refuse(HAND_NACK_UNSUPPORTED);
    }
    for (uint8_t at = 1; at <= 2; at++) { /* speed, force */
        if (!percent(request->payload[at])) {
            return refuse_value(at);
        }
    }
    uint16_t target_us[HAND_MAX_JOINTS] = {HAND_KEEP};
    for (uint8_t i = 0; i < self->motion.joints; i++) {
        uint16_t us = HAND_FLASH_U16(self->profile->pose[action][i]);
        target_us[i] = us == HAND_KEEP ? us : hand_safety_clamp(&self->safety, i, us);
    }
    return begin(self, now_ms, action, get16(&request->payload[3]), 3, target_us, request->payload[1]);
}

static verdict do_joints(hand *self, const hand_frame *request, uint32_t now_ms)
{
    uint8_t mask = request->size >= JOINTS_HEAD ? request->payload[0] : 0;
    uint8_t named = 0;
    for (uint8_t i = 0; i < HAND_MAX_JOINTS; i++) {
        named = (uint8_t)(named + has_bit(mask, i));
    }
    if (request->size < JOINTS_HEAD || request->size != JOINTS_HEAD + 2u * named) {
        return refuse(HAND_NACK_LENGTH);
    }
    uint8_t refusal = hand_safety_may_command(&self->safety);
    if (refusal != HAND_NACK_NONE) {
        return refuse(refusal);
    }
    if (mask == 0) {
        return refuse_value(0);
    }
    if (!percent(request->payload[1])) {
        return refuse_value(1);
    }
    uint16_t target_us[HAND_MAX_JOINTS] = {HAND_KEEP};
    uint8_t at = JOINTS_HEAD;
    for (uint8_t i = 0; i < HAND_MAX_JOINTS; i++) {
        if (!has_bit(mask, i)) {
            continue;
        }
        uint16_t us = get16(&request->payload[at]);
        if (!hand_safety_within(&self->safety, i, us)) {
            return refuse_value(at);
        }
        target_us[i] = us;
        at = (uint8_t)(at + 2u);
    }
    return begin(self, now_ms, HAND_ACTION_JOINTS, get16(&request->payload[2]), 2, target_us,
                 request->payload[1]);
}

static verdict do_get(hand *self, const hand_frame *request)
{
    if (request->size != 2) {
        return refuse(HAND_NACK_LENGTH);
    }
    uint8_t topic = request->payload[0];
    uint8_t index = request->payload[1];
    if (topic > HAND_TOPIC_LIMITS) {
        return refuse_value(0);
    }
    if (index >= (topic == HAND_TOPIC_LIMITS ? self->motion.joints : 1u)) {
        return refuse_value(1);
    }
    if (topic == HAND_TOPIC_STATE) {
        send_state(self);
    } else if (topic == HAND_TOPIC_CAPS) {
        self->reply.type = HAND_MESSAGE_CAPS;
        fill_caps(self, &self->reply);
    } else {
        const hand_limits *limits = &self->safety.limits[index];
        self->reply.type = HAND_MESSAGE_LIMITS;
        put8(&self->reply, index);
        put16(&self->reply, limits->min_us);
        put16(&self->reply, limits->max_us);
        put16(&self->reply, limits->rate_us);
    }
    return accepted;
}

static verdict no_payload(const hand_frame *request)
{
    return request->size == 0 ? accepted : refuse(HAND_NACK_LENGTH);
}

static verdict do_arm(hand *self, const hand_frame *request)
{
    verdict result = no_payload(request);
    if (result.code == HAND_NACK_NONE) {
        result = refuse(hand_safety_arm(&self->safety, self->inputs));
    }
    if (result.code == HAND_NACK_NONE) {
        self->beat_seen = false;
    }
    return result;
}

static verdict do_clear(hand *self, const hand_frame *request)
{
    verdict result = no_payload(request);
    if (result.code == HAND_NACK_NONE) {
        hand_decoder_clear_counters(&self->decoder);
        self->duplicates = 0;
        self->refusals = 0;
    }
    return result;
}

static verdict dispatch(hand *self, const hand_frame *request, uint32_t now_ms)
{
    switch (request->type) {
    case HAND_MESSAGE_CONFIG:
        return do_config(self, request);
    case HAND_MESSAGE_ARM:
        return do_arm(self, request);
    case HAND_MESSAGE_ACTION:
        return do_action(self, request, now_ms);
    case HAND_MESSAGE_JOINTS:
        return do_joints(self, request, now_ms);
    case HAND_MESSAGE_CLEAR:
        return do_clear(self, request);
    case HAND_MESSAGE_GET:
        return do_get(self, request);
    default:
        return refuse(HAND_NACK_TYPE);
    }
}

/* --- sessions and sequence numbers ------------------------------------------------------------ */

/* Both fill a blank reply. */
static void fill_ack(const hand *self, const hand_frame *request, hand_frame *reply)
{
    put8(reply, request->type);
    put8(reply, self->safety.state);
}

static void fill_nack(hand *self, const hand_frame *request, verdict why, hand_frame *reply)
{
    put8(reply, why.code);
    put8(reply, request->type);
    put8(reply, why.detail[0]);
    put8(reply, why.detail[1]);
    self->refusals++;
}

/* An answer that is not kept: the request took no sequence number. */
static void answer_nack(hand *self, const hand_frame *request, verdict why)
{
    hand_frame reply = blank(HAND_MESSAGE_NACK, request->session, request->seq);
    fill_nack(self, request, why, &reply);
    send(self, &reply);
}

static void on_stop(hand *self, const hand_frame *request)
{
    hand_frame reply = blank(HAND_MESSAGE_ACK, request->session, request->seq);
    hand_safety_stop(&self->safety);
    settle(self);
    fill_ack(self, request, &reply);
    send(self, &reply);
}

static void on_beat(hand *self, const hand_frame *request, uint32_t now_ms)
{
    uint8_t ahead = (uint8_t)(request->seq - self->beat_seq);
    bool newer = !self->beat_seen || (ahead != 0 && ahead < 128u);
    if (request->session == self->session && request->size == 0 && newer) {
        self->beat_seen = true;
        self->beat_seq = request->seq;
        hand_safety_feed(&self->safety, now_ms);
    }
}

static void remember(hand *self, const hand_frame *request)
{
    self->last_seq = request->seq;
    self->last_crc = request->crc;
}

static void on_hello(hand *self, const hand_frame *request, uint32_t now_ms)
{
    if (request->size != 0) {
        answer_nack(self, request, refuse(HAND_NACK_LENGTH));
        return;
    }
    if (request->session == 0) {
        answer_nack(self, request, refuse(HAND_NACK_SESSION));
        return;
    }
    if (request->session == self->session) {
        if (request->seq == self->last_seq && request->crc == self->last_crc) {
            self->duplicates++;
            send(self, &self->reply);
        } else {
            answer_nack(self, request, refuse(HAND_NACK_SESSION));
        }
        return;
    }
    self->session = request->session;
    self->beat_seen = false;
    self->state_sent_ms = now_ms;
    hand_safety_new_session(&self->safety, now_ms);
    remember(self, request);
    self->reply = blank(HAND_MESSAGE_CAPS, request->session, request->seq);
    fill_caps(self, &self->reply);
    send(self, &self->reply);
    settle(self);
}

static void on_request(hand *self, const hand_frame *request, uint32_t now_ms)
{
    uint8_t ahead = (uint8_t)(request->seq - self->last_seq);
    if (self->session == 0 || request->session != self->session) {
        answer_nack(self, request, refuse(HAND_NACK_SESSION));
        return;
    }
    if (ahead == 0 && request->crc == self->last_crc) {
        self->duplicates++;
        send(self, &self->reply);
        return;
    }
    if (ahead == 0 || ahead >= 128u) {
        answer_nack(self, request, refuse(HAND_NACK_SEQUENCE));
        return;
    }
    self->reply = blank(HAND_MESSAGE_ACK, request->session, request->seq);
    verdict result = dispatch(self, request, now_ms);
    if (result.code != HAND_NACK_NONE) {
        self->reply.type = HAND_MESSAGE_NACK;
        fill_nack(self, request, result, &self->reply);
    } else {
        hand_safety_feed(&self->safety, now_ms);
        if (self->reply.type == HAND_MESSAGE_ACK) {
            fill_ack(self, request, &self->reply);
        }
    }
    remember(self, request);
    send(self, &self->reply);
    settle(self);
}

static void on_frame(hand *self, const hand_frame *request, uint32_t now_ms)
{
    if ((request->type & HAND_FROM_HAND) != 0) {
        return;
    }
    update(self, now_ms);
    if (request->version < HAND_VERSION_MIN || request->version > HAND_VERSION_MAX) {
        verdict why = {HAND_NACK_VERSION, {HAND_VERSION_MIN, HAND_VERSION_MAX}};
        answer_nack(self, request, why);
    } else if (request->type == HAND_MESSAGE_STOP) {
        on_stop(self, request);
    } else if (request->type == HAND_MESSAGE_BEAT) {
        on_beat(self, request, now_ms);
    } else if (request->type == HAND_MESSAGE_HELLO) {
        on_hello(self, request, now_ms);
    } else {
        on_request(self, request, now_ms);
    }
}

/* --- what a port calls ------------------------------------------------------------------------ */

void hand_init(hand *self, const hand_profile *profile, const hand_hal *hal, uint8_t reset)
{
    memset(self, 0, sizeof *self);
    if (reset == HAND_RESET_WATCHDOG) {
        self->reset_flag = HAND_FLAG_WATCHDOG_RESET;
    } else if (reset == HAND_RESET_BROWN_OUT) {
        self->reset_flag = HAND_FLAG_BROWN_OUT_RESET;
    }
    self->profile = profile;
    self->hal = hal;
    hand_decoder_init(&self->decoder);
    hand_safety_init(&self->safety, profile);
    hand_motion_init(&self->motion, profile);
    self->shown_state = self->safety.state;
}

void hand_receive(hand *self, uint8_t byte, uint32_t now_ms)
{
    hand_frame frame;
    if (hand_decoder_push(&self->decoder, byte, &frame)) {
        on_frame(self, &frame, now_ms);
    }
}

void hand_poll(hand *self, uint32_t now_ms)
{
    update(self, now_ms);
    if (self->session != 0 && now_ms - self->state_sent_ms >= HAND_STATE_PERIOD_MS) {
        bool late = now_ms - self->state_sent_ms >= 2u * HAND_STATE_PERIOD_MS;
        self->state_sent_ms = late ? now_ms : self->state_sent_ms + HAND_STATE_PERIOD_MS;
        send_state(self);
    }
}

void hand_servo_frame(hand *self, uint32_t now_ms)
{
    update(self, now_ms);
    if (hand_safety_may_move(&self->safety) && hand_motion_step(&self->motion, &self->safety)) {
        hand_safety_arrived(&self->safety);
    }
    if (self->safety.attached) {
        self->hal->write_pulses(self->hal->context, self->motion.position_us, self->motion.joints);
    }
}
