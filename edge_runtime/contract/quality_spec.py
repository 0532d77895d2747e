"""`QualitySpec`: when a channel is not to be believed, and how many such channels are too many."""

from dataclasses import dataclass


@dataclass(frozen=True)
class QualitySpec:
    """Limits of the signal, looked at once a hop over the newest `span_s`.

    Attributes:
        span_s: seconds that a verdict looks back.
        railed: share of the frames at the amplifier's rails from which a channel is railed.
        saturated: share of the network's int8 input at its ends from which a channel is implausibly large.
        mains: amplitude of 50 or 60 Hz that the filter lets through to the network, in units of the
            network's input (1 is the size of a large training sample), from which a channel is swamped.
        bad_channels: share of the channels, rounded down to whole ones, that may be bad; with more of them
            nothing is decided.
        stop_after_s: too many bad channels for longer than this stop the hand.
    """

    span_s: float = 0.2
    railed: float = 0.2
    saturated: float = 0.5
    mains: float = 1.0
    bad_channels: float = 0.1
    stop_after_s: float = 1.0

    def __post_init__(self) -> None:
        if not 0.05 <= self.span_s <= 2:
            raise ValueError("quality: span_s must be 0.05 to 2")
        for name in ("railed", "saturated"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"quality: {name} must be above 0 and at most 1")
        if not 0 < self.mains <= 8:
            raise ValueError("quality: mains must be above 0 and at most 8, where the input ends")
        if not 0 <= self.bad_channels < 1:
            raise ValueError("quality: bad_channels must be at least 0 and below 1")
        if not 0 <= self.stop_after_s <= 60:
            raise ValueError("quality: stop_after_s must be 0 to 60")
