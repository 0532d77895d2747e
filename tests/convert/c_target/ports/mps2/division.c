/* Division of 64 bits, which the firmware's runtime has no use for. */
#include <stdint.h>

/* Run-time ABI for the Arm Architecture: quotient in r0 and r1, remainder in r2 and r3. */
typedef struct {
    int64_t quotient, remainder;
} division;

__attribute__((used)) static void divide(division *made, int64_t dividend, int64_t divisor)
{
    uint64_t left = dividend < 0 ? 0 - (uint64_t)dividend : (uint64_t)dividend, quotient = 0, remainder = 0;
    const uint64_t by = divisor < 0 ? 0 - (uint64_t)divisor : (uint64_t)divisor;
    for (int bit = 63; bit >= 0; --bit) {
        remainder = remainder << 1 | (left >> bit & 1);
        if (remainder >= by) {
            remainder -= by;
            quotient |= (uint64_t)1 << bit;
        }
    }
    made->quotient = (int64_t)((dividend < 0) != (divisor < 0) ? 0 - quotient : quotient);
    made->remainder = (int64_t)(dividend < 0 ? 0 - remainder : remainder);
}

__attribute__((naked)) void __aeabi_ldivmod(void)
{
    __asm__ volatile("push {r7, lr}\n"
                     "sub sp, #24\n"
                     "str r2, [sp]\n"
                     "str r3, [sp, #4]\n"
                     "mov r2, r0\n"
                     "mov r3, r1\n"
                     "add r0, sp, #8\n"
                     "bl divide\n"
                     "ldrd r0, r1, [sp, #8]\n"
                     "ldrd r2, r3, [sp, #16]\n"
                     "add sp, #24\n"
                     "pop {r7, pc}\n");
}
