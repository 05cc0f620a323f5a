"""Tables and figures of the thesis, by name."""
