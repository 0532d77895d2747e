/* The golden vectors on this computer. */
#include <stdio.h>

#include "golden_test.h"
#include "ng_golden.h"

static int report(const char *what, uint32_t n, uint32_t different)
{
    if (different) {
        printf("%s: number %lu of %lu differs\n", what, (unsigned long)different, (unsigned long)n);
        return 1;
    }
    printf("%s: %lu, bit for bit\n", what, (unsigned long)n);
    return 0;
}

int main(void)
{
    const int failed = report("frames of the filter", NG_GOLDEN_KEPT, golden_filter());
    return report("windows of the network", NG_GOLDEN_WINDOWS, golden_network()) | failed;
}
