/* An AVR in lockstep: runs until a cycle, takes and gives bytes at the speed of the line, and notes the edges
 * of pins. For simavr 1.6; where that differs from the chip, a comment says what is done about it. */
#include <simavr/avr_extint.h>
#include <simavr/avr_ioport.h>
#include <simavr/avr_uart.h>
#include <simavr/sim_avr.h>
#include <simavr/sim_elf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

DEFINE_FIFO(uint16_t, uart_fifo);

#define QUEUE 65536u /* bytes and edges between two calls; a power of two */
#define PINS 8
#define BITS_PER_BYTE 10
#define UNTOUCHED 0x55   /* memory after a cold start */
#define RECEIVE_BUFFER 2 /* bytes that the chip keeps until they are read */

typedef struct {
    uint64_t at; /* cycle */
    uint8_t what;
    uint8_t level;
} rig_event;

typedef struct {
    rig_event events[QUEUE];
    uint32_t head;
    uint32_t tail;
} rig_queue;

typedef struct {
    avr_t *avr;
    avr_uart_t *uart;
    avr_run_t run;
    avr_irq_t *pin[PINS];
    rig_queue in;    /* bytes of the host, at: complete */
    rig_queue out;   /* bytes of the hand, at: complete */
    rig_queue edges; /* what: pin */
    double in_free; /* when the line has room for the next byte */
    uint64_t out_free;
    uint32_t hung_at;
    uint64_t limit; /* sleep no longer than this */
    uint64_t masked_since; /* 0: interrupts are on, or have not been yet */
    bool started;          /* interrupts have been on */
    uint64_t entered;
    uint8_t vector;
    uint64_t longest_masked;
    uint64_t longest_interrupt[256];
    uint32_t overruns;
    uint32_t watchdog_resets;
    uint64_t watchdog_reset_at;
} rig;

static void push(rig_queue *queue, uint64_t at, uint8_t what, uint8_t level)
{
    rig_event *event = &queue->events[queue->head++ % QUEUE];
    event->at = at;
    event->what = what;
    event->level = level;
    if (queue->head - queue->tail > QUEUE) {
        abort();
    }
}

static const rig_event *first(const rig_queue *queue)
{
    return queue->head == queue->tail ? NULL : &queue->events[queue->tail % QUEUE];
}

static uint32_t byte_cycles(const rig *self)
{
    const uint8_t *data = self->avr->data;
    const avr_uart_t *uart = self->uart;
    uint32_t divider = data[uart->ubrrl.reg] + ((data[uart->ubrrh.reg] & 0x0Fu) << 8) + 1u;
    return divider * (avr_regbit_get(self->avr, uart->u2x) ? 8u : 16u) * BITS_PER_BYTE;
}

static void on_sent(avr_irq_t *irq, uint32_t byte, void *param)
{
    rig *self = param;
    (void)irq;
    self->uart->cycles_per_byte = byte_cycles(self); /* simavr counts a parity bit too */
    uint64_t start = self->avr->cycle > self->out_free ? self->avr->cycle : self->out_free;
    self->out_free = start + self->uart->cycles_per_byte;
    push(&self->out, self->out_free, (uint8_t)byte, 0);
}

static void on_pin(avr_irq_t *irq, uint32_t level, void *param)
{
    rig *self = param;
    for (uint8_t i = 0; i < PINS; i++) {
        if (self->pin[i] == irq) {
            push(&self->edges, self->avr->cycle, i, level != 0);
        }
    }
}

static void on_interrupt(avr_irq_t *irq, uint32_t vector, void *param)
{
    rig *self = param;
    (void)irq;
    if (vector != 0) {
        self->vector = (uint8_t)vector;
        self->entered = self->avr->cycle;
    } else if (self->avr->cycle - self->entered > self->longest_interrupt[self->vector]) {
        self->longest_interrupt[self->vector] = self->avr->cycle - self->entered;
    }
}

/* simavr would sleep on through an interrupt that came just before, and through what this rig has to do. */
static void on_sleep(avr_t *avr, avr_cycle_count_t cycles)
{
    const rig *self = avr->custom.data;
    uint64_t until = self->limit;
    if (avr_has_pending_interrupts(avr)) {
        avr->state = cpu_Running;
        until = avr->cycle;
    }
    if (avr->cycle + cycles > until) {
        avr->cycle -= avr->cycle + cycles - until; /* simavr adds `cycles` next */
    }
}

static void quiet(avr_t *avr, const int level, const char *format, va_list arguments)
{
    (void)avr;
    (void)level;
    (void)format;
    (void)arguments;
}

static avr_uart_t *find_uart(avr_t *avr)
{
    avr_io_t *io = avr->io_port;
    while (io != NULL && !(strcmp(io->kind, "uart") == 0 && ((avr_uart_t *)io)->name == '0')) {
        io = io->next;
    }
    return (avr_uart_t *)io;
}

/* Every reset makes simavr look again at each cycle whether the pin of an external interrupt is low. */
static void spare_external_interrupts(avr_t *avr)
{
    for (uint8_t i = 0; i < EXTINT_COUNT; i++) {
        avr_extint_set_strict_lvl_trig(avr, i, 0);
    }
}

/* simavr tells the chip of a level when it changes only, and forgets it in a reset. */
static void show_driven_pins(avr_t *avr)
{
    for (avr_io_t *io = avr->io_port; io != NULL; io = io->next) {
        if (strcmp(io->kind, "port") == 0) {
            const avr_ioport_t *port = (const avr_ioport_t *)io;
            uint8_t *pins = &avr->data[port->r_pin];
            *pins = (uint8_t)((*pins & ~port->external.pull_mask) | port->external.pull_value);
        }
    }
}

static void was_reset(rig *self)
{
    spare_external_interrupts(self->avr);
    self->started = false;
    self->masked_since = 0;
    for (int i = 0; i < PINS; i++) {
        if (self->pin[i] != NULL) {
            avr_raise_irq(self->pin[i], 0);
        }
    }
    show_driven_pins(self->avr);
}

rig *rig_new(const char *chip, const char *elf, uint32_t frequency)
{
    elf_firmware_t firmware;
    memset(&firmware, 0, sizeof firmware);
    avr_global_logger_set(quiet);
    avr_t *avr = avr_make_mcu_by_name(chip);
    if (avr == NULL || elf_read_firmware(elf, &firmware) != 0) {
        return NULL;
    }
    rig *self = calloc(1, sizeof *self);
    avr_init(avr);
    avr->frequency = frequency;
    avr_load_firmware(avr, &firmware);
    avr->custom.data = self;
    avr->sleep = on_sleep;
    self->avr = avr;
    self->run = avr->run;
    self->uart = find_uart(avr);
    self->uart->flags = 0;
    spare_external_interrupts(avr);
    avr_irq_register_notify(self->uart->io.irq + UART_IRQ_OUTPUT, on_sent, self);
    avr_irq_register_notify(avr_get_interrupt_irq(avr, AVR_INT_ANY) + AVR_INT_IRQ_RUNNING, on_interrupt, self);
    return self;
}

void rig_free(rig *self)
{
    avr_terminate(self->avr);
    free(self->avr);
    free(self);
}

/* Note the edges of a pin as those of number `index`. */
void rig_watch(rig *self, uint8_t index, char port, int bit)
{
    self->pin[index] = avr_io_getirq(self->avr, AVR_IOCTL_IOPORT_GETIRQ(port), bit);
    avr_irq_register_notify(self->pin[index], on_pin, self);
}

/* Drive the pins in `mask` of a port from outside; the others are left to the chip. */
void rig_drive(rig *self, char port, uint8_t mask, uint8_t levels)
{
    avr_ioport_external_t external = {.name = (unsigned long)port, .mask = mask, .value = levels & mask};
    avr_ioctl(self->avr, AVR_IOCTL_IOPORT_SET_EXTERNAL(port), &external);
    show_driven_pins(self->avr);
}

void rig_send(rig *self, const uint8_t *bytes, uint32_t size, uint32_t baud)
{
    double now = (double)self->avr->cycle;
    for (uint32_t i = 0; i < size; i++) {
        double start = now > self->in_free ? now : self->in_free;
        self->in_free = start + (double)BITS_PER_BYTE * self->avr->frequency / baud;
        push(&self->in, (uint64_t)self->in_free, bytes[i], 0);
    }
}

static void arrive(rig *self, uint8_t byte)
{
    if (uart_fifo_get_read_size(&self->uart->input) >= RECEIVE_BUFFER) {
        self->overruns++; /* simavr would keep 64 */
        return;
    }
    uint64_t cycles = self->uart->cycles_per_byte;
    self->uart->cycles_per_byte = 1; /* it is here: simavr takes this for its first bit */
    avr_raise_irq(self->uart->io.irq + UART_IRQ_INPUT, byte);
    self->uart->cycles_per_byte = cycles;
}

static void note_masked(rig *self, uint64_t before)
{
    if (self->avr->sreg[S_I]) {
        uint64_t masked = self->masked_since != 0 ? before - self->masked_since : 0;
        self->longest_masked = masked > self->longest_masked ? masked : self->longest_masked;
        self->masked_since = 0;
        self->started = true;
    } else if (self->masked_since == 0 && self->started) {
        self->masked_since = before;
    }
}

/* Until `cycle`, or a little after; false when the program has crashed. */
bool rig_run(rig *self, uint64_t cycle)
{
    avr_t *avr = self->avr;
    while (avr->cycle < cycle) {
        const rig_event *next = first(&self->in);
        if (next != NULL && next->at <= avr->cycle) {
            self->in.tail++;
            arrive(self, next->what);
            continue;
        }
        self->limit = next != NULL && next->at < cycle ? next->at : cycle;
        uint64_t before = avr->cycle;
        bool resets = avr->run != self->run;
        int state = avr_run(avr);
        if (resets) {
            self->watchdog_resets++;
            self->watchdog_reset_at = before;
            was_reset(self);
        } else if (state != cpu_Running && state != cpu_Sleeping) {
            return false;
        } else {
            note_masked(self, before);
        }
    }
    return true;
}

/* As by a supply that fails: `cold` also loses the memory. */
void rig_reset(rig *self, bool cold, bool brown_out)
{
    avr_t *avr = self->avr;
    avr->run = self->run;
    avr_reset(avr);
    avr_regbit_set(avr, brown_out ? avr->reset_flags.borf : avr->reset_flags.porf);
    if (cold) {
        memset(avr->data + avr->ioend + 1, UNTOUCHED, avr->ramend - avr->ioend);
    }
    self->in.tail = self->in.head;
    self->out.tail = self->out.head;
    self->in_free = 0;
    self->out_free = 0;
    was_reset(self);
}

/* The program runs in a circle from here on; with interrupts or without. */
void rig_hang(rig *self, bool interrupts)
{
    avr_t *avr = self->avr;
    uint32_t circle = avr->flashend - 1;
    while (self->started && !avr->sreg[S_I]) {
        rig_run(self, avr->cycle + 1); /* out of the interrupt */
    }
    avr->flash[circle] = 0xFF; /* rjmp to itself */
    avr->flash[circle + 1] = 0xCF;
    self->hung_at = avr->pc;
    avr->pc = circle;
    avr->state = cpu_Running;
    avr->sreg[S_I] = interrupts;
    avr->interrupt_state = interrupts;
}

/* It goes on where it was hung. */
void rig_resume(rig *self)
{
    while (self->avr->pc != self->avr->flashend - 1) {
        rig_run(self, self->avr->cycle + 1);
    }
    self->avr->pc = self->hung_at;
}

void rig_poke(rig *self, uint16_t address, uint8_t value)
{
    self->avr->data[address] = value;
}

static uint32_t take(rig *self, rig_queue *queue, rig_event *events, uint32_t most)
{
    uint32_t taken = 0;
    const rig_event *event = first(queue);
    while (taken < most && event != NULL && event->at <= self->avr->cycle) {
        events[taken++] = *event;
        queue->tail++;
        event = first(queue);
    }
    return taken;
}

uint32_t rig_take_bytes(rig *self, rig_event *events, uint32_t most)
{
    return take(self, &self->out, events, most);
}

uint32_t rig_take_edges(rig *self, rig_event *events, uint32_t most)
{
    return take(self, &self->edges, events, most);
}

/* The stack at its deepest since power-up: what a cold start wrote is gone above it. `data_end` is where the
 * program's own variables end. */
uint32_t rig_stack_used(const rig *self, uint32_t data_end)
{
    uint32_t lowest = data_end;
    while (lowest <= self->avr->ramend && self->avr->data[lowest] == UNTOUCHED) {
        lowest++;
    }
    return self->avr->ramend + 1 - lowest;
}

bool rig_is_high(const rig *self)
{
    for (int i = 0; i < PINS; i++) {
        if (self->pin[i] != NULL && self->pin[i]->value != 0) {
            return true;
        }
    }
    return false;
}

uint64_t rig_cycle(const rig *self)
{
    return self->avr->cycle;
}

uint64_t rig_watchdog_reset_at(const rig *self)
{
    return self->watchdog_reset_at;
}

uint32_t rig_watchdog_resets(const rig *self)
{
    return self->watchdog_resets;
}

uint32_t rig_overruns(const rig *self)
{
    return self->overruns;
}

uint64_t rig_longest_masked(const rig *self)
{
    return self->longest_masked;
}

uint64_t rig_longest_interrupt(const rig *self, uint8_t vector)
{
    return self->longest_interrupt[vector];
}
