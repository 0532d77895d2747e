/* The hand as a process: the same core, a pseudo-terminal for a serial port, a trace for servos.
 *
 *   neurohand [--profile NAME] [--trace FILE]
 *
 * The profile is HAND_PROFILE of hand_profiles.h, or one of those listed there.
 * The only line on stdout is the path to open. The trace is CSV, one line a servo frame, with
 * CLOCK_MONOTONIC milliseconds (mod 2^32) and 0 for a joint that gets no pulse. A digit on stdin sets the
 * inputs: the sum of 1 emergency stop, 2 stall, 4 battery low. Ends at end of file on stdin, on SIGTERM, and when
 * the trace cannot be written. */
#define _XOPEN_SOURCE 700

#include "NeuroHand.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define POLL_MS 5u
#define FEATURES (HAND_FEATURE_ESTOP_INPUT | HAND_FEATURE_STALL_INPUT | HAND_FEATURE_BATTERY_INPUT)

typedef struct {
    int line;
    bool connected;
    bool attached;
    uint8_t inputs;
    bool pressed; /* the emergency stop, since it was last asked for */
    uint16_t us[HAND_MAX_JOINTS];
} board;

static volatile sig_atomic_t terminate;

static void on_signal(int number)
{
    (void)number;
    terminate = 1;
}

static void write_pulses(void *context, const uint16_t *us, uint8_t joints)
{
    board *self = context;
    memcpy(self->us, us, joints * sizeof us[0]);
}

static void attach(void *context, bool attached)
{
    board *self = context;
    self->attached = attached;
}

static void transmit(void *context, const uint8_t *bytes, uint8_t size)
{
    const board *self = context;
    if (self->connected && write(self->line, bytes, size) < 0) {
        return; /* nobody reads: the frame is lost, as on a wire */
    }
}

static uint8_t inputs(void *context)
{
    board *self = context;
    uint8_t kept = self->pressed ? HAND_INPUT_ESTOP : 0u;
    self->pressed = false;
    return self->inputs | kept;
}

static uint32_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)((uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u);
}

static int die(const char *what)
{
    fprintf(stderr, "neurohand: %s: %s\n", what, strerror(errno));
    return EXIT_FAILURE;
}

static int open_line(void)
{
    int line = posix_openpt(O_RDWR | O_NOCTTY);
    struct termios raw;
    if (line < 0 || grantpt(line) != 0 || unlockpt(line) != 0 || tcgetattr(line, &raw) != 0) {
        return -1;
    }
    raw.c_iflag = 0;
    raw.c_oflag = 0;
    raw.c_lflag = 0;
    raw.c_cflag = CS8 | CREAD | CLOCAL;
    if (tcsetattr(line, TCSANOW, &raw) != 0 || fcntl(line, F_SETFL, O_NONBLOCK) != 0) {
        return -1;
    }
    return line;
}

static void receive(board *self, hand *core)
{
    uint8_t bytes[256];
    ssize_t size = read(self->line, bytes, sizeof bytes);
    uint32_t now = now_ms();
    for (ssize_t i = 0; i < size; i++) {
        hand_receive(core, bytes[i], now);
    }
}

/* False when it cannot be written. */
static bool trace_frame(FILE *trace, const board *self, const hand *core, uint32_t now)
{
    fprintf(trace, "%lu,%u,%u", (unsigned long)now, core->safety.state, core->action);
    for (uint8_t i = 0; i < core->motion.joints; i++) {
        fprintf(trace, ",%u", self->attached ? self->us[i] : 0u);
    }
    fputc('\n', trace);
    return ferror(trace) == 0;
}

static FILE *open_trace(const char *path, uint8_t joints)
{
    FILE *trace = fopen(path, "w");
    if (trace != NULL) {
        setvbuf(trace, NULL, _IOLBF, BUFSIZ);
        fputs("ms,state,action", trace);
        for (uint8_t i = 0; i < joints; i++) {
            fprintf(trace, ",us%u", i);
        }
        fputc('\n', trace);
    }
    return trace;
}

/* False at end of file. */
static bool read_inputs(board *self)
{
    char typed[64];
    ssize_t size = read(STDIN_FILENO, typed, sizeof typed);
    for (ssize_t i = 0; i < size; i++) {
        if (typed[i] >= '0' && typed[i] <= '7') {
            self->inputs = (uint8_t)(typed[i] - '0');
            self->pressed = self->pressed || (self->inputs & HAND_INPUT_ESTOP) != 0;
        }
    }
    return size != 0;
}

/* False when the trace cannot be written. */
static bool run(board *self, hand *core, FILE *trace)
{
    uint32_t frame_at = now_ms();
    while (!terminate) {
        uint32_t since = now_ms() - frame_at;
        uint32_t wait = since >= HAND_FRAME_MS ? 0 : HAND_FRAME_MS - since;
        struct pollfd fds[2] = {{STDIN_FILENO, POLLIN, 0}, {self->line, POLLIN, 0}};
        /* A closed slave would wake poll() all the time: then only look at the line, do not wait for it. */
        (void)poll(fds, self->connected ? 2 : 1, (int)(wait < POLL_MS ? wait : POLL_MS));
        if (!self->connected) {
            (void)poll(&fds[1], 1, 0);
        }
        if (fds[0].revents != 0 && !read_inputs(self)) {
            return true;
        }
        self->connected = (fds[1].revents & POLLHUP) == 0;
        if ((fds[1].revents & POLLIN) != 0) {
            receive(self, core);
        }
        hand_poll(core, now_ms());
        uint32_t now = now_ms();
        if (now - frame_at >= HAND_FRAME_MS) {
            frame_at = now; /* never two steps in less than a servo frame, however late this one is */
            hand_servo_frame(core, now);
            if (trace != NULL && !trace_frame(trace, self, core, now)) {
                return false;
            }
        }
    }
    return true;
}

typedef struct {
    const hand_profile *profile;
    const char *trace;
} options;

/* NULL when it is not listed. */
static const hand_profile *find_profile(const char *name)
{
#define LISTED(name) &hand_profile_##name,
    static const hand_profile *const listed[] = {HAND_PROFILES(LISTED)};
    for (size_t i = 0; i < sizeof listed / sizeof listed[0]; i++) {
        if (strcmp(listed[i]->name, name) == 0) {
            return listed[i];
        }
    }
    return NULL;
}

/* False, and a line on stderr, when they make no sense. */
static bool read_options(int argc, char **argv, options *given)
{
    for (int i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (value != NULL && strcmp(argv[i], "--trace") == 0) {
            given->trace = value;
        } else if (value != NULL && strcmp(argv[i], "--profile") == 0) {
            given->profile = find_profile(value);
        } else {
            fprintf(stderr, "usage: %s [--profile NAME] [--trace FILE]\n", argv[0]);
            return false;
        }
        if (given->profile == NULL) {
#define QUOTED(name) " " #name
            fprintf(stderr, "neurohand: no profile %s; there are" HAND_PROFILES(QUOTED) "\n", value);
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    static hand core;
    static board self;
    const hand_hal hal = {&self, FEATURES, write_pulses, attach, transmit, inputs};
    options given = {&HAND_PROFILE, NULL};
    FILE *trace = NULL;

    if (!read_options(argc, argv, &given)) {
        return 2;
    }
    if (given.trace != NULL) {
        trace = open_trace(given.trace, given.profile->joints);
        if (trace == NULL || ferror(trace)) {
            return die(given.trace);
        }
    }

    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);

    self.line = open_line();
    if (self.line < 0) {
        return die("cannot make a pseudo-terminal");
    }
    self.connected = true;
    hand_init(&core, given.profile, &hal, HAND_RESET_POWER_ON);
    printf("%s\n", ptsname(self.line));
    fflush(stdout);
    if (!run(&self, &core, trace) || (trace != NULL && fclose(trace) != 0)) {
        return die(given.trace);
    }
    return EXIT_SUCCESS;
}
