/* What every Cortex-M has. */
#ifndef CORTEX_M_H
#define CORTEX_M_H

#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

#define NVIC_ENABLE REGISTER(0xE000E100u)

/* What was in force, for interrupts_restore: such sections may lie in one another. */
static inline uint32_t interrupts_off(void)
{
    uint32_t masked;
    __asm__ volatile("mrs %0, primask\n\tcpsid i" : "=r"(masked)::"memory");
    return masked;
}

static inline void interrupts_restore(uint32_t masked)
{
    __asm__ volatile("msr primask, %0" ::"r"(masked) : "memory");
}

/* With interrupts off it returns as well when one is pending. */
static inline void wait_for_interrupt(void)
{
    __asm__ volatile("wfi" ::: "memory");
}

/* In start.c, for vector tables. */
extern uint32_t stack_top[];
void start(void);
void stuck(void);

#endif
