/* From reset to main. */
#include "cortex_m.h"

#include <stddef.h>
#include <string.h>

extern uint32_t data_load[], data_begin[], data_end[], bss_begin[], bss_end[];

int main(void);

/* Where faults end: nothing feeds the hardware watchdog any more, and it resets the board. */
void stuck(void)
{
    for (;;) {
    }
}

void start(void)
{
    memcpy(data_begin, data_load, (size_t)((char *)data_end - (char *)data_begin));
    memset(bss_begin, 0, (size_t)((char *)bss_end - (char *)bss_begin));
    main();
    stuck();
}
