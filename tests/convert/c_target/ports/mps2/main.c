/* The golden vectors on a Cortex-M3: the board mps2-an385 of QEMU, which talks by semihosting. */
#include <stdint.h>
#include <string.h>

#include "golden_test.h"

enum { SYS_WRITE0 = 0x04, SYS_EXIT = 0x18, STOPPED_BY_APPLICATION = 0x20026 };

extern uint32_t stack_top, data_load[], data_begin[], data_end[], bss_begin[], bss_end[];

static void host(uint32_t call, uint32_t argument)
{
    register uint32_t r0 __asm__("r0") = call;
    register uint32_t r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

static void say(const char *what, uint32_t number)
{
    char digits[11], *first = digits + 10;
    *first = 0;
    do {
        *--first = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    host(SYS_WRITE0, (uint32_t)what);
    host(SYS_WRITE0, (uint32_t)first);
    host(SYS_WRITE0, (uint32_t) "\n");
}

static void reset(void)
{
    memcpy(data_begin, data_load, (size_t)((char *)data_end - (char *)data_begin));
    memset(bss_begin, 0, (size_t)((char *)bss_end - (char *)bss_begin));
    say("filter ", golden_filter());
    say("network ", golden_network());
    host(SYS_EXIT, STOPPED_BY_APPLICATION);
}

static void fault(void)
{
    say("fault ", 1);
    host(SYS_EXIT, 0);
}

__attribute__((section(".vectors"), used)) static const void *const vectors[16]
    = {&stack_top, (void *)reset, (void *)fault, (void *)fault, (void *)fault, (void *)fault, (void *)fault};
