/* The golden vectors of the bundle: counts, and what filter and network made of them on the workstation.
 * Each function returns 0 where every bit is the same, otherwise the number, from 1, of the first frame or window
 * that is not. */
#ifndef GOLDEN_TEST_H
#define GOLDEN_TEST_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

uint32_t golden_filter(void);
uint32_t golden_network(void);

#ifdef __cplusplus
}
#endif

#endif
