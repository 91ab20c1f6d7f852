"""The limits of the machine, measured: bandwidth, latency, clock, peak arithmetic."""
