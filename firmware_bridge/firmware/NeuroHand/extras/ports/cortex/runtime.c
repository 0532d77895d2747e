/* What a C library and a compiler's runtime would bring; clang comes with neither for a Cortex-M. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

void *memcpy(void *to, const void *from, size_t n)
{
    char *t = to;
    const char *f = from;
    while (n--) {
        *t++ = *f++;
    }
    return to;
}

void *memmove(void *to, const void *from, size_t n)
{
    char *t = to;
    const char *f = from;
    if (t < f) {
        return memcpy(to, from, n);
    }
    while (n--) {
        t[n] = f[n];
    }
    return to;
}

void *memset(void *to, int value, size_t n)
{
    char *t = to;
    while (n--) {
        *t++ = (char)value;
    }
    return to;
}

/* Names of the Run-time ABI for the Arm Architecture. */
void __aeabi_memcpy(void *to, const void *from, size_t n);
void __aeabi_memcpy4(void *to, const void *from, size_t n);
void __aeabi_memset(void *to, size_t n, int value);
void __aeabi_memclr(void *to, size_t n);
void __aeabi_memclr4(void *to, size_t n);

void __aeabi_memcpy(void *to, const void *from, size_t n)
{
    memcpy(to, from, n);
}

void __aeabi_memcpy4(void *to, const void *from, size_t n)
{
    memcpy(to, from, n);
}

void __aeabi_memset(void *to, size_t n, int value)
{
    memset(to, value, n);
}

void __aeabi_memclr(void *to, size_t n)
{
    memset(to, 0, n);
}

void __aeabi_memclr4(void *to, size_t n)
{
    memset(to, 0, n);
}

/* ARMv6-M has no instruction for it. A number of 64 bits is returned as the ABI wants the two results: the
 * quotient in r0, the remainder in r1. */
uint64_t __aeabi_uidivmod(uint32_t dividend, uint32_t divisor);
uint32_t __aeabi_uidiv(uint32_t dividend, uint32_t divisor);

uint64_t __aeabi_uidivmod(uint32_t dividend, uint32_t divisor)
{
    uint32_t quotient = 0;
    uint32_t remainder = 0;
    for (uint32_t bit = UINT32_C(1) << 31; bit != 0; bit >>= 1) {
        remainder = remainder << 1 | ((dividend & bit) != 0);
        if (remainder >= divisor) {
            remainder -= divisor;
            quotient |= bit;
        }
    }
    return (uint64_t)remainder << 32 | quotient;
}

uint32_t __aeabi_uidiv(uint32_t dividend, uint32_t divisor)
{
    return (uint32_t)__aeabi_uidivmod(dividend, divisor);
}
