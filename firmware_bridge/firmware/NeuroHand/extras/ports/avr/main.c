/* A hand on a bare AVR. */
#include "NeuroHand.h"

int main(void)
{
    neurohand_begin(&HAND_PROFILE);
    for (;;) {
        neurohand_run();
    }
}
