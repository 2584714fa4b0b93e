"""The parts of `Tests/Lab/lab`."""
