"""A guided calibration session: cues on the screen, labelled counts in a file. Nothing here knows a hand."""
