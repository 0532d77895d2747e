/* A hand on an Arduino Uno, Nano or Mega: nothing to set, nothing to edit but the profile.
 *
 * Servos on D3 to D10, one for each joint of the profile. An emergency stop switch that opens, between D2 and
 * ground; without one, a wire. Serial belongs to the link: a sketch that uses it as well does not link. */
#include <NeuroHand.h>

void setup()
{
    neurohand_begin(&hand_profile_arm);
}

void loop()
{
    neurohand_run();
}
