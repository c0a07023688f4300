"""What the monitor computes: drift, accuracy as outcomes mature, slices, volume. Pure, as all of ``models``."""
